import type { RunMessage } from "./context.ts";
import { deepFreeze } from "./deep-freeze.ts";
import { summaryOf, titleOf } from "./one-liners.ts";
import { SEVERITY_LOOK, severityOf } from "./severity.ts";

/*
 * Fixed contexts for previews, validation and tests. `normal` has every field, `minimal` as little as the schema allows,
 * `hostile` tries to ping, to open markup, to break headers and to overflow.
 */

type State = RunMessage["state"];

const stateOf = (fields: Pick<State, "name" | "type" | "message"> & Partial<State>): State => ({
  id: "01994f2a-7c3e-7b1d-9a55-2f6f3a1b7c44",
  timestamp: "2026-03-02T02:14:09.120000Z",
  is_final: ["COMPLETED", "FAILED", "CRASHED", "CANCELLED"].includes(fields.type),
  ...fields,
});

const FAILED = stateOf({
  name: "Failed",
  type: "FAILED",
  message: "Flow run encountered an exception: ValueError: bad row 17 in orders.csv",
});

const RUNNING = stateOf({
  id: "01994f2a-1f00-7000-8000-000000000001",
  name: "Running",
  type: "RUNNING",
  message: "",
  timestamp: "2026-03-02T02:02:05.000000Z",
});

const NORMAL_ERROR: RunMessage["error"] = {
  type: "ValueError",
  message: "bad row 17 in orders.csv\nexpected 12 columns, got 11",
  first_line: "bad row 17 in orders.csv",
  stack: [
    "ValueError: bad row 17 in orders.csv",
    "expected 12 columns, got 11",
    "    at parseRow (flows/etl/parse.ts:88:11)",
    "    at load (flows/etl/load.ts:41:7)",
    "    at nightlyEtl (flows/etl/main.ts:19:3)",
  ].join("\n"),
  location: "flows/etl/parse.ts:88:11 in parseRow",
};

const NORMAL_RUN: NonNullable<RunMessage["flow_run"]> = {
  id: "01994f1f-0c3e-7b1d-9a55-2f6f3a1b7c44",
  name: "crimson-fox",
  tags: ["prod", "etl"],
  labels: { team: "data" },
  parameters: { day: "2026-03-01", limit: 5_000, password: "********" },
  state_name: FAILED.name,
  state_type: FAILED.type,
  state: FAILED,
  run_count: 3,
  expected_start_time: "2026-03-02T02:00:00.000000Z",
  start_time: "2026-03-02T02:02:05.000000Z",
  end_time: "2026-03-02T02:14:09.120000Z",
  duration_seconds: 724.12,
  lateness_seconds: 125,
  parent_task_run_id: null,
  url: "https://hub.example/runs/01994f1f-0c3e-7b1d-9a55-2f6f3a1b7c44",
};

const NORMAL: RunMessage = complete({
  kind: "problem",
  reason: "first",
  severity: "error",
  severity_emoji: "",
  severity_color: "",
  flow: {
    id: "01994e00-0000-7000-8000-000000000001",
    name: "nightly-etl",
    version: "4f1c9a5",
    tags: ["prod"],
    labels: { team: "data" },
    url: "https://hub.example/flows/nightly-etl",
  },
  flow_run: NORMAL_RUN,
  task_run: null,
  state: FAILED,
  previous_state: RUNNING,
  retry: { attempt: 3, max: 3, next_at: null, delay_seconds: null },
  error: NORMAL_ERROR,
  links: {
    run: "https://hub.example/runs/01994f1f-0c3e-7b1d-9a55-2f6f3a1b7c44",
    flow: "https://hub.example/flows/nightly-etl",
    logs: "https://hub.example/runs/01994f1f-0c3e-7b1d-9a55-2f6f3a1b7c44/logs",
  },
  hub: { name: "Bellhop", url: "https://hub.example", version: "0.1.0", environment: "prod" },
  now: "2026-03-02T02:14:10.000000Z",
  timezone: "Europe/Berlin",
  vars: { runbook: "https://wiki.example/nightly-etl" },
  target: { block_type: "slack-webhook", block_name: "ops", mention: ["<!subteam^S012>"] },
});

