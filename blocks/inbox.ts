import { NotificationBlock, chars, z } from "../src/sdk.ts";

/** Keeps messages on this machine instead of sending them, for development: `bellhop` shows them. */
export class Inbox extends NotificationBlock.define({
  slug: "inbox",
  name: "Inbox",
  description: "Keeps messages on this machine instead of sending them anywhere; for development.",
  codeExample: 'import { Block } from "bellhop";\n\nawait Block.load("inbox/dev").notify("Hello");',
  schema: z.object({
    title_prefix: z.string().default("").meta({ description: "Put before every title." }),
  }),
  dialect: "text",
  limits: { title: chars(500), body: chars(100_000) },
  variants: ["text"],
  profile: "chat",
  build: ({ config, message }) => ({
    executor: "inbox",
    title: `${config.title_prefix}${message.title}`,
    body: [
      message.body,
      ...message.fields.map(({ name, value }) => `${name}: ${value}`),
      ...message.links.map(({ label, url }) => `${label}: ${url}`),
    ]
      .filter((line) => line !== "")
      .join("\n"),
  }),
}) {}

declare module "../src/block/reference.ts" {
  interface BlockTypes {
    inbox: Inbox;
  }
}
