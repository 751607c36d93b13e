import type { JsonValue } from "../base/json.ts";
import { bodyDialectOf, convertibleText, fromMarkdown, fromText } from "./convert.ts";
import type { Dialect } from "./dialect.ts";
import { frameOf } from "./engine.ts";
import { escapeHeader, escapeSlack } from "./escape.ts";
import { htmlToText } from "./html-text.ts";
import type { PreparedVariant, Section } from "./prepare.ts";
import { BUDGET, RenderFailure, type RenderScope } from "./render-scope.ts";
import { slackPayload } from "./slack-payload.ts";
import { parseTemplateJson } from "./template-json.ts";
import { variantKind } from "./variants.ts";

/** A message in the making: converted to the channel's dialect, not yet within its limits. */
export interface Draft {
  readonly title: string;
  /** In `bodyDialect`. */
  readonly body: string;
  readonly bodyDialect: Dialect;
  readonly html?: string;
  readonly native?: JsonValue;
  /** Provider JSON was cut to the provider's own limits. */
  readonly isCut: boolean;
}

/** Runs a variant and brings what it printed into the channel's dialect. Throws RenderFailure. */
export function draftOf(prepared: PreparedVariant, scope: RenderScope, dialect: Dialect): Draft {
  const printed = print(prepared, scope);
  if (prepared.isEmail) return emailDraft(printed, scope, dialect);
  const kind = variantKind(prepared.source.variant);
  const from = kind === undefined || kind === "email" ? "text" : kind.dialect;
  return textDraft(printed.body ?? "", from, scope, dialect);
}

function print(prepared: PreparedVariant, scope: RenderScope): Partial<Record<Section, string>> {
  const sections: Partial<Record<Section, string>> = {};
  for (const part of prepared.parts) {
    const output = runPart(() => part.run(scope.context, { data: frameOf(scope), partials: part.partials }));
    if (output.length > BUDGET.outputChars)
      throw new RenderFailure("budget", `more than ${BUDGET.outputChars} characters`);
    sections[part.section] = output;
  }
  return sections;
}

/** Handlebars' own errors say what went wrong in the template; they become ours. */
function runPart(run: () => string): string {
  try {
    return run();
  } catch (error) {
    if (error instanceof RenderFailure) throw error;
    throw new RenderFailure("invalid", error instanceof Error ? (error.message.split("\n")[0] ?? "") : "unknown");
  }
}

function emailDraft(printed: Partial<Record<Section, string>>, scope: RenderScope, dialect: Dialect): Draft {
  const title = escapeHeader(printed.subject ?? "") || scope.context.title;
  const html =
    printed.html === undefined ? undefined : withPreheader(printed.html.trim(), printed.preheader?.trim() ?? "");
  const body = printed.text === undefined ? htmlToText(html ?? "") : tidy(printed.text);
  if (dialect !== "html")
    return { title, body: fromText(body, bodyDialectOf(dialect)), bodyDialect: bodyDialectOf(dialect), isCut: false };
  return { title, body, bodyDialect: "text", html: html ?? fromText(body, "html"), isCut: false };
}

/** Mail programs show the preheader beside the subject; in the mail itself it is hidden. */
function withPreheader(html: string, preheader: string): string {
  if (preheader === "") return html;
  const hidden = `<div style="display:none;max-height:0;overflow:hidden">${preheader}</div>`;
  const body = /<body\b[^>]*>/i.exec(html);
  if (body === null) return hidden + html;
  const at = body.index + body[0].length;
  return html.slice(0, at) + hidden + html.slice(at);
}

/** Conditions leave empty lines behind; one is enough between paragraphs. */
const tidy = (text: string): string => (text.includes("\n\n\n") ? text.replaceAll(/\n{3,}/g, "\n\n") : text).trim();

function textDraft(output: string, from: Dialect, scope: RenderScope, dialect: Dialect): Draft {
  const { title } = scope.context;
  if (from === "slack-json" || from === "json") return jsonDraft(output, from, scope, dialect);
  const text = convertibleText(from === "markdown" ? output.trim() : tidy(output));
  if (text === "") throw new RenderFailure("empty", "the template printed nothing");
  const bodyDialect = bodyDialectOf(dialect);
  if (from === "html")
    return { title, body: htmlToText(output), bodyDialect: "text", html: output.trim(), isCut: false };
  const body =
    from === "markdown" ? fromMarkdown(text, bodyDialect) : from === "text" ? fromText(text, bodyDialect) : text;
  if (dialect === "html") {
    const html = from === "markdown" ? fromMarkdown(text, "html") : fromText(text, "html");
    return { title, body, bodyDialect, html, isCut: false };
  }
  // Slack would put blocks of its own around a text; a template's text goes out as it is.
  if (bodyDialect === "slack-mrkdwn") return { title, body, bodyDialect, isCut: false, native: quietSlackText(body) };
  return { title, body, bodyDialect, isCut: false };
}

export const quietSlackText = (text: string): JsonValue => ({ text, unfurl_links: false, unfurl_media: false });

function jsonDraft(output: string, from: "slack-json" | "json", scope: RenderScope, dialect: Dialect): Draft {
  const { title, summary } = scope.context;
  const bodyDialect = bodyDialectOf(dialect);
  const body = fromText(summary === "" || summary === title ? title : `${title}\n${summary}`, bodyDialect);
  try {
    const value = parseTemplateJson(output);
    if (from === "json") return { title, body, bodyDialect, native: value, isCut: false };
    const { payload, truncated } = slackPayload(value, escapeSlack(title));
    return { title, body, bodyDialect, native: payload, isCut: truncated };
  } catch (error) {
    const reason = error instanceof Error ? error.message : "unknown";
    throw new RenderFailure("output", `the template printed no valid JSON: ${reason.slice(0, 200)}`);
  }
}
