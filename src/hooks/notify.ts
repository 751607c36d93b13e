import type { JsonObject, JsonValue } from "../base/json.ts";
import type { BlockRef } from "../block/reference.ts";

export interface NotifyOptions {
  /** Name of a template; default by state: `run-failed`, `run-crashed`, `run-completed`, `run-retrying`, `run-cancelled`. */
  readonly template?: string;
  /** Overrides the severity that the state gives. */
  readonly severity?: "info" | "success" | "warning" | "error" | "critical";
  /** Free values for the template, as `{{vars.x}}`. */
  readonly vars?: Readonly<Record<string, JsonValue>>;
  /** Give up after this many milliseconds; default: the channel's own age limit. */
  readonly expiresInMs?: number;
}

/** What a declarative hook says, as data. */
export interface NotifyDeclaration {
  readonly ref: string;
  readonly options: JsonObject;
}

/** A hook that is stored with the run and delivered however the run ends. It is data: the engine never calls it. */
export interface NotifyHook {
  readonly declaration: NotifyDeclaration;
}
export type NotifyRef = BlockRef | (string & {});
