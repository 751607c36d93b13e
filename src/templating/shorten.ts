import type { JsonObject, JsonValue } from "../base/json.ts";
import type { RunMessage } from "./context.ts";
import { fromText } from "./convert.ts";
import { deepFreeze } from "./deep-freeze.ts";
import type { Draft } from "./draft.ts";
import { escapeHtml, escapeSlack } from "./escape.ts";
import { fit, measure, type TextLimit } from "./fit.ts";
import type { RenderLimits } from "./render-request.ts";
import { fitMrkdwn } from "./slack-payload.ts";

/** Large web mail programs clip a message above about 102 KB. Source: Gmail, "[Message clipped]", widely measured. */
const HTML_BYTES: TextLimit = { max: 100_000, unit: "bytes" };

/**
 * What a message gives up to fit, in this order: the stack, parameters, further fields, then the ends of its texts. The
 * template is rendered again each time, so markup is never cut. Title and links stay.
 */
export const REDUCTIONS: readonly ((context: RunMessage) => RunMessage)[] = [
  (context) => (context.error === null ? context : { ...context, error: { ...context.error, stack: null } }),
  (context) =>
    context.flow_run === null ? context : { ...context, flow_run: { ...context.flow_run, parameters: {} } },
  withoutExtras,
  (context) => withShortTexts(context, 1_000),
  (context) => withShortTexts(context, 200),
];

/** The context after the first `level` reductions; frozen. */
export const reduced = (context: RunMessage, level: number): RunMessage =>
  deepFreeze(REDUCTIONS.slice(0, level).reduce((value, reduce) => reduce(value), context));

function withoutExtras(context: RunMessage): RunMessage {
  const { flow, flow_run: run, task_run: task } = context;
  return {
    ...context,
    previous_state: null,
    flow: flow === null ? null : { ...flow, tags: [], labels: {}, version: null },
    flow_run: run === null ? null : { ...run, tags: [], labels: {} },
    task_run: task === null ? null : { ...task, tags: [] },
  };
}

/** Cuts every text but titles, links and identifiers. */
function withShortTexts(context: RunMessage, max: number): RunMessage {
  const short = (text: string): string => fit(text, { max, unit: "utf16" }).text;
  const { error, state, vars } = context;
  const shortState = { ...state, message: short(state.message) };
  return {
    ...context,
    state: shortState,
    flow_run: context.flow_run === null ? null : { ...context.flow_run, state: shortState },
    task_run: context.task_run === null ? null : { ...context.task_run, state: shortState },
    error: error === null ? null : { ...error, message: short(error.message), first_line: short(error.first_line) },
    vars: Object.fromEntries(
      Object.entries(vars).map(([key, value]) => [key, typeof value === "string" ? short(value) : value]),
    ),
  };
}

/** Markup around one note in HTML, and what escaping may add to it. */
const HTML_NOTE_UNITS = 200;

/** The limit less the notes that will be added below the message, but never less than half of it. */
function roomFor({ body }: RenderLimits, notes: readonly string[], form: "text" | "html"): TextLimit {
  if (notes.length === 0) return body;
  const extra = form === "html" ? HTML_NOTE_UNITS : 2;
  const reserve = notes.reduce((sum, note) => sum + measure(note, body.unit) + extra, 0);
  return { ...body, max: body.max - Math.min(reserve, Math.floor(body.max / 2)) };
}

/** True when the message with its notes is longer than the channel takes. */
export function overflows(draft: Draft, limits: RenderLimits, notes: readonly string[]): boolean {
  return draft.isCut || isLonger(draft.body, roomFor(limits, notes, "text")) || isHtmlLong(draft, limits, notes);
}

const isHtmlLong = ({ html }: Draft, limits: RenderLimits, notes: readonly string[]): boolean =>
  html !== undefined && (isLonger(html, roomFor(limits, notes, "html")) || isLonger(html, HTML_BYTES));

const isLonger = (text: string, { max, unit }: TextLimit): boolean =>
  text.length > max || (text.length * 3 > max && measure(text, unit) > max);

/** The last resort: the end of the body goes, and HTML that is still too long becomes the shortened plain text. */
export function cutDraft(draft: Draft, limits: RenderLimits, notes: readonly string[]): Draft {
  const body = cutText(draft, roomFor(limits, notes, "text"));
  return isHtmlLong(draft, limits, notes)
    ? { ...draft, body, html: shortHtml(body, roomFor(limits, notes, "html")) }
    : { ...draft, body };
}

/** Escaping makes a text longer, so the plain text shrinks until its HTML fits. */
function shortHtml(text: string, room: TextLimit): string {
  let max = Math.min(room.max, HTML_BYTES.max);
  let html = fromText(text, "html");
  while (isLonger(html, room) || isLonger(html, HTML_BYTES)) {
    max = Math.floor(max / 2);
    html = fromText(fit(text, { max, unit: "utf16" }).text, "html");
  }
  return html;
}

function cutText({ body, bodyDialect }: Draft, limit: TextLimit): string {
  if (!isLonger(body, limit)) return body;
  if (bodyDialect !== "slack-mrkdwn") return fit(body, limit).text;
  let max = limit.max;
  let cut = fitMrkdwn(body, max);
  while (isLonger(cut.text, limit)) {
    max = Math.floor(max / 2);
    cut = fitMrkdwn(body, max);
  }
  return cut.text;
}

/** Adds plain lines below the message, in whatever forms it has. */
export function withNotes(draft: Draft, notes: readonly string[]): Draft {
  if (notes.length === 0) return draft;
  const added = fromText(notes.join("\n"), draft.bodyDialect);
  const body = draft.bodyDialect === "header" ? draft.body : `${draft.body}\n\n${added}`;
  return {
    ...draft,
    body,
    ...(draft.html === undefined ? {} : { html: htmlWithNotes(draft.html, notes) }),
    ...(draft.native === undefined
      ? {}
      : { native: nativeWithNotes(draft.native, notes, draft.bodyDialect === "slack-mrkdwn") }),
  };
}

function htmlWithNotes(html: string, notes: readonly string[]): string {
  const lines = notes.map(
    (note) =>
      `<p style="margin:8px 16px;font:13px/1.5 sans-serif;color:#6b7280;text-align:center">${escapeHtml(note)}</p>`,
  );
  const end = html.toLowerCase().lastIndexOf("</body>");
  return end < 0 ? html + lines.join("") : html.slice(0, end) + lines.join("") + html.slice(end);
}

/** A context block at the end of the last list of blocks, or a last line of the text. Foreign JSON stays as it is. */
function nativeWithNotes(native: JsonValue, notes: readonly string[], isSlack: boolean): JsonValue {
  if (!isSlack || typeof native !== "object" || native === null || Array.isArray(native)) return native;
  // Arrays are out; what is left is a JSON object.
  const payload = native as JsonObject;
  const line = escapeSlack(notes.join(" · "));
  const block: JsonObject = { type: "context", elements: [{ type: "mrkdwn", text: line }] };
  const { attachments, blocks, text } = payload;
  if (Array.isArray(attachments) && attachments.length > 0) {
    const last: JsonObject = attachments[attachments.length - 1];
    const inner: JsonValue = last["blocks"] ?? [];
    return {
      ...payload,
      attachments: [...attachments.slice(0, -1), { ...last, blocks: [...(Array.isArray(inner) ? inner : []), block] }],
    };
  }
  if (Array.isArray(blocks)) return { ...payload, blocks: [...blocks, block] };
  return typeof text === "string" ? { ...payload, text: `${text}\n${line}` } : payload;
}
