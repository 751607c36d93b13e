import { z } from "zod";

/*
 * What Slack takes, shape by shape. Source: Slack docs, Block Kit reference (header, section, context, actions, divider and
 * rich text blocks; text object; button element) and "Secondary message attachments". Strict: Slack answers
 * `invalid_blocks` to a member that it does not know.
 */

const text = (max: number) => z.string().min(1).max(max);
const plainText = (max: number) =>
  z.strictObject({ type: z.literal("plain_text"), text: text(max), emoji: z.boolean().optional() });
const mrkdwn = (max: number) => z.strictObject({ type: z.literal("mrkdwn"), text: text(max) });

const button = z.strictObject({
  type: z.literal("button"),
  text: plainText(75),
  action_id: text(255).optional(),
  url: z.url({ protocol: /^https?$/ }).max(3_000),
  style: z.enum(["primary", "danger"]).optional(),
});

const richTexts = z
  .array(
    z.strictObject({
      type: z.literal("text"),
      text: text(3_000),
      style: z.strictObject({ bold: z.boolean().optional(), code: z.boolean().optional() }).optional(),
    }),
  )
  .min(1);
const richElement = z.strictObject({
  type: z.enum(["rich_text_section", "rich_text_preformatted", "rich_text_quote"]),
  elements: richTexts,
});

const section = z
  .strictObject({
    type: z.literal("section"),
    text: mrkdwn(3_000).optional(),
    fields: z.array(mrkdwn(2_000)).min(1).max(10).optional(),
  })
  .refine(({ text: body, fields }) => body !== undefined || fields !== undefined, "a section needs text or fields");

const block = z.discriminatedUnion("type", [
  z.strictObject({ type: z.literal("header"), text: plainText(150) }),
  section,
  z.strictObject({ type: z.literal("context"), elements: z.array(mrkdwn(3_000)).min(1).max(10) }),
  z.strictObject({ type: z.literal("actions"), elements: z.array(button).min(1).max(25) }),
  z.strictObject({ type: z.literal("divider") }),
  z.strictObject({ type: z.literal("rich_text"), elements: z.array(richElement).min(1) }),
]);
const blocks = z.array(block).min(1).max(50);

/** Slack cuts a longer one. Source: Slack docs, chat.postMessage, "Truncating content". */
const TEXT_CHARS = 40_000;

/** A payload of an incoming webhook. Beside blocks, `text` is what notifications show. */
const slackMessage = z.strictObject({
  text: text(TEXT_CHARS),
  blocks: blocks.optional(),
  attachments: z
    .array(z.strictObject({ color: z.string().regex(/^#[0-9A-F]{6}$/i), fallback: text(TEXT_CHARS), blocks }))
    .min(1)
    .max(20)
    .optional(),
  unfurl_links: z.boolean().optional(),
  unfurl_media: z.boolean().optional(),
});

/** What Slack would refuse, one line each; empty for a message that it takes. */
export function slackProblems(payload: unknown): string[] {
  const { error } = slackMessage.safeParse(payload);
  return (error?.issues ?? []).map(({ path, message }) => `${path.join(".")}: ${message}`);
}
