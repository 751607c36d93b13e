import type { JsonObject, JsonValue } from "../base/json.ts";
import { decodeSlack, plainSlack, safeUrl } from "./escape.ts";
import { ELLIPSIS, fit } from "./fit.ts";

/**
 * What Slack takes, in characters and counts. Source: Slack docs, Block Kit reference (header, section, context, actions,
 * button); the total is ours, below the point where `msg_blocks_too_long` was seen.
 */
const SLACK_LIMITS = {
  topText: 4_000,
  header: 150,
  section: 3_000,
  field: 2_000,
  fields: 10,
  button: 75,
  url: 3_000,
  contextElements: 10,
  actionElements: 25,
  blocks: 50,
  total: 12_000,
} as const;

/** Caps on every text, tried in turn while the whole is too long. */
const TEXT_CAPS = [3_000, 1_500, 700, 300, 120] as const;

export interface SlackPayload {
  readonly payload: JsonObject;
  /** Something was longer than Slack takes, and was cut here. */
  readonly truncated: boolean;
}

interface Fitting {
  readonly cap: number;
  total: number;
  truncated: boolean;
}

/**
 * Makes a payload of what a `slack.json` template printed: fills in the top-level text, drops what Slack would refuse
 * (empty texts, buttons without a web address), turns off unfurling, and cuts to Slack's limits. Throws a TypeError when
 * the value is neither an object nor a list of blocks.
 */
export function slackPayload(value: JsonValue, title: string): SlackPayload {
  const message: JsonObject | undefined = Array.isArray(value) ? { blocks: value } : asObject(value);
  if (message === undefined) throw new TypeError("a slack.json template must print an object or a list of blocks");
  let best = fitPayload(message, title, Number.POSITIVE_INFINITY);
  for (const cap of TEXT_CAPS) {
    if (best.total <= SLACK_LIMITS.total) break;
    best = fitPayload(message, title, cap);
  }
  return { payload: best.payload, truncated: best.truncated };
}

function fitPayload(
  message: JsonObject,
  title: string,
  cap: number,
): { payload: JsonObject; truncated: boolean; total: number } {
  const fitting: Fitting = { cap, total: 0, truncated: false };
  const { text, blocks, attachments, ...rest } = message;
  const top = fitMrkdwn(typeof text === "string" && text.trim() !== "" ? text : title, SLACK_LIMITS.topText);
  if (top.truncated) fitting.truncated = true;
  const payload: Record<string, JsonValue> = { ...rest, text: top.text };
  if (Array.isArray(blocks)) payload["blocks"] = fitBlocks(blocks, fitting);
  if (Array.isArray(attachments))
    payload["attachments"] = attachments.map((entry: JsonValue) => fitAttachment(entry, top.text, fitting));
  return {
    payload: { unfurl_links: false, unfurl_media: false, ...payload },
    truncated: fitting.truncated,
    total: fitting.total,
  };
}

function fitAttachment(entry: JsonValue, text: string, fitting: Fitting): JsonValue {
  const attachment = asObject(entry);
  if (attachment === undefined) return entry;
  const { fallback, blocks, ...rest } = attachment;
  const plain = plainSlack(typeof fallback === "string" && fallback !== "" ? fallback : text);
  return {
    ...rest,
    fallback: fit(plain, { max: SLACK_LIMITS.topText, unit: "utf16" }).text,
    ...(Array.isArray(blocks) ? { blocks: fitBlocks(blocks, fitting) } : {}),
  };
}

/** The last blocks go first, except those with buttons: the way to the run survives. */
function fitBlocks(blocks: readonly JsonValue[], fitting: Fitting): JsonValue[] {
  const fitted = blocks.flatMap((block) => fitBlock(block, fitting) ?? []);
  for (let index = fitted.length - 1; index >= 0 && fitted.length > SLACK_LIMITS.blocks; index -= 1) {
    if (asObject(fitted[index])?.["type"] === "actions") continue;
    fitted.splice(index, 1);
    fitting.truncated = true;
  }
  return fitted;
}

function fitBlock(value: JsonValue, fitting: Fitting): JsonValue | undefined {
  const block = asObject(value);
  if (block === undefined) return undefined;
  switch (block["type"]) {
    case "header":
      return withText(block, fitText(block["text"], SLACK_LIMITS.header, fitting));
    case "section":
      return fitSection(block, fitting);
    case "context":
      return withElements(
        block,
        SLACK_LIMITS.contextElements,
        (element) => fitContextElement(element, fitting),
        fitting,
      );
    case "actions":
      return withElements(block, SLACK_LIMITS.actionElements, (element) => fitButton(element, fitting), fitting);
    case "rich_text":
      return withElements(block, SLACK_LIMITS.blocks, (element) => fitRichText(element, fitting), fitting);
    case "image":
      return fitImage(block);
    default:
      return block;
  }
}

