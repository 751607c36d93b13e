import type { JsonObject } from "../base/json.ts";
import type { StateType } from "../states/state-type.ts";

/**
 * A declarative hook as data: what `notify(ref, options)` says, stored with the run, so that whoever commits the
 * matching state can enqueue its delivery, also after the process that declared it is dead.
 */
export interface DeclaredHook {
  /** Position among all declared hooks of the object; part of the delivery's identity. */
  readonly index: number;
  /** Committed state types on which it fires. `onRetry` is not a type, see `retries`. */
  readonly on: readonly StateType[];
  /** Fires when a retry was decided (AwaitingRetry, or Retrying without delay). */
  readonly retries?: boolean;
  /** Block reference. */
  readonly ref: string;
  /** Options of `notify()`: template, subject, severity, vars, expiresInMs. */
  readonly options: JsonObject;
}
