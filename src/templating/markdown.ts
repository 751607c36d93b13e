import { escapeHtml, escapeSlack, safeUrl } from "./escape.ts";

/*
 * The part of CommonMark that messages use, turned into Slack's markup or HTML: headings, emphasis, strike-through,
 * code, links, lists, quotes, rules. Every text is escaped for the target; HTML in Markdown is text here.
 */

export interface MarkdownTarget {
  readonly text: (text: string) => string;
  readonly strong: (inner: string) => string;
  readonly emphasis: (inner: string) => string;
  readonly strike: (inner: string) => string;
  readonly code: (text: string) => string;
  readonly link: (url: string, inner: string) => string;
  readonly codeBlock: (text: string) => string;
  readonly heading: (inner: string, level: number) => string;
  readonly listItem: (inner: string, marker: string) => string;
  readonly quote: (inner: string) => string;
  readonly rule: string;
  readonly paragraph: (inner: string) => string;
  readonly lineBreak: string;
  readonly list: (items: string, isOrdered: boolean) => string;
}

const SLACK: MarkdownTarget = {
  text: escapeSlack,
  strong: (inner) => `*${inner}*`,
  emphasis: (inner) => `_${inner}_`,
  strike: (inner) => `~${inner}~`,
  code: (text) => `\`${escapeSlack(text.replaceAll("`", "'"))}\``,
  link: (url, inner) => `<${escapeSlack(url)}|${inner.replaceAll("|", "¦")}>`,
  codeBlock: (text) => `\`\`\`\n${escapeSlack(text.replaceAll("`", "'"))}\n\`\`\``,
  heading: (inner) => `*${inner}*`,
  listItem: (inner, marker) => `${marker} ${inner}`,
  quote: (inner) => `> ${inner.replaceAll("\n", "\n> ")}`,
  rule: "———",
  paragraph: (inner) => inner,
  lineBreak: "\n",
  list: (items) => items,
};

const HTML: MarkdownTarget = {
  text: escapeHtml,
  strong: (inner) => `<strong>${inner}</strong>`,
  emphasis: (inner) => `<em>${inner}</em>`,
  strike: (inner) => `<del>${inner}</del>`,
  code: (text) => `<code>${escapeHtml(text)}</code>`,
  link: (url, inner) => `<a href="${escapeHtml(url)}">${inner}</a>`,
  codeBlock: (text) => `<pre style="white-space:pre-wrap">${escapeHtml(text)}</pre>`,
  heading: (inner, level) => `<h${level}>${inner}</h${level}>`,
  listItem: (inner) => `<li>${inner}</li>`,
  quote: (inner) => `<blockquote>${inner}</blockquote>`,
  rule: "<hr>",
  paragraph: (inner) => `<p>${inner}</p>`,
  lineBreak: "<br>\n",
  list: (items, isOrdered) => (isOrdered ? `<ol>\n${items}\n</ol>` : `<ul>\n${items}\n</ul>`),
};

export const markdownToSlack = (markdown: string): string => convertBlocks(markdown, SLACK);
export const markdownToHtml = (markdown: string): string => convertBlocks(markdown, HTML);

type Block =
  | { readonly kind: "code" | "paragraph" | "quote"; readonly text: string }
  | { readonly kind: "heading"; readonly text: string; readonly level: number }
  | { readonly kind: "rule" }
  | { readonly kind: "list"; readonly isOrdered: boolean; readonly items: { text: string; readonly marker: string }[] };

