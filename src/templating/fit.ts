import { graphemes } from "../base/graphemes.ts";

/** How a provider counts a limit. */
export interface TextLimit {
  readonly max: number;
  readonly unit: "utf16" | "codepoints" | "graphemes" | "bytes";
}

export interface Fitted {
  readonly text: string;
  readonly truncated: boolean;
}

export const ELLIPSIS = "…";

/** Below this many units the marker would cost more than it tells. */
const SMALLEST_MARKED = 4;

/** A grapheme cluster is kept whole unless that costs this many UTF-16 units: text stacked with marks must not win. */
const LARGEST_KEPT_CLUSTER = 32;

/** Length of `text` in the given unit. */
export function measure(text: string, unit: TextLimit["unit"]): number {
  if (unit === "utf16") return text.length;
  if (unit === "bytes") return Buffer.byteLength(text, "utf8");
  return unit === "codepoints" ? countCodePoints(text) : countGraphemes(text, Number.POSITIVE_INFINITY);
}

/**
 * Shortens `text` to a provider's limit, with `…` inside the limit where text was cut (no marker when `max` < 4).
 * Never splits a surrogate pair, nor a grapheme cluster of fewer than 32 units.
 */
export function fit(text: string, limit: TextLimit): Fitted {
  if (fits(text, limit)) return { text, truncated: false };
  const marker = limit.max >= SMALLEST_MARKED ? ELLIPSIS : "";
  const budget = Math.max(0, limit.max - measure(marker, limit.unit));
  const cut = wholeCluster(text, indexAt(text, budget, limit.unit));
  return { text: text.slice(0, cut).trimEnd() + marker, truncated: true };
}

function fits(text: string, { max, unit }: TextLimit): boolean {
  // A UTF-16 unit is at most three bytes, one code point, one grapheme: short texts need no count.
  if (unit === "bytes" ? text.length * 3 <= max : text.length <= max) return true;
  if (unit === "graphemes") return countGraphemes(text, max) <= max;
  return measure(text, unit) <= max;
}

/** The largest index whose prefix is within `budget` units, between code points. */
function indexAt(text: string, budget: number, unit: TextLimit["unit"]): number {
  if (unit === "utf16") return isInsidePair(text, budget) ? budget - 1 : budget;
  if (unit === "graphemes") return graphemeIndex(text, budget);
  let index = 0;
  let used = 0;
  while (index < text.length) {
    const point = text.codePointAt(index) ?? 0;
    used += unit === "bytes" ? utf8Length(point) : 1;
    if (used > budget) break;
    index += point > 0xffff ? 2 : 1;
  }
  return index;
}

/** Moves a cut back to the start of the grapheme cluster it falls into. */
function wholeCluster(text: string, cut: number): number {
  if (cut <= 0 || cut >= text.length) return cut;
  const before = text.charCodeAt(cut - 1);
  const after = text.charCodeAt(cut);
  if (before < 0x80 && after < 0x80 && before !== 0x0d) return cut;
  const cluster = graphemes(text.slice(0, cut + LARGEST_KEPT_CLUSTER * 2)).containing(cut);
  if (cluster === undefined || cut - cluster.index >= LARGEST_KEPT_CLUSTER) return cut;
  return cluster.index;
}

const isInsidePair = (text: string, index: number): boolean =>
  /^[\uD800-\uDBFF][\uDC00-\uDFFF]$/.test(text.slice(index - 1, index + 1));

/** A lone surrogate is sent as U+FFFD, which takes three bytes like the rest of its plane. */
function utf8Length(point: number): number {
  if (point < 0x80) return 1;
  if (point < 0x800) return 2;
  return point < 0x1_0000 ? 3 : 4;
}

function countCodePoints(text: string): number {
  let count = 0;
  for (let index = 0; index < text.length; count += 1) index += (text.codePointAt(index) ?? 0) > 0xffff ? 2 : 1;
  return count;
}

/** Stops counting one above `most`. */
function countGraphemes(text: string, most: number): number {
  let count = 0;
  for (const _ of graphemes(text)) {
    count += 1;
    if (count > most) break;
  }
  return count;
}

function graphemeIndex(text: string, budget: number): number {
  let count = 0;
  for (const { index } of graphemes(text)) {
    if (count === budget) return index;
    count += 1;
  }
  return text.length;
}
