import type { RenderRequest } from "./render-request.ts";
import type { RenderedMessage } from "./rendered.ts";

type Pipeline = (request: RenderRequest) => RenderedMessage;

let pipeline: Pipeline | undefined;

/**
 * Renders a message for one channel. Never rejects for a template's sake: it falls back (next variant, built-in
 * template, plain emergency text), and says so in `templateError` and in a last line of the message.
 */
export async function renderMessage(request: RenderRequest): Promise<RenderedMessage> {
  pipeline ??= await openPipeline();
  return pipeline(request);
}

/** The engine and everything around it is loaded by the first message that needs it. */
async function openPipeline(): Promise<Pipeline> {
  const [{ renderNow }, { loadEngine }] = await Promise.all([import("./render-pipeline.ts"), import("./engine.ts")]);
  const engine = await loadEngine();
  return (request) => renderNow(request, engine);
}
