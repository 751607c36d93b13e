import type { JsonValue } from "../base/json.ts";

/** A problem that did not stop the message, e.g. `missing: flow_run.foo`. */
export type RenderWarning = string;

/** A message rendered for one channel: escaped for its dialect and within its limits. */
export interface RenderedMessage {
  /** One line of plain text, unescaped. */
  readonly title: string;
  readonly body: string;
  /** HTML form for mail; `body` is then its plain-text alternative. */
  readonly html?: string;
  /** Parsed JSON of a `*.json.hbs` variant. */
  readonly native?: JsonValue;
  readonly truncated: boolean;
  /** Which template was used: `<source>:<name>/<variant>`, or `emergency`. */
  readonly template: string;
  /** Why an earlier choice was passed over; null when the first one worked. */
  readonly templateError: string | null;
  readonly warnings: readonly RenderWarning[];
}
