import type { Dialect } from "./dialect.ts";
import type { RenderLimits } from "./render.ts";
import type { RenderedMessage } from "./rendered.ts";

export interface PlainMessage {
  readonly title?: string;
  readonly body: string;
  readonly dialect: Dialect;
  readonly limits: RenderLimits;
}

/** A message without template (`block.notify("text")`): escaped for the dialect and cut to the limits. Synchronous. */
export function plainMessage(_message: PlainMessage): RenderedMessage {
  throw new Error("under construction");
}
