import type { TemplateCatalog } from "./catalog.ts";
import type { RunMessage } from "./context.ts";
import type { Dialect } from "./dialect.ts";
import type { TextLimit } from "./fit.ts";
import type { RenderedMessage } from "./rendered.ts";

export interface RenderLimits {
  readonly title?: TextLimit;
  readonly body: TextLimit;
}

export interface RenderRequest {
  readonly catalog: TemplateCatalog;
  /** Template name; undefined takes the one of the state, see `templateForState`. */
  readonly name?: string | undefined;
  /** Template text given in code instead of a name: for the channel's own dialect, or by variant. */
  readonly inline?: string | Readonly<Record<string, string>>;
  /** Variants the channel can use, best first; default: the chain of the dialect. */
  readonly variants?: readonly string[] | undefined;
  readonly dialect: Dialect;
  readonly limits: RenderLimits;
  readonly context: RunMessage;
  /** What a path that does not exist prints; default `warn`: nothing, and a warning on the message. */
  readonly missing?: "warn" | "mark" | "error";
}

/** Renders a message for one channel. Never rejects for a template's sake: it falls back and says so in `templateError`. */
export async function renderMessage(_request: RenderRequest): Promise<RenderedMessage> {
  throw new Error("under construction");
}
