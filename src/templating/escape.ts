import type { Dialect } from "./dialect.ts";

/*
 * One function per dialect. They are applied where a template prints a value, never to the template's own text, so that
 * nothing in a value can open markup, address people or break out of a header or string.
 */

// oxlint-disable-next-line no-control-regex -- terminal colour codes in error texts
const ANSI = /\u001B\[[0-?]*[ -/]*[@-~]/g;
// oxlint-disable-next-line no-control-regex -- everything but line feed and tab
const CONTROL = /[\u0000-\u0008\u000B-\u001F\u007F-\u009F]/g;
/** Anything that `cleanText` may have to change; most values hold none of it, and one test is cheap. */
// oxlint-disable-next-line no-control-regex -- see above
const UNCLEAN = /[\u0000-\u0008\u000B-\u001F\u007F-\u009F\u202A-\u202E\u2066-\u2069\uD800-\uDFFF]/;
/** The same and every character that one of the escapers changes. */
// oxlint-disable-next-line no-control-regex -- see above
const NOT_PLAIN = /[^\n\t\u0020!#-%(-;?A-_a-\u007E\u00A0-\u2027\u202F-\u2065\u206A-\uD7FF\uE000-\uFFFF]/;
// oxlint-disable-next-line no-control-regex -- quick test for the line breaks and everything that `cleanText` removes
const NOT_ONE_LINE = /[\u0000-\u001F\u007F-\u009F\u2028-\u202E\u2066-\u2069\uD800-\uDFFF]/;
const LINE_BREAKS = /[\n\t\u2028\u2029]+/g;
/**
 * Direction overrides and isolates would turn around whatever the template prints after the value; no honest name needs
 * them. Source: Unicode Technical Report 36, "Bidirectional Text Spoofing".
 */
const BIDI = /[\u202A-\u202E\u2066-\u2069]/g;

/** Text without control characters (line feed and tab stay), terminal colours, direction overrides and lone surrogates. */
export function cleanText(text: string): string {
  if (!UNCLEAN.test(text)) return text;
  const whole = (text.isWellFormed() ? text : text.toWellFormed()).replaceAll(BIDI, "");
  return whole.replaceAll(ANSI, "").replaceAll("\r\n", "\n").replaceAll("\r", "\n").replaceAll(CONTROL, "");
}

/** One line: every line break becomes one space, so that a value can add no header. */
export const escapeHeader = (text: string): string =>
  (NOT_ONE_LINE.test(text) ? cleanText(text).replaceAll(LINE_BREAKS, " ") : text).trim();

const HTML: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&#x27;",
  "`": "&#x60;",
  "=": "&#x3D;",
};
const HTML_SPECIAL = /[&<>"'`=]/g;

/** The seven characters that Handlebars itself escapes; safe in text and in quoted attributes. */
export const escapeHtml = (text: string): string =>
  NOT_PLAIN.test(text) ? cleanText(text).replaceAll(HTML_SPECIAL, (c) => HTML[c] ?? c) : text;

/** Names that chat servers turn into a ping of everybody. */
const GROUP_MENTION = /@(?=(?:everyone|here|channel|all)\b)/gi;

const SLACK: Readonly<Record<string, string>> = { "&": "&amp;", "<": "&lt;", ">": "&gt;" };
const SLACK_SPECIAL = /[&<>]/g;

/**
 * The three characters that Slack decodes; mentions and links all begin with `<`. Star, underscore, tilde and backtick
 * have no escape. Source: Slack docs, "Formatting text for app surfaces", escaping text.
 * `@channel` and its like mean nothing to Slack, but ping everybody on the servers that take Slack's format.
 */
export const escapeSlack = (text: string): string =>
  NOT_PLAIN.test(text)
    ? cleanText(text)
        .replaceAll(SLACK_SPECIAL, (c) => SLACK[c] ?? c)
        .replaceAll(GROUP_MENTION, "@\u200B")
    : text;

const SLACK_ENTITY = /&(amp|lt|gt);/g;
const SLACK_DECODED: Readonly<Record<string, string>> = { amp: "&", lt: "<", gt: ">" };

/** The reverse of {@link escapeSlack}, for addresses. */
export const decodeSlack = (text: string): string =>
  text.replaceAll(SLACK_ENTITY, (all, name: string) => SLACK_DECODED[name] ?? all);

/**
 * The same for places of Block Kit that take plain text. Slack reads no mention there; an invisible joiner keeps readers
 * that treat every text as markup from finding one.
 */
export const plainSlack = (text: string): string => decodeSlack(text).replaceAll(/<(?=[!@#])/g, "<\u2060");

const MARKDOWN_SPECIAL = /[\\`*_{}[\]()#+\-.!|<>~]/g;

export const escapeMarkdown = (text: string): string =>
  cleanText(text).replaceAll(MARKDOWN_SPECIAL, "\\$&").replaceAll(GROUP_MENTION, "@\u200B");

/** The inside of a JSON string, without the quotes. U+2028 and U+2029 too, for readers that take JSON for JavaScript. */
export const escapeJson = (text: string): string =>
  JSON.stringify(text.isWellFormed() ? text : text.toWellFormed())
    .slice(1, -1)
    .replaceAll("\u2028", "\\u2028")
    .replaceAll("\u2029", "\\u2029");

/** How each dialect prints a value. */
export const ESCAPE: Readonly<Record<Dialect, (text: string) => string>> = {
  text: cleanText,
  header: escapeHeader,
  html: escapeHtml,
  markdown: escapeMarkdown,
  "slack-mrkdwn": escapeSlack,
  "slack-json": (text) => escapeJson(escapeSlack(text)),
  json: (text) => escapeJson(cleanText(text)),
};

const SAFE_SCHEMES: ReadonlySet<string> = new Set(["http:", "https:", "mailto:"]);

/** The address in a form that no dialect's link syntax can be left with; undefined unless http, https or mailto. */
export function safeUrl(text: string): string | undefined {
  if (!URL.canParse(text)) return undefined;
  const url = new URL(text);
  if (!SAFE_SCHEMES.has(url.protocol)) return undefined;
  url.username = "";
  url.password = "";
  return url.href.replaceAll(
    /[|<>"'`\\^{}()\s]/g,
    (c) => `%${c.charCodeAt(0).toString(16).toUpperCase().padStart(2, "0")}`,
  );
}
