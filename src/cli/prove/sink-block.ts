import { bytes, NotificationBlock, z } from "../../sdk.ts";

export const SINK_SLUG = "prove-sink";

/** Which header carries the delivery's id. */
export const DELIVERY_HEADER = "idempotency-key";

/** Its bounds are those of one attempt; a sink on this machine answers in milliseconds, or not at all. */
const TIMEOUT_MS = 1_000;

/** The channel of the proof: a plain request to the sink, without a rate, retried as often as a page. */
export class ProveSink extends NotificationBlock.define({
  slug: SINK_SLUG,
  name: "Sink of bellhop prove",
  description: "Receives the messages of bellhop prove.",
  schema: z.object({ url: z.url() }),
  dialect: "text",
  limits: { body: bytes(10_000) },
  profile: "page",
  build: ({ config, message }) => ({
    executor: "http",
    method: "POST",
    url: config.url,
    headers: { [DELIVERY_HEADER]: message.deliveryId },
    body: { type: "text", value: `${message.title}\n${message.body}` },
    timeoutMs: TIMEOUT_MS,
  }),
}) {}
