import { graphemes } from "../../base/graphemes.ts";
import { ELLIPSIS, measure } from "../fit.ts";
import type { RenderScope } from "../render-scope.ts";
import { type Helper, isRecord, toNumber } from "./helper.ts";
import { printValue } from "./print-value.ts";

/** A helper of one text. */
const ofText = (fn: (text: string) => unknown): Helper => ({
  min: 1,
  max: 1,
  fn: ({ scope }, value) => fn(printValue(value, scope)),
});

/** A helper of two texts. */
const ofTexts = (fn: (a: string, b: string) => unknown): Helper => ({
  min: 2,
  max: 2,
  fn: ({ scope }, a, b) => fn(printValue(a, scope), printValue(b, scope)),
});

/** A helper of a text and a whole number; warns and gives "" without the number. */
const ofTextAndCount = (name: string, fn: (text: string, count: number) => string): Helper => ({
  min: 2,
  max: 2,
  fn: ({ scope }, value, count) => {
    const number = wholeNumber(name, count, scope);
    return number === undefined ? "" : fn(printValue(value, scope), number);
  },
});

function wholeNumber(name: string, value: unknown, scope: RenderScope): number | undefined {
  const number = toNumber(value);
  if (number !== undefined && number >= 0) return Math.floor(number);
  scope.warn(`${name}: the count is not a number`);
  return undefined;
}

/** The first `count` grapheme clusters; stops reading there. */
function head(text: string, count: number): string {
  // A cluster has at least one unit.
  if (text.length <= count) return text;
  let taken = 0;
  for (const { index } of graphemes(text)) {
    if (taken === count) return text.slice(0, index);
    taken += 1;
  }
  return text;
}

function tail(text: string, count: number): string {
  const starts = Array.from(graphemes(text), ({ index }) => index);
  const start = starts.at(-count);
  return count === 0 || start === undefined ? "" : text.slice(start);
}

/** At most `count` grapheme clusters, the end mark included. */
function truncateText(text: string, count: number, end: string = ELLIPSIS): string {
  if (head(text, count) === text) return text;
  const mark = head(end, count);
  return head(text, count - measure(mark, "graphemes")).trimEnd() + mark;
}

function truncateMiddle(text: string, count: number): string {
  if (head(text, count) === text) return text;
  if (count < 3) return head(text, count);
  const left = Math.ceil((count - 1) / 2);
  return head(text, left) + ELLIPSIS + tail(text, count - 1 - left);
}

const lines = (text: string): string[] => text.replace(/\n$/, "").split("\n");

/** Text between line ends of any kind; the first that is not blank. */
const firstLineOf = (text: string): string => (text.trimStart().split(/[\r\n\u2028\u2029]/, 1)[0] ?? "").trimEnd();

/** Each word's first letter; the rest stays. */
const titleCase = (text: string): string =>
  text.replaceAll(
    /(^|[\s\p{Pd}_/])(\p{Ll})/gu,
    (_all, before: string, letter: string) => before + letter.toUpperCase(),
  );

export const STRINGS: Readonly<Record<string, Helper>> = {
  upper: ofText((text) => text.toUpperCase()),
  lower: ofText((text) => text.toLowerCase()),
  capitalize: ofText((text) => text.charAt(0).toUpperCase() + text.slice(1)),
  trim: ofText((text) => text.trim()),
  title: ofText(titleCase),
  truncate: {
    min: 2,
    max: 2,
    hash: ["end"],
    fn: ({ scope, hash }, value, count) => {
      const number = wholeNumber("truncate", count, scope);
      if (number === undefined) return "";
      return truncateText(
        printValue(value, scope),
        number,
        hash["end"] === undefined ? ELLIPSIS : printValue(hash["end"], scope),
      );
    },
  },
  truncateMiddle: ofTextAndCount("truncateMiddle", truncateMiddle),
  firstLine: ofText(firstLineOf),
  lines: ofTextAndCount("lines", (text, count) => lines(text).slice(0, count).join("\n")),
  lastLines: ofTextAndCount("lastLines", (text, count) => (count === 0 ? "" : lines(text).slice(-count).join("\n"))),
  replace: {
    min: 3,
    max: 3,
    fn: ({ scope }, value, from, to) => {
      const [text, search, replacement] = [printValue(value, scope), printValue(from, scope), printValue(to, scope)];
      // The function form, because `$&` in a replacement text has a meaning of its own.
      return search === "" ? text : text.replaceAll(search, () => replacement);
    },
  },
  split: ofTexts((text, separator) => (text === "" ? [] : text.split(separator))),
  join: {
    min: 1,
    max: 2,
    hash: ["sep"],
    fn: ({ scope, hash }, list, separator = hash["sep"] ?? ", ") =>
      Array.isArray(list)
        ? list.map((item: unknown) => printValue(item, scope)).join(printValue(separator, scope))
        : printValue(list, scope),
  },
  concat: { min: 1, max: 20, fn: ({ scope }, ...values) => values.map((value) => printValue(value, scope)).join("") },
  contains: {
    min: 2,
    max: 2,
    fn: ({ scope }, value, part) =>
      Array.isArray(value) ? value.includes(part) : printValue(value, scope).includes(printValue(part, scope)),
  },
  startsWith: ofTexts((text, part) => text.startsWith(part)),
  endsWith: ofTexts((text, part) => text.endsWith(part)),
  plural: {
    min: 3,
    max: 3,
    fn: (_call, count, one, many) => (toNumber(count) === 1 ? one : many),
  },
  urlEncode: ofText((text) => encodeURIComponent(text.toWellFormed())),
  withQuery: {
    min: 1,
    max: 1,
    hash: ["*"],
    fn: ({ scope, hash }, value) => {
      const text = printValue(value, scope);
      if (!URL.canParse(text)) return "";
      const url = new URL(text);
      for (const [key, entry] of Object.entries(hash)) url.searchParams.set(key, printValue(entry, scope));
      return url.href;
    },
  },
  hasTag: {
    min: 2,
    max: 2,
    fn: (_call, owner, tag) => {
      const tags = isRecord(owner) ? owner["tags"] : undefined;
      return Array.isArray(tags) && tags.includes(tag);
    },
  },
};