function fitSection(block: JsonObject, fitting: Fitting): JsonObject | undefined {
  const { text, fields, accessory, ...rest } = block;
  const fittedText = fitText(text, SLACK_LIMITS.section, fitting);
  const all = Array.isArray(fields)
    ? fields.flatMap((field: JsonValue) => fitText(field, SLACK_LIMITS.field, fitting) ?? [])
    : [];
  if (all.length > SLACK_LIMITS.fields) fitting.truncated = true;
  if (fittedText === undefined && all.length === 0) return undefined;
  const button = accessory === undefined ? undefined : fitButton(accessory, fitting);
  return {
    ...rest,
    ...(fittedText === undefined ? {} : { text: fittedText }),
    ...(all.length === 0 ? {} : { fields: all.slice(0, SLACK_LIMITS.fields) }),
    ...(button === undefined ? {} : { accessory: button }),
  };
}

/** A text object within its limit; undefined when it is empty, which Slack refuses. */
function fitText(value: JsonValue | undefined, max: number, fitting: Fitting): JsonObject | undefined {
  const object = asObject(value);
  const text = object?.["text"];
  if (object === undefined || typeof text !== "string") return undefined;
  const isPlain = object["type"] === "plain_text";
  const limit = Math.min(max, fitting.cap);
  const fitted = isPlain ? fit(plainSlack(text), { max: limit, unit: "utf16" }) : fitMrkdwn(text, limit);
  if (fitted.text.trim() === "") return undefined;
  if (fitted.truncated) fitting.truncated = true;
  fitting.total += fitted.text.length;
  return { ...object, text: fitted.text };
}

const withText = (block: JsonObject, text: JsonObject | undefined): JsonObject | undefined =>
  text === undefined ? undefined : { ...block, text };

function withElements(
  block: JsonObject,
  most: number,
  fitOne: (element: JsonValue) => JsonValue | undefined,
  fitting: Fitting,
): JsonObject | undefined {
  const { elements } = block;
  if (!Array.isArray(elements)) return undefined;
  const fitted = elements.flatMap((element: JsonValue) => fitOne(element) ?? []);
  if (fitted.length > most) fitting.truncated = true;
  return fitted.length === 0 ? undefined : { ...block, elements: fitted.slice(0, most) };
}

function fitContextElement(value: JsonValue, fitting: Fitting): JsonValue | undefined {
  const element = asObject(value);
  return element?.["type"] === "image" ? fitImage(element) : fitText(value, SLACK_LIMITS.field, fitting);
}

function fitImage(image: JsonObject): JsonObject | undefined {
  const url = safeUrl(String(image["image_url"] ?? ""));
  return url === undefined ? undefined : { ...image, image_url: url };
}

/** A link button leads to the web or goes. */
function fitButton(value: JsonValue, fitting: Fitting): JsonObject | undefined {
  const element = asObject(value);
  if (element?.["type"] !== "button") return element;
  const text = fitText(element["text"], SLACK_LIMITS.button, fitting);
  const url = typeof element["url"] === "string" ? safeUrl(decodeSlack(element["url"])) : undefined;
  const isLost = "url" in element && (url === undefined || url.length > SLACK_LIMITS.url);
  if (text === undefined || isLost) return undefined;
  return { ...element, text, ...(url === undefined ? {} : { url }) };
}

/** Rich text takes every text as it is, so nothing in it is escaped. */
function fitRichText(value: JsonValue, fitting: Fitting): JsonValue | undefined {
  const element = asObject(value);
  if (element === undefined) return undefined;
  if (Array.isArray(element["elements"]))
    return withElements(element, SLACK_LIMITS.blocks, (inner) => fitRichText(inner, fitting), fitting);
  if (typeof element["text"] !== "string") return element;
  const fitted = fit(plainSlack(element["text"]), { max: Math.min(SLACK_LIMITS.section, fitting.cap), unit: "utf16" });
  if (fitted.text === "") return undefined;
  if (fitted.truncated) fitting.truncated = true;
  fitting.total += fitted.text.length;
  if (element["type"] !== "link") return { ...element, text: fitted.text };
  const url = safeUrl(decodeSlack(String(element["url"] ?? "")));
  return url === undefined ? { type: "text", text: fitted.text } : { ...element, url, text: fitted.text };
}

const FENCE = "```";

/** Cuts mrkdwn without leaving half an entity, half a link or an open code block behind. */
export function fitMrkdwn(text: string, max: number): { readonly text: string; readonly truncated: boolean } {
  if (text.length <= max) return { text, truncated: false };
  const room = Math.max(0, max - FENCE.length - ELLIPSIS.length - 1);
  const cut = fit(text, { max: room, unit: "utf16" }).text.slice(0, -ELLIPSIS.length);
  const whole = cut
    .replace(/&[a-z]{0,3}$/, "")
    .replace(/<[^>\n]*$/, "")
    .trimEnd();
  const isOpen = whole.split(FENCE).length % 2 === 0;
  return { text: `${whole}${ELLIPSIS}${isOpen ? `\n${FENCE}` : ""}`, truncated: true };
}

function asObject(value: JsonValue | undefined): JsonObject | undefined {
  // Array.isArray does not narrow readonly arrays away; what is left is a JSON object.
  return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as JsonObject) : undefined;
}
