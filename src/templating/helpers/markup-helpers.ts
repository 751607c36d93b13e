import type { Dialect } from "../dialect.ts";
import { cleanText, ESCAPE, escapeHtml, escapeMarkdown, escapeSlack, safeUrl } from "../escape.ts";
import { isMarkup, type Markup, type MarkupDialect, markup, verbatim } from "../markup.ts";
import type { RenderScope } from "../render-scope.ts";
import { type Helper, isRecord, toNumber } from "./helper.ts";
import { printValue } from "./print-value.ts";

type Wrap = (content: string, dialect: MarkupDialect) => string;

/** Content escaped for the dialect, markup in it kept. */
const inner = (value: unknown, dialect: MarkupDialect, scope: RenderScope): string =>
  isMarkup(value) ? value.print(dialect) : ESCAPE[dialect](printValue(value, scope));

/** Markup around escaped content; nothing around nothing. */
const around = (wrap: Wrap): Helper => ({
  min: 1,
  max: 1,
  fn: ({ scope }, value) =>
    markup(printValue(value, scope), (dialect) => {
      const content = inner(value, dialect, scope);
      return content.trim() === "" ? "" : wrap(content, dialect);
    }),
});

/** Markup around content that the syntax takes literally. */
const literal = (wrap: Wrap): Helper => ({
  min: 1,
  max: 1,
  fn: ({ scope }, value) => {
    const plain = cleanText(printValue(value, scope));
    return markup(plain, (dialect) => (plain.trim() === "" ? "" : wrap(plain, dialect)));
  },
});

/** Slack has no escape for a backtick, so inside code it becomes an apostrophe. */
const slackCode = (text: string): string => escapeSlack(text.replaceAll("`", "'"));

