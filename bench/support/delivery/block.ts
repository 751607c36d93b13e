import { NotificationBlock, bytes, z } from "../../../src/sdk.ts";

/** A webhook without a rate limit of its own: what is measured is the product, not a provider's rule. */
export class BenchWebhook extends NotificationBlock.define({
  slug: "bench-webhook",
  name: "Bench Webhook",
  description: "Posts JSON to a receiver on this machine.",
  schema: z.object({ url: z.string() }),
  dialect: "text",
  limits: { body: bytes(100_000) },
  profile: "webhook",
  build: ({ config, message }) => ({
    executor: "http",
    method: "POST",
    url: config.url,
    headers: { "idempotency-key": message.deliveryId },
    body: { type: "json", value: { title: message.title, text: message.body } },
    timeoutMs: 5_000,
  }),
}) {}

declare module "../../../src/block/reference.ts" {
  interface BlockTypes {
    "bench-webhook": BenchWebhook;
  }
}
