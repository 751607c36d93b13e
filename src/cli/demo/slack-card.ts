import type { JsonValue } from "../../base/json.ts";
import type { Paint } from "../paint.ts";
import { safeText, wrapColumns } from "../terminal-text.ts";

type JsonMap = { readonly [key: string]: JsonValue };

const isMap = (value: JsonValue | undefined): value is JsonMap => typeof value === "object" && value !== null && !Array.isArray(value);
const mapsIn = (value: JsonValue | undefined): JsonMap[] => (Array.isArray(value) ? value.filter(isMap) : []);
const textOf = (value: JsonValue | undefined): string => (typeof value === "string" ? value : isMap(value) ? mrkdwn(value) : "");

/** A text object of Slack: mrkdwn is resolved, plain text stays. */
const mrkdwn = ({ type, text }: JsonMap): string => (typeof text !== "string" ? "" : type === "plain_text" ? text : plainOf(text));

/** `<url|label>`, `<!date^…|fallback>`, `<@U…>` and entities as a reader of Slack sees them; emphasis marks stay. */
export const plainOf = (text: string): string =>
  text
    .replace(/<!date\^[^|>]*\|([^>]*)>/g, "$1")
    .replace(/<((?:https?|mailto):[^|>]*)\|([^>]*)>/g, "$2 ($1)")
    .replace(/<((?:https?|mailto):[^>]*)>/g, "$1")
    .replaceAll("&lt;", "<")
    .replaceAll("&gt;", ">")
    .replaceAll("&amp;", "&");

/** A Slack payload as lines of plain text, in the order in which Slack shows it. */
export function slackLines(payload: JsonValue): string[] {
  if (!isMap(payload)) return [];
  const top = textOf(payload["text"]);
  const attachments = mapsIn(payload["attachments"]);
  const blocks = [...mapsIn(payload["blocks"]), ...attachments.flatMap((attachment) => mapsIn(attachment["blocks"]))];
  const lines = blocks.flatMap(blockLines);
  if (lines.length > 0) return lines;
  const legacy = attachments.flatMap((attachment) => [textOf(attachment["pretext"]), textOf(attachment["title"]), plainOf(textOf(attachment["text"]))]);
  return [plainOf(top), ...legacy].filter((text) => text !== "").flatMap((text) => text.split("\n"));
}

function blockLines(block: JsonMap): string[] {
  switch (block["type"]) {
    case "divider":
      return ["───"];
    case "actions":
      return [mapsIn(block["elements"]).map((button) => `[ ${textOf(button["text"])} ]`).join(" ")];
    case "context":
      return [mapsIn(block["elements"]).map(textOf).filter((text) => text !== "").join("  ")];
    default: {
      const fields = mapsIn(block["fields"]).map((field) => textOf(field).replace(/^\*(.+?)\*\n/, "$1: "));
      return [...textOf(block["text"]).split("\n"), ...fields].filter((line, at, all) => line !== "" || (at > 0 && at < all.length - 1));
    }
  }
}

/** Colour of the bar beside the message: the attachment's, by its strongest part. */
function barTone(payload: JsonValue): "bad" | "warn" | "good" | "accent" {
  const colour = isMap(payload) ? mapsIn(payload["attachments"])[0]?.["color"] : undefined;
  const [red, green, blue] = [1, 3, 5].map((at) => Number.parseInt(String(colour).slice(at, at + 2), 16));
  if (red === undefined || green === undefined || blue === undefined || Number.isNaN(red + green + blue)) return "accent";
  if (red > 160 && green > 110) return "warn";
  if (red > green && red > blue) return "bad";
  return green > blue ? "good" : "accent";
}

/** Marks of mrkdwn as the terminal's own emphasis; without colours they stay as they are. */
function emphasise(paint: Paint, line: string): string {
  if (!paint.enabled) return line;
  return line
    .replace(/(^|[\s(])\*([^*\n]+)\*(?=$|[\s.,:;)!?])/g, (_, before: string, text: string) => before + paint.bold(text))
    .replace(/`([^`\n]+)`/g, (_, text: string) => paint.accent(text));
}

/** The message as a card with a coloured bar. */
export function slackCard(paint: Paint, columns: number, payload: JsonValue): string[] {
  const bar = paint[barTone(payload)]("┃");
  let code = false;
  const lines: string[] = [];
  for (const line of slackLines(payload)) {
    const fence = line.includes("```");
    const bare = safeText(line.replaceAll("```", ""));
    const shown = code || fence;
    if (fence && (line.match(/```/g) ?? []).length % 2 === 1) code = !code;
    if (fence && bare === "") continue;
    for (const piece of wrapColumns(bare, columns - 4 - (shown ? 2 : 0))) lines.push(`${bar} ${shown ? `  ${paint.dim(piece)}` : emphasise(paint, piece)}`.trimEnd());
  }
  return lines;
}
