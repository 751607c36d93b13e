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