const HEADING = /^ {0,3}(#{1,6})[ \t]+([^\n]*?)(?:[ \t]+#+)?$/;
const FENCE = /^ {0,3}(`{3,}|~{3,})/;
const RULE = /^ {0,3}(?:(?:-[ \t]*){3,}|(?:\*[ \t]*){3,}|(?:_[ \t]*){3,})$/;
const ITEM = /^[ \t]*(?:([-*+])|(\d{1,9})[.)])[ \t]+(.*)$/;
const QUOTE = /^ {0,3}> ?(.*)$/;

function convertBlocks(markdown: string, target: MarkdownTarget): string {
  const isHtml = target === HTML;
  const blocks = blocksOf(markdown.replaceAll("\r\n", "\n")).map((block) => printBlock(block, target));
  return blocks.join(isHtml ? "\n" : "\n\n");
}

function printBlock(block: Block, target: MarkdownTarget): string {
  switch (block.kind) {
    case "code":
      return target.codeBlock(block.text);
    case "heading":
      return target.heading(inline(block.text, target), block.level);
    case "rule":
      return target.rule;
    case "quote":
      return target.quote(inline(block.text, target));
    case "list": {
      const items = block.items.map(({ text, marker }) => target.listItem(inline(text, target), marker));
      return target.list(items.join("\n"), block.isOrdered);
    }
    case "paragraph":
      return target.paragraph(inline(block.text, target));
  }
}

/** One pass over the lines; each line belongs to exactly one block. */
function blocksOf(markdown: string): Block[] {
  const lines = markdown.split("\n");
  const blocks: Block[] = [];
  let index = 0;
  while (index < lines.length) {
    const line = lines[index] ?? "";
    if (line.trim() === "") {
      index += 1;
      continue;
    }
    const [block, next] = blockAt(lines, index);
    blocks.push(block);
    index = next;
  }
  return blocks;
}

function blockAt(lines: readonly string[], start: number): [Block, number] {
  const line = lines[start] ?? "";
  const fence = FENCE.exec(line)?.[1];
  if (fence !== undefined) return fencedCode(lines, start, fence);
  const heading = HEADING.exec(line);
  if (heading !== null)
    return [{ kind: "heading", text: heading[2] ?? "", level: (heading[1] ?? "#").length }, start + 1];
  if (RULE.test(line)) return [{ kind: "rule" }, start + 1];
  if (ITEM.test(line)) return listAt(lines, start);
  if (QUOTE.test(line)) {
    const quoted = linesWhile(lines, start, (text) => QUOTE.test(text));
    return [
      { kind: "quote", text: quoted.map((text) => QUOTE.exec(text)?.[1] ?? "").join("\n") },
      start + quoted.length,
    ];
  }
  const paragraph = [line, ...linesWhile(lines, start + 1, (text) => text.trim() !== "" && !startsBlock(text))];
  return [{ kind: "paragraph", text: paragraph.map((text) => text.trim()).join("\n") }, start + paragraph.length];
}

const startsBlock = (line: string): boolean =>
  [FENCE, HEADING, RULE, ITEM, QUOTE].some((pattern) => pattern.test(line));

function linesWhile(lines: readonly string[], start: number, accepts: (line: string) => boolean): string[] {
  const taken: string[] = [];
  for (let index = start; index < lines.length && accepts(lines[index] ?? ""); index += 1)
    taken.push(lines[index] ?? "");
  return taken;
}

function fencedCode(lines: readonly string[], start: number, fence: string): [Block, number] {
  const body = linesWhile(lines, start + 1, (line) => !line.trim().startsWith(fence));
  return [{ kind: "code", text: body.join("\n") }, start + body.length + 2];
}

function listAt(lines: readonly string[], start: number): [Block, number] {
  const taken = linesWhile(lines, start, (line) => ITEM.test(line) || (/^\s{2,}\S/.test(line) && line.trim() !== ""));
  const items: { text: string; readonly marker: string }[] = [];
  let isOrdered = false;
  for (const line of taken) {
    const [, , number, text] = ITEM.exec(line) ?? [];
    const last = items.at(-1);
    if (text === undefined && last !== undefined) {
      last.text += `\n${line.trim()}`;
      continue;
    }
    if (items.length === 0) isOrdered = number !== undefined;
    items.push({ text: text ?? line.trim(), marker: number === undefined ? "•" : `${number}.` });
  }
  return [{ kind: "list", isOrdered, items }, start + taken.length];
}

const PUNCTUATION = /[!-/:-@[-`{-~]/;
const LINK = /^\[((?:\\.|[^\]\\])*)\]\(\s*<?((?:\\.|[^()\s<>\\])+)>?\s*\)/;

/** One pass from left to right; marks without a partner stay as they are. */
function inline(text: string, target: MarkdownTarget, depth = 0): string {
  let output = "";
  let plain = "";
  const flush = (): void => {
    output += target.text(plain).replaceAll("\n", target.lineBreak);
    plain = "";
  };
  let index = 0;
  while (index < text.length) {
    const special = depth > MAX_NESTING ? undefined : spanAt(text, index, target, depth);
    if (special !== undefined) {
      flush();
      output += special.printed;
      index = special.end;
    } else if (text[index] === "\\" && PUNCTUATION.test(text[index + 1] ?? "")) {
      plain += text[index + 1] ?? "";
      index += 2;
    } else {
      plain += text[index] ?? "";
      index += 1;
    }
  }
  flush();
  return output;
}

/** Emphasis deeper than this is read as text, so that time stays linear. */
const MAX_NESTING = 4;
/** How far the closing mark may be, for the same reason. */
const LONGEST_SPAN = 2_000;

interface Span {
  readonly printed: string;
  readonly end: number;
}

function spanAt(text: string, index: number, target: MarkdownTarget, depth: number): Span | undefined {
  switch (text[index]) {
    case "`":
      return codeAt(text, index, target);
    case "[":
      return linkAt(text, index, target, depth);
    case "*":
    case "_":
    case "~":
      return emphasisAt(text, index, target, depth);
    default:
      return undefined;
  }
}

function codeAt(text: string, index: number, target: MarkdownTarget): Span | undefined {
  const mark = /^`+/.exec(text.slice(index, index + LONGEST_SPAN))?.[0] ?? "`";
  const start = index + mark.length;
  const end = text.slice(0, start + LONGEST_SPAN).indexOf(mark, start);
  if (end < 0) return undefined;
  const content = text
    .slice(start, end)
    .replaceAll("\n", " ")
    .replace(/^ (.*[^ ].*) $/, "$1");
  return { printed: target.code(content), end: end + mark.length };
}

function linkAt(text: string, index: number, target: MarkdownTarget, depth: number): Span | undefined {
  const [all, label, address] = LINK.exec(text.slice(index, index + LONGEST_SPAN)) ?? [];
  if (all === undefined || label === undefined || address === undefined) return undefined;
  const inner = inline(label, target, depth + 1);
  const url = safeUrl(address.replaceAll(/\\([!-/:-@[-`{-~])/g, "$1"));
  return { printed: url === undefined ? inner : target.link(url, inner), end: index + all.length };
}

function emphasisAt(text: string, index: number, target: MarkdownTarget, depth: number): Span | undefined {
  const character = text[index] ?? "";
  const isDouble = text[index + 1] === character;
  if (character === "~" && !isDouble) return undefined;
  const mark = isDouble ? character + character : character;
  const start = index + mark.length;
  // An underscore inside a word is part of the word.
  if (character === "_" && /\w/.test(text[index - 1] ?? "")) return undefined;
  if (/\s/.test(text[start] ?? " ")) return undefined;
  const end = closing(text, start, mark);
  if (end === undefined) return undefined;
  const inner = inline(text.slice(start, end), target, depth + 1);
  const wrap = character === "~" ? target.strike : isDouble ? target.strong : target.emphasis;
  return { printed: wrap(inner), end: end + mark.length };
}

function closing(text: string, start: number, mark: string): number | undefined {
  const limit = Math.min(text.length, start + LONGEST_SPAN);
  for (let index = start + 1; index < limit; index += 1) {
    if (text[index] === "\\") index += 1;
    else if (text.startsWith(mark, index) && !/\s/.test(text[index - 1] ?? " ")) {
      const isLonger = mark.length === 1 && text[index + 1] === mark;
      const isInWord = mark.startsWith("_") && /\w/.test(text[index + mark.length] ?? "");
      // Of three marks the first closes what is inside.
      const isTriple = mark.length === 2 && text[index + 2] === mark[0];
      if (isLonger) index += 1;
      else if (!isInWord) return isTriple ? index + 1 : index;
    }
  }
  return undefined;
}