const MINIMAL: RunMessage = complete({
  kind: "problem",
  reason: "first",
  severity: "error",
  severity_emoji: "",
  severity_color: "",
  flow: null,
  flow_run: null,
  task_run: null,
  state: stateOf({ name: "Failed", type: "FAILED", message: "" }),
  previous_state: null,
  retry: null,
  error: null,
  links: { run: null, flow: null, logs: null },
  hub: { name: "Bellhop", url: null, version: "0.1.0", environment: null },
  now: "2026-03-02T02:14:10.000000Z",
  timezone: "UTC",
  vars: {},
  target: { block_type: "slack-webhook", block_name: "ops", mention: [] },
});

/** Everything that has broken a message somewhere: mentions, markup of each dialect, header injection, template syntax. */
const ATTACK =
  "<!channel> <@U024BE7LH> @everyone @here <users/all> <script>alert(1)</script> \" onload='x' *_~|`` [x](javascript:x) " +
  "{{flow.name}} {{{x}}} \\ </pre> &amp; \r\nBcc: all@example.com\r\n\r\n\u202Egnp.exe \uD83D 👩‍👩‍👧‍👦 مرحبا #- + !";

const HOSTILE_STATE = stateOf({ name: ATTACK, type: "FAILED", message: `${ATTACK}\n${"x ".repeat(10_000)}` });

const HOSTILE: RunMessage = complete({
  ...NORMAL,
  flow: {
    id: null,
    name: ATTACK,
    version: ATTACK,
    tags: [ATTACK],
    labels: { "a.b": ATTACK },
    url: "javascript:alert(1)",
  },
  flow_run: {
    ...NORMAL_RUN,
    name: ATTACK,
    tags: [ATTACK, "<!here>", "\u0000\u0007"],
    labels: { __proto__x: ATTACK },
    parameters: { [ATTACK]: ATTACK },
    state_name: ATTACK,
    state: HOSTILE_STATE,
    url: "javascript:alert(1)",
  },
  state: HOSTILE_STATE,
  error: {
    type: "Evil<!channel>Error",
    message: `${ATTACK}\n${"y".repeat(20_000)}`,
    first_line: ATTACK,
    stack: `${ATTACK}\n${"    at <anonymous> (```<!channel>```)\n".repeat(100)}`.slice(0, 4_000),
    location: ATTACK,
  },
  links: {
    run: "https://hub.example/runs/1?a=1&b=<!channel>|x",
    flow: "javascript:alert(1)",
    logs: "data:text/html,x",
  },
  hub: { ...NORMAL.hub, environment: ATTACK, name: ATTACK },
  vars: { evil: ATTACK },
  target: { block_type: "slack-webhook", block_name: ATTACK, mention: [] },
});

/** A context with the given state; the run that it is about agrees with it. */
export function exampleForState(base: RunMessage, fields: Pick<State, "name" | "type" | "message">): RunMessage {
  const state = stateOf(fields);
  const isProblem = state.type === "FAILED" || state.type === "CRASHED";
  const isRetrying = state.name === "AwaitingRetry";
  const run = base.flow_run;
  return complete({
    ...base,
    kind: isProblem || isRetrying ? "problem" : "info",
    state,
    flow_run: run === null ? null : { ...run, state, state_name: state.name, state_type: state.type },
    retry: isRetrying ? { attempt: 2, max: 3, next_at: "2026-03-02T02:14:39.120000Z", delay_seconds: 30 } : base.retry,
    error: isProblem || isRetrying ? base.error : null,
  });
}

/** Fills in severity and one-liners from the facts. */
function complete(facts: Omit<RunMessage, "title" | "summary">): RunMessage {
  const severity = severityOf(facts.state.type, facts.state.name);
  const look = SEVERITY_LOOK[severity];
  return deepFreeze({
    ...facts,
    severity,
    severity_emoji: look.emoji,
    severity_color: look.color,
    title: titleOf(facts),
    summary: summaryOf(facts),
  });
}

/** Fixed and complete, so that previews are reproducible. */
export const exampleContexts: Readonly<Record<"normal" | "minimal" | "hostile", RunMessage>> = {
  normal: NORMAL,
  minimal: MINIMAL,
  hostile: HOSTILE,
};
