import type { ErrorSpec } from "./error-spec.ts";

/** Settings and the command line. */
export const EDGE_ERRORS = {
  config_invalid: {
    name: "ConfigError",
    status: 400,
    message: (d: { key: string; source: string; problem: string }) =>
      `The setting "${d.key}" is not valid: ${d.problem}.`,
    hint: (d: { key: string; source: string; problem: string }) => `Correct it where it was set: ${d.source}.`,
  },
  cli_usage: {
    name: "UsageError",
    status: 400,
    message: (d: { problem: string; next: string }) =>
      `${d.problem.replace(/^[a-z]+(?= )/, (word) => word.charAt(0).toUpperCase() + word.slice(1))}.`,
    hint: (d: { problem: string; next: string }) => d.next,
  },
  run_not_found: {
    name: "RunNotFoundError",
    status: 404,
    message: (d: { run: string }) => `No flow run has the id or name "${d.run}".`,
    hint: () =>
      `List runs with "bellhop run ls". The first 4 or more characters of an id are enough if no other id begins with them.`,
  },
  delivery_not_found: {
    name: "DeliveryNotFoundError",
    status: 404,
    message: (d: { delivery: string }) => `No delivery has the id "${d.delivery}".`,
    hint: () =>
      `List deliveries with "bellhop delivery ls". The first 4 or more characters of an id are enough if no other id begins with them.`,
  },
} as const satisfies Record<string, ErrorSpec>;
