import { graphemes } from "../base/graphemes.ts";

/** Shown two columns wide by terminals: emoji presentation, and the East Asian wide blocks. */
const WIDE =
  /\p{Emoji_Presentation}|\u{FE0F}|[\u1100-\u115F\u2E80-\uA4CF\uAC00-\uD7A3\uF900-\uFAFF\uFE30-\uFE6F\uFF00-\uFF60\uFFE0-\uFFE6]|[\u{20000}-\u{3FFFD}]/u;
/** Western text, punctuation, arrows, box drawing and the marks used here: one column for each character. */
const NARROW = /^[\x20-\x7E\u00A1-\u02FF\u2010-\u2027\u2030-\u205E\u2190-\u21FF\u2298\u2500-\u25FC\u2713\u2717]*$/;
// oxlint-disable-next-line no-control-regex -- colour sequences that this module's callers put in themselves
const COLOUR = /\x1B\[[\d;]*m/g;
// oxlint-disable-next-line no-control-regex -- control characters are what is looked for
const CONTROL = /[\u0000-\u0008\u000B-\u001F\u007F-\u009F\u200E\u200F\u202A-\u202E\u2066-\u2069]/g;

/**
 * Text from outside made safe to print: control characters (which could move the cursor, recolour or retitle the
 * terminal) and direction overrides become visible escapes. Line breaks and tabs stay.
 */
export const safeText = (text: string): string =>
  text
    .replace(/\r\n/g, "\n")
    .replace(CONTROL, (char) => `\\x${(char.codePointAt(0) ?? 0).toString(16).padStart(2, "0")}`);

/** The same on one line. */
export const safeLine = (text: string): string =>
  safeText(text)
    .replace(/\s*\n\s*/g, " ")
    .replace(/\t/g, " ");

/** Columns that a terminal gives the text; colour sequences take none. */
export function columnsOf(text: string): number {
  const bare = text.replace(COLOUR, "");
  if (NARROW.test(bare)) return bare.length;
  let columns = 0;
  for (const { segment } of graphemes(bare)) columns += WIDE.test(segment) ? 2 : 1;
  return columns;
}

export const padColumns = (text: string, columns: number): string =>
  text + " ".repeat(Math.max(0, columns - columnsOf(text)));

/** The longest start of the text that fits. */
function takeColumns(text: string, columns: number): string {
  let kept = "";
  let used = 0;
  for (const { segment } of graphemes(text)) {
    used += columnsOf(segment);
    if (used > columns) break;
    kept += segment;
  }
  return kept;
}

/** Cuts text without colours to the width; a cut shows as `…`. */
export const fitColumns = (text: string, columns: number): string =>
  columnsOf(text) <= columns ? text : `${takeColumns(text, columns - 1)}…`;

/** Breaks lines at spaces; a longer word is cut where it must be. Leading spaces of a line stay. */
export function wrapColumns(text: string, columns: number): string[] {
  return text.split("\n").flatMap((line) => wrapLine(line, Math.max(8, columns)));
}

function wrapLine(line: string, columns: number): string[] {
  if (columnsOf(line) <= columns) return [line];
  const lines: string[] = [];
  let current = "";
  for (const piece of line.match(/\s*\S+/g) ?? []) {
    let word = piece;
    if (columnsOf(current + word) <= columns) {
      current += word;
      continue;
    }
    if (current !== "") {
      lines.push(current);
      word = word.trimStart();
    }
    while (columnsOf(word) > columns) {
      const head = takeColumns(word, columns);
      lines.push(head);
      word = word.slice(head.length);
    }
    current = word;
  }
  if (current !== "") lines.push(current);
  return lines;
}
