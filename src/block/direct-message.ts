import { newId } from "../base/ids.ts";
import { redact } from "../base/redactor.ts";
import type { ChannelDefinition } from "../channel/channel.ts";
import type { Message } from "../channel/message.ts";
import type { Dialect } from "../templating/dialect.ts";
import { fit } from "../templating/fit.ts";
import { InvalidPayloadError } from "./errors.ts";
import type { NotifyMessage } from "./notify-message.ts";

export interface DirectMessageInput {
  readonly given: NotifyMessage;
  readonly channel: Pick<ChannelDefinition<never>, "dialect" | "limits">;
  /** For errors. */
  readonly ref: string;
  readonly nowMs: number;
}

/** Control characters other than line feed and tab, which providers refuse or mangle, and direction overrides. */
// oxlint-disable-next-line no-control-regex -- these are the characters to remove
const CONTROL = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u202a-\u202e]/g;

/**
 * Slack markup that notifies people. `<!date^…>` only prints a date. Source: Slack docs, "Formatting text for app
 * surfaces", special mentions, user and group mentions.
 */
const SLACK_MENTION = /<(!(?!date\^)[^>]*|@[^>]*)>/gi;

/** Nothing to Slack, but a call of everybody on the servers that take Slack's format. Not so inside an address. */
const GROUP_MENTION = /(?<![\w.+-])@(?=(?:everyone|here|channel|all)\b)/gi;

const slackSafe = (text: string): string =>
  text.replace(SLACK_MENTION, (_, inner: string) => `&lt;${inner}&gt;`).replace(GROUP_MENTION, "@\u200B");

const safeFor = (dialect: Dialect, text: string): string =>
  dialect === "slack-mrkdwn" || dialect === "slack-json" ? slackSafe(text) : text;

/** Masked before it is changed, when secrets are still as they were, and after: what is removed may have stood inside one. */
const masked = (text: string, change: (text: string) => string): string => redact(change(redact(text)));

const printable = (text: string): string => text.replace(/\r\n?/g, "\n").replace(CONTROL, "");

/** Text as its author wrote it, minus what could do harm: control characters, mass mentions, known secrets. */
const clean = (text: string, dialect: Dialect): string => masked(text, (shown) => safeFor(dialect, printable(shown)));

const oneLine = (text: string): string =>
  masked(text, (shown) => shown.replace(/\s+/g, " ").replace(CONTROL, "").trim());

const HTML: Readonly<Record<string, string>> = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#39;" };

/** Plain text as a simple HTML part: paragraphs at blank lines, line breaks kept. */
function toHtml(text: string): string {
  const escaped = text.replace(/[&<>"']/g, (char) => HTML[char] ?? char);
  const paragraphs = escaped.split(/\n{2,}/).map((part) => `<p>${part.replaceAll("\n", "<br>\n")}</p>`);
  return paragraphs.join("\n");
}

/**
 * Makes the message of a direct `notify()`.
 *
 * @throws invalid_payload when there is neither title nor body.
 */
export function directMessage({ given, channel, ref, nowMs }: DirectMessageInput): Message {
  const { dialect, limits } = channel;
  const wholeTitle = oneLine(given.title ?? "");
  const wholeBody = clean(given.body ?? "", dialect);
  if (wholeTitle === "" && wholeBody.trim() === "")
    throw new InvalidPayloadError({ ref, problem: "title and body are empty" });
  const title = limits.title === undefined ? { text: wholeTitle, truncated: false } : fit(wholeTitle, limits.title);
  const body = fit(wholeBody, limits.body);
  const text = (value: string): string => clean(value, dialect);
  return {
    deliveryId: newId(),
    conversationKey: null,
    severity: given.severity ?? "info",
    title: title.text,
    body: body.text,
    ...(dialect === "html" ? { html: toHtml(body.text) } : {}),
    fields: (given.fields ?? []).map((field) => ({ ...field, name: text(field.name), value: text(field.value) })),
    links: (given.links ?? []).map((link) => ({ ...link, label: text(link.label), url: redact(link.url) })),
    tags: [],
    occurredAt: new Date(nowMs).toISOString(),
    truncated: title.truncated || body.truncated,
  };
}