/** More backticks than the text has in a row. */
function fence(text: string, least: number): string {
  const longest = Math.max(0, ...Array.from(text.matchAll(/`+/g), ([run]) => run.length));
  return "`".repeat(Math.max(least, longest + 1));
}

const onOneLine = (text: string): string => text.replaceAll(/\s*\n\s*/g, " ");
const eachLine = (text: string, prefix: string): string => prefix + text.trimEnd().replaceAll("\n", `\n${prefix}`);

const codeSpan: Wrap = (text, dialect) => {
  const line = onOneLine(text);
  if (dialect === "slack-mrkdwn") return `\`${slackCode(line)}\``;
  if (dialect === "html") return `<code>${escapeHtml(line)}</code>`;
  if (dialect === "text") return line;
  const mark = fence(line, 1);
  const pad = line.startsWith("`") || line.endsWith("`") ? " " : "";
  return mark + pad + line + pad + mark;
};

const codeBlock: Wrap = (text, dialect) => {
  const body = text.replace(/^\n+|\s+$/g, "");
  if (dialect === "slack-mrkdwn") return `\`\`\`\n${slackCode(body)}\n\`\`\``;
  if (dialect === "html") return `<pre style="white-space:pre-wrap">${escapeHtml(body)}</pre>`;
  if (dialect === "text") return eachLine(body, "    ");
  const mark = fence(body, 3);
  return `${mark}\n${body}\n${mark}`;
};

const quote: Wrap = (content, dialect) =>
  dialect === "html" ? `<blockquote>${content.replaceAll("\n", "<br>")}</blockquote>` : eachLine(content, "> ");

/** Opening and closing marks of emphasis. */
const MARKS: Readonly<Record<"bold" | "italic", Readonly<Record<MarkupDialect, readonly [string, string]>>>> = {
  bold: { text: ["", ""], markdown: ["**", "**"], "slack-mrkdwn": ["*", "*"], html: ["<strong>", "</strong>"] },
  italic: { text: ["", ""], markdown: ["*", "*"], "slack-mrkdwn": ["_", "_"], html: ["<em>", "</em>"] },
};

const emphasis = (kind: "bold" | "italic"): Helper =>
  around((content, dialect) => {
    const [open, close] = MARKS[kind][dialect];
    return open + content + close;
  });

/** A link in the dialect's syntax; the text alone when the address is not http, https or mailto. */
function linkTo(address: string, text: string): Markup {
  const url = safeUrl(address);
  const label = onOneLine(cleanText(text)) || (url ?? "");
  if (url === undefined) return markup(label, (dialect) => ESCAPE[dialect](label));
  const plain = label === url ? url : `${label} (${url})`;
  return markup(plain, (dialect) => {
    if (dialect === "slack-mrkdwn") return `<${escapeSlack(url)}|${escapeSlack(label.replaceAll("|", "¦"))}>`;
    if (dialect === "html") return `<a href="${escapeHtml(url)}">${escapeHtml(label)}</a>`;
    return dialect === "markdown" ? `[${escapeMarkdown(label)}](${url})` : plain;
  });
}

function listOf(values: readonly unknown[], scope: RenderScope): Markup {
  const plain = values.map((value) => `- ${onOneLine(printValue(value, scope))}`).join("\n");
  return markup(plain, (dialect) => {
    const items = values.map((value) => onOneLine(inner(value, dialect, scope)));
    if (dialect === "html") return `<ul>${items.map((item) => `<li>${item}</li>`).join("")}</ul>`;
    return items.map((item) => `${dialect === "slack-mrkdwn" ? "•" : "-"} ${item}`).join("\n");
  });
}

/** JSON text; where the template is JSON itself, a whole JSON value whose texts are escaped for their place. */
function jsonOf(value: unknown, indent: number): Markup {
  const plain = JSON.stringify(value ?? null, null, indent);
  return verbatim(plain, (dialect: Dialect) => {
    if (dialect === "slack-json") return JSON.stringify(mapTexts(value ?? null, escapeSlack), null, indent);
    if (dialect === "json") return JSON.stringify(mapTexts(value ?? null, cleanText), null, indent);
    const isScriptable = dialect === "html" || dialect === "text";
    return ESCAPE[dialect](isScriptable ? plain.replaceAll("<", "\\u003c") : plain);
  });
}

function mapTexts(value: unknown, escape: (text: string) => string): unknown {
  if (typeof value === "string") return escape(value);
  if (isMarkup(value)) return escape(value.plain);
  if (Array.isArray(value)) return value.map((item: unknown) => mapTexts(item, escape));
  if (!isRecord(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([key, entry]) => [escape(key), mapTexts(entry, escape)]));
}

const EMOJI: Readonly<Record<string, string>> = {
  fire: "🔥",
  error: "❌",
  warning: "⚠️",
  info: "ℹ️",
  success: "✅",
  clock: "🕒",
  retry: "🔁",
  stop: "🛑",
  bell: "🔔",
  bug: "🐛",
  rocket: "🚀",
  hourglass: "⏳",
  link: "🔗",
  tag: "🏷️",
  eyes: "👀",
  party: "🎉",
};

export const MARKUP_HELPERS: Readonly<Record<string, Helper>> = {
  bold: emphasis("bold"),
  italic: emphasis("italic"),
  code: literal(codeSpan),
  codeBlock: literal(codeBlock),
  quote: around(quote),
  list: { min: 1, max: 1, fn: ({ scope }, values) => listOf(Array.isArray(values) ? values : [], scope) },
  link: {
    min: 1,
    max: 2,
    fn: ({ scope }, address, text) => linkTo(printValue(address, scope), printValue(text ?? address, scope)),
  },
  mention: {
    min: 0,
    max: 0,
    // The block's own list, written by whoever may save the block; never data of a run.
    fn: ({ scope }) => {
      const mentions = scope.context.target.mention.join(" ");
      return markup(mentions, (dialect) => (dialect === "html" ? escapeHtml(mentions) : mentions));
    },
  },
  emoji: {
    min: 1,
    max: 1,
    fn: ({ scope }, name) => {
      const key = printValue(name, scope);
      const symbol = Object.hasOwn(EMOJI, key) ? EMOJI[key] : undefined;
      if (symbol === undefined) scope.warn(`emoji: no symbol is named "${key}"`);
      return symbol ?? "";
    },
  },
  json: {
    min: 1,
    max: 1,
    hash: ["indent"],
    fn: ({ hash }, value) => jsonOf(value, Math.min(8, Math.max(0, toNumber(hash["indent"]) ?? 0))),
  },
  raw: {
    min: 1,
    max: 1,
    fn: ({ scope }, value) => {
      const text = printValue(value, scope);
      return verbatim(text, (dialect) => (dialect === "header" ? ESCAPE.header(text) : text));
    },
  },
};
