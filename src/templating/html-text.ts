/** Elements whose content a reader never sees. */
const INVISIBLE = /<(style|script|head|title)\b[^>]*>[\s\S]*?<\/\1\s*>/gi;
const HIDDEN = /<(div|span)\b[^>]*display:\s*none[^>]*>[\s\S]*?<\/\1\s*>/gi;
const LINK = /<a\b[^>]*\bhref\s*=\s*(?:"([^"]*)"|'([^']*)')[^>]*>([\s\S]*?)<\/a\s*>/gi;
const BREAK = /<(?:br|\/p|\/div|\/tr|\/h[1-6]|\/li|\/pre|\/table|hr)\b[^>]*>/gi;

const NAMED: Readonly<Record<string, string>> = {
  amp: "&",
  lt: "<",
  gt: ">",
  quot: '"',
  apos: "'",
  nbsp: " ",
  middot: "·",
  mdash: "—",
};

const decode = (text: string): string =>
  text.replaceAll(
    /&(?:#x([0-9a-f]{1,6})|#(\d{1,7})|([a-z]+));/gi,
    (all, hex?: string, decimal?: string, name?: string) => {
      if (name !== undefined) return NAMED[name.toLowerCase()] ?? all;
      const point = hex === undefined ? Number(decimal) : Number.parseInt(hex, 16);
      return point <= 0x10_ffff ? String.fromCodePoint(point) : all;
    },
  );

const stripTags = (html: string): string => html.replaceAll(/<[^>]*>/g, "");

/**
 * A plain-text reading of a mail's HTML: links as `text (url)`, list items with a dash, table cells side by side.
 * For templates without a text section; it is no parser, and its result is text, never HTML.
 */
export function htmlToText(html: string): string {
  const linked = html
    .replaceAll(/<!--[\s\S]*?-->/g, "")
    .replaceAll(INVISIBLE, "")
    .replaceAll(HIDDEN, "")
    .replaceAll(/\s*\n\s*/g, " ")
    .replaceAll(LINK, (_all, double: string | undefined, single: string | undefined, content: string) => {
      const url = double ?? single ?? "";
      const label = stripTags(content).trim();
      return decode(label) === decode(url) || !/^(?:https?|mailto):/i.test(decode(url)) ? label : `${label} (${url})`;
    });
  const lines = linked
    .replaceAll(/<li\b[^>]*>/gi, "- ")
    .replaceAll(/<\/t[dh]\s*>/gi, "  ")
    .replaceAll(BREAK, "\n");
  const text = decode(stripTags(lines));
  return text
    .split("\n")
    .map((line) => line.replaceAll(/[ \t\u00A0]+/g, " ").trim())
    .join("\n")
    .replaceAll(/\n{3,}/g, "\n\n")
    .trim();
}
