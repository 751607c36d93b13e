import type { JsonValue } from "../../base/json.ts";
import type { Paint } from "../paint.ts";
import { safeText, wrapColumns } from "../terminal-text.ts";
import { type SlackLine, slackView } from "./slack-lines.ts";

/** Colour of the bar beside an attachment, by its strongest part. */
function toneOf(color: string | null): "bad" | "warn" | "good" | "accent" {
  const match = /^#([\da-f]{2})([\da-f]{2})([\da-f]{2})$/i.exec(color ?? "");
  const [red = 0, green = 0, blue = 0] = (match?.slice(1) ?? []).map((part) => Number.parseInt(part, 16));
  if (red > 160 && green > 110) return "warn";
  if (red > green && red > blue) return "bad";
  return green > blue ? "good" : "accent";
}

/** Marks of mrkdwn as the terminal's own emphasis; without colours they stay as they are. */
const emphasised = (paint: Paint, line: string): string =>
  paint.enabled
    ? line
        .replace(
          /(^|[\s(])\*([^*\n]+)\*(?=$|[\s.,:;)!?])/g,
          (_, before: string, text: string) => before + paint.bold(text),
        )
        .replace(/`([^`\n]+)`/g, (_, text: string) => paint.accent(text))
    : line;

function shown(paint: Paint, columns: number, { kind, text }: SlackLine): string[] {
  const indent = kind === "code" ? "  " : "";
  const pieces = wrapColumns(safeText(text), columns - indent.length);
  if (kind === "head") return pieces.map((piece) => paint.bold(piece));
  if (kind === "text") return pieces.map((piece) => emphasised(paint, piece));
  return pieces.map((piece) => indent + paint.dim(piece));
}

/** A Slack message as its reader sees it: text, and attachments beside a bar of their colour. */
export function slackCard(paint: Paint, columns: number, payload: JsonValue): string[] {
  const { top, attachments } = slackView(payload);
  const beside = (bar: string, lines: readonly SlackLine[]): string[] =>
    lines.flatMap((line) => shown(paint, columns - 2, line)).map((line) => `${bar} ${line}`.trimEnd());
  return [
    ...beside(paint[toneOf(attachments[0]?.color ?? null)]("┃"), top),
    ...attachments.flatMap(({ color, lines }) => beside(paint[toneOf(color)]("┃"), lines)),
  ];
}
