import type { Dialect } from "./dialect.ts";
import { escapeHeader, escapeHtml, escapeMarkdown, escapeSlack } from "./escape.ts";
import { fit, type TextLimit } from "./fit.ts";
import { markdownToHtml, markdownToSlack } from "./markdown.ts";

/** A plain text as HTML: escaped, paragraphs at blank lines, line breaks kept. */
const textToHtml = (text: string): string =>
  text
    .trim()
    .split(/\n{2,}/)
    .map((paragraph) => `<p>${escapeHtml(paragraph).replaceAll("\n", "<br>\n")}</p>`)
    .join("\n");

/** Plain text for a dialect. JSON dialects get the text that goes into their strings. */
export function fromText(text: string, to: Dialect): string {
  switch (to) {
    case "html":
      return textToHtml(text);
    case "slack-mrkdwn":
    case "slack-json":
      return escapeSlack(text);
    case "markdown":
      // Two spaces keep a line break; without them lines flow together.
      return escapeMarkdown(text).replaceAll(/([^\n])\n(?!\n)/g, "$1  \n");
    case "header":
      return escapeHeader(text);
    case "text":
    case "json":
      return text;
  }
}

/** What a lower variant gives a dialect that has none of its own. There is no way from HTML to Markdown. */
export function fromMarkdown(markdown: string, to: Dialect): string {
  if (to === "html") return markdownToHtml(markdown);
  if (to === "slack-mrkdwn" || to === "slack-json") return markdownToSlack(markdown);
  return markdown;
}

/** Longest text that is converted; every channel's limit is below it. */
const LONGEST_CONVERTED: TextLimit = { max: 100_000, unit: "utf16" };

export const convertibleText = (text: string): string => fit(text, LONGEST_CONVERTED).text;

/** The dialect in which a channel's plain body is written. */
export const bodyDialectOf = (dialect: Dialect): Dialect => {
  if (dialect === "slack-json") return "slack-mrkdwn";
  return dialect === "html" || dialect === "json" ? "text" : dialect;
};
