/** How one code reads. Messages and hints contain names, ids and paths, never values that a user may hold secret. */
export interface ErrorSpec {
  /** Name of the error class, as `error.name` shows it. */
  readonly name: string;
  /** HTTP status the hub answers with. */
  readonly status: number;
  readonly message: (details: never) => string;
  /** What the reader should do next. */
  readonly hint: (details: never) => string;
}

interface Ref {
  readonly ref: string;
}

/**
 * Every error code of the product. Callers test `error.code`, never the text.
 * `docs/errors.md`, HTTP problem bodies and CLI output are made from this table.
 */
export const ERRORS = {
  // ---- blocks -------------------------------------------------------------------------------------------------
  block_not_found: {
    name: "BlockNotFoundError",
    status: 404,
    message: (d: Ref) => `No block is saved as "${d.ref}".`,
    hint: (d: Ref) => `Save it with "bellhop block save ${d.ref}", or list the saved ones with "bellhop block ls".`,
  },
  // ---- configuration ------------------------------------------------------------------------------------------
  config_invalid: {
    name: "ConfigError",
    status: 400,
    message: (d: { key: string; source: string; problem: string }) => `The setting "${d.key}" is not valid: ${d.problem}.`,
    hint: (d: { key: string; source: string; problem: string }) => `Correct it where it was set: ${d.source}.`,
  },
} as const satisfies Record<string, ErrorSpec>;

export type ErrorCode = keyof typeof ERRORS;

/** What an error of this code must be given. */
export type ErrorDetails<C extends ErrorCode> = Parameters<(typeof ERRORS)[C]["message"]>[0];
