import type { Clock } from "../base/clock.ts";
import type { RunMessage } from "./context.ts";
import type { Dialect } from "./dialect.ts";
import type { TextLimit } from "./fit.ts";
import type { MissingPolicy } from "./render-scope.ts";
import type { TemplateCatalog } from "./template-source.ts";

export interface RenderLimits {
  readonly title?: TextLimit;
  readonly body: TextLimit;
}

export interface RenderRequest {
  readonly catalog: TemplateCatalog;
  /** Template name; undefined takes the one of the state, see `templateForState`. */
  readonly name?: string | undefined;
  /** Template text given in code instead of a name: for the channel's own dialect, or by variant. */
  readonly inline?: string | Readonly<Record<string, string>> | undefined;
  /** Variants the channel can use, best first; default: the chain of the dialect. */
  readonly variants?: readonly string[] | undefined;
  readonly dialect: Dialect;
  readonly limits: RenderLimits;
  /** Plain JSON. Frozen, or from `plainContext`, it is used as it is; else it is copied and the copy frozen. */
  readonly context: RunMessage;
  /** What a path that does not exist prints; default `warn`: nothing, and a warning on the message. */
  readonly missing?: MissingPolicy | undefined;
  /** For the time budget; default: the system's. */
  readonly clock?: Clock | undefined;
}
