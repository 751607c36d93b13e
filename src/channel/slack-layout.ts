import type { JsonObject } from "../base/json.ts";
import type { Message } from "./message.ts";

/** Longest text of one section. Source: Slack docs, Block Kit reference, section block. */
const MAX_SECTION_CHARS = 3_000;
/** Room left in a part for closing and opening a code fence. */
const FENCE_ROOM = 8;

/** Slack decodes exactly these three. Source: Slack docs, "Formatting text for app surfaces", escaping. */
export const escapeSlack = (text: string): string =>
  text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
/** Facts come in Slack's markup, but whatever made them: a mention in one must not call anybody. */
const silent = (text: string): string => text.replaceAll(/<(?=[!@#])(?!!date\^)/g, "&lt;");
const mrkdwn = (text: string) => ({ type: "mrkdwn", text });
const section = (text: string) => ({ type: "section", text: mrkdwn(text) });

const linkText = ({ links }: Message): string =>
  links
    .filter(({ url }) => /^(https?|mailto):/i.test(url))
    .map(({ label, url }) => `<${escapeSlack(url).replaceAll("|", "%7C")}|${label.replaceAll(/[|<>]/g, " ")}>`)
    .join(" · ");

/** Parts of at most one section each, cut at paragraph, line or word ends; a code fence is closed and opened again. */
function sectionsOf(text: string): string[] {
  const parts: string[] = [];
  let rest = text;
  while (rest.length > MAX_SECTION_CHARS) {
    const room = rest.slice(0, MAX_SECTION_CHARS - FENCE_ROOM);
    const end = [room.lastIndexOf("\n\n"), room.lastIndexOf("\n"), room.lastIndexOf(" ")].find(
      (at) => at > room.length / 2,
    );
    const part =
      end === undefined ? room.replace(/(&[a-z]{0,4}|<[^<>]{0,2000}|[\uD800-\uDBFF])$/, "") : room.slice(0, end);
    const isOpen = part.split("```").length % 2 === 0;
    parts.push(isOpen ? `${part}\n\`\`\`` : part);
    const after = rest.slice(part.length);
    // Inside a fence the indentation of the next line is content.
    rest = isOpen ? `\`\`\`\n${after.replace(/^\n/, "")}` : after.trimStart();
  }
  return rest.trim() === "" ? parts : [...parts, rest];
}

/** A message as Block Kit: title, text, facts, links, and a last line with tags and time. */
export function slackBlocks(message: Message): JsonObject[] {
  const { title, body, fields, tags, occurredAt } = message;
  const links = linkText(message);
  const seconds = Math.floor(Date.parse(occurredAt) / 1_000);
  const time = Number.isNaN(seconds) ? "" : `<!date^${seconds}^{date_short_pretty} {time}|${escapeSlack(occurredAt)}>`;
  const footer = [...tags.map(escapeSlack), time].filter((part) => part !== "").join(" · ");
  return [
    ...(title === "" ? [] : [{ type: "header", text: { type: "plain_text", text: title, emoji: true } }]),
    ...sectionsOf(body).map(section),
    ...(fields.length === 0
      ? []
      : [{ type: "section", fields: fields.map(({ name, value }) => mrkdwn(silent(`*${name}*\n${value}`))) }]),
    ...(links === "" ? [] : [section(links)]),
    ...(footer === "" ? [] : [{ type: "context", elements: [mrkdwn(footer)] }]),
  ];
}

/** A message as one text: for messages that are nothing but text, and where Slack refused the blocks. */
export const slackText = (message: Message): string =>
  [
    message.title && `*${escapeSlack(message.title)}*`,
    message.body,
    ...message.fields.map(({ name, value }) => silent(`*${name}:* ${value}`)),
    linkText(message),
  ]
    .filter((line) => line !== "")
    .join("\n");
