import type { JsonValue } from "../../base/json.ts";

type JsonMap = { readonly [key: string]: JsonValue };

/** A line of a Slack message, and how Slack sets it. */
export interface SlackLine {
  readonly kind: "text" | "code" | "small" | "head";
  readonly text: string;
}

/** What a payload shows: the text above, then each attachment with its colour. */
export interface SlackView {
  readonly top: readonly SlackLine[];
  readonly attachments: readonly { readonly color: string | null; readonly lines: readonly SlackLine[] }[];
}

const isMap = (value: JsonValue | undefined): value is JsonMap =>
  typeof value === "object" && value !== null && !Array.isArray(value);
const mapsIn = (value: JsonValue | undefined): JsonMap[] => (Array.isArray(value) ? value.filter(isMap) : []);
const asText = (value: JsonValue | undefined): string => (typeof value === "string" ? value : "");

/** `<url|label>`, `<!date^…|fallback>` and entities as a reader of Slack sees them; emphasis marks stay. */
export const plainOf = (text: string): string =>
  text
    .replace(/<!date\^[^|>]*\|([^>]*)>/g, "$1")
    .replace(/<((?:https?|mailto):[^|>]*)\|([^>]*)>/g, "$2")
    .replace(/<((?:https?|mailto):[^>]*)>/g, "$1")
    .replaceAll("&lt;", "<")
    .replaceAll("&gt;", ">")
    .replaceAll("&amp;", "&");

/** A text object: mrkdwn is resolved, plain text stays. */
const textObject = (value: JsonValue | undefined): string =>
  !isMap(value) ? "" : value["type"] === "plain_text" ? asText(value["text"]) : plainOf(asText(value["text"]));

/** Lines of mrkdwn; what stands between ``` fences is code. */
function mrkdwnLines(text: string, kind: SlackLine["kind"] = "text"): SlackLine[] {
  return text.split("```").flatMap((part, at) => {
    const isCode = at % 2 === 1;
    const lines = part.replace(/^\n|\n$/g, "").split("\n");
    return part === "" || (part.trim() === "" && !isCode)
      ? []
      : lines.map((line): SlackLine => ({ kind: isCode ? "code" : kind, text: line }));
  });
}

/** The payload in the order in which Slack shows it. With blocks on top, `text` is only what notifications say. */
export function slackView(payload: JsonValue): SlackView {
  if (!isMap(payload)) return { top: [], attachments: [] };
  const blocks = mapsIn(payload["blocks"]).flatMap(blockLines);
  const attachments = mapsIn(payload["attachments"]).map((attachment) => ({
    color: typeof attachment["color"] === "string" ? attachment["color"] : null,
    lines: attachmentLines(attachment),
  }));
  const text = mrkdwnLines(plainOf(asText(payload["text"])), attachments.length > 0 ? "head" : "text");
  return { top: blocks.length > 0 ? blocks : text, attachments };
}

function attachmentLines(attachment: JsonMap): SlackLine[] {
  const blocks = mapsIn(attachment["blocks"]).flatMap(blockLines);
  if (blocks.length > 0) return blocks;
  return [
    ...mrkdwnLines(plainOf(asText(attachment["title"])), "head"),
    ...mrkdwnLines(plainOf(asText(attachment["text"]))),
  ];
}

function blockLines(block: JsonMap): SlackLine[] {
  switch (asText(block["type"])) {
    case "header":
      return mrkdwnLines(textObject(block["text"]), "head");
    case "divider":
      return [{ kind: "small", text: "───" }];
    case "actions":
      return [
        {
          kind: "text",
          text: mapsIn(block["elements"])
            .map((button) => `[ ${textObject(button["text"])} ]`)
            .join(" "),
        },
      ];
    case "context":
      return [{ kind: "small", text: mapsIn(block["elements"]).map(textObject).join("  ") }];
    case "rich_text":
      return mapsIn(block["elements"]).flatMap(richLines);
    default:
      return [...mrkdwnLines(textObject(block["text"])), ...fieldLines(mapsIn(block["fields"]))];
  }
}

function richLines(element: JsonMap): SlackLine[] {
  const type = element["type"];
  if (type === "rich_text_list") {
    return mapsIn(element["elements"])
      .flatMap(richLines)
      .map(({ kind, text }) => ({ kind, text: `• ${text}` }));
  }
  const text = mapsIn(element["elements"])
    .map((part) => asText(part["text"]) || asText(part["url"]))
    .join("");
  return text.split("\n").map((line) => ({ kind: type === "rich_text_preformatted" ? "code" : "text", text: line }));
}

/** `*Name*` over a value becomes one line; names are aligned. */
function fieldLines(fields: readonly JsonMap[]): SlackLine[] {
  const pairs = fields.map((field) => /^\*(.+?)\*\n([\s\S]*)$/.exec(textObject(field)) ?? ["", "", textObject(field)]);
  const width = Math.max(0, ...pairs.map(([, name]) => name?.length ?? 0));
  return pairs.map(([, name = "", value = ""]) => ({
    kind: "text",
    text: `${name.padEnd(width)}  ${value.replaceAll("\n", " ").trim()}`,
  }));
}
