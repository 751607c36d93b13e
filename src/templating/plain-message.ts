import { cleanText, escapeHeader } from "./escape.ts";
import { bodyDialectOf, fromText } from "./convert.ts";
import type { Dialect } from "./dialect.ts";
import { fit, measure, type TextLimit } from "./fit.ts";
import type { RenderedMessage } from "./rendered.ts";
import type { RenderLimits } from "./render-request.ts";

export interface PlainMessage {
  readonly title?: string;
  /** Plain text; nothing in it is read as markup. */
  readonly body: string;
  readonly dialect: Dialect;
  readonly limits: RenderLimits;
}

/** A message without template: escaped for the dialect and cut to the limits. Synchronous, loads no engine. */
export function plainMessage({ title = "", body, dialect, limits }: PlainMessage): RenderedMessage {
  const line = escapeHeader(title);
  const fittedTitle = limits.title === undefined ? { text: line, truncated: false } : fit(line, limits.title);
  const text = cleanText(body);
  const fittedBody = fitEscaped(text, bodyDialectOf(dialect), limits.body);
  const html = dialect === "html" ? { html: fitEscaped(text, "html", limits.body).text } : {};
  return {
    title: fittedTitle.text,
    body: fittedBody.text,
    ...html,
    truncated: fittedTitle.truncated || fittedBody.truncated,
    template: "plain",
    templateError: null,
    warnings: [],
  };
}

/** Escaping makes a text longer; the plain text is cut until its escaped form fits, so that no escape is cut in two. */
function fitEscaped(
  text: string,
  dialect: Dialect,
  limit: TextLimit,
): { readonly text: string; readonly truncated: boolean } {
  let plain = fit(text, limit);
  let escaped = fromText(plain.text, dialect);
  while (measure(escaped, limit.unit) > limit.max && plain.text !== "") {
    const ratio = limit.max / measure(escaped, limit.unit);
    const max = Math.max(0, Math.min(plain.text.length - 1, Math.floor(measure(plain.text, limit.unit) * ratio)));
    plain = { text: fit(text, { max, unit: limit.unit }).text, truncated: true };
    escaped = fromText(plain.text, dialect);
  }
  return { text: escaped, truncated: plain.truncated };
}
