import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { fit, measure, type TextLimit } from "../../src/templating/fit.ts";

const UNITS = ["utf16", "codepoints", "graphemes", "bytes"] as const;
const segmenter = new Intl.Segmenter("en", { granularity: "grapheme" });
const clusters = (text: string): string[] => Array.from(segmenter.segment(text), ({ segment }) => segment);

/** Texts with emoji sequences, combining marks, lone surrogates and line ends. */
const anyText = fc
  .array(
    fc.oneof(
      fc.string(),
      fc.string({ unit: "grapheme" }),
      fc.constantFrom("👩‍👩‍👧‍👦", "é", "e\u0301", "🇩🇪", "\r\n", "…", "\uD83D", "क्षि"),
    ),
  )
  .map((parts) => parts.join(""));
const anyLimit = fc.record({ max: fc.nat({ max: 60 }), unit: fc.constantFrom(...UNITS) });

describe("fit", () => {
  it("returns a text that fits as it is", () => {
    fc.assert(
      fc.property(anyText, fc.constantFrom(...UNITS), (text, unit) => {
        expect(fit(text, { max: measure(text, unit), unit })).toEqual({ text, truncated: false });
      }),
    );
  });

  it("never exceeds the limit, in any unit", () => {
    fc.assert(
      fc.property(anyText, anyLimit, (text, limit) => {
        expect(measure(fit(text, limit).text, limit.unit)).toBeLessThanOrEqual(limit.max);
      }),
    );
  });

  it("keeps a beginning of the text and splits no grapheme cluster", () => {
    fc.assert(
      fc.property(anyText, anyLimit, (text, limit) => {
        const { text: cut, truncated } = fit(text, limit);
        fc.pre(truncated);

        const kept = limit.max >= 4 ? cut.slice(0, -1) : cut;

        expect(text.startsWith(kept)).toBe(true);
        const whole = clusters(text).join("\u0000").split("\u0000");
        expect(clusters(kept)).toEqual(whole.slice(0, clusters(kept).length));
      }),
    );
  });

  it.each([
    { name: "cuts and marks", text: "abcdefgh", limit: { max: 5, unit: "utf16" }, result: "abcd…" },
    { name: "counts the marker as three bytes", text: "abcdefgh", limit: { max: 5, unit: "bytes" }, result: "ab…" },
    { name: "sets no marker below four units", text: "abcdef", limit: { max: 3, unit: "utf16" }, result: "abc" },
    {
      name: "keeps a family whole or not at all",
      text: "ab👩‍👩‍👧‍👦cdefghij",
      limit: { max: 8, unit: "utf16" },
      result: "ab…",
    },
    {
      name: "counts a family as one grapheme",
      text: "👩‍👩‍👧‍👦abcdef",
      limit: { max: 4, unit: "graphemes" },
      result: "👩‍👩‍👧‍👦ab…",
    },
    {
      name: "counts an emoji as one code point",
      text: "😀😀😀😀😀😀",
      limit: { max: 4, unit: "codepoints" },
      result: "😀😀😀…",
    },
    { name: "leaves no space before the marker", text: "abc defgh", limit: { max: 5, unit: "utf16" }, result: "abc…" },
  ] satisfies { name: string; text: string; limit: TextLimit; result: string }[])(
    "$name",
    ({ text, limit, result }) => {
      expect(fit(text, limit)).toEqual({ text: result, truncated: true });
    },
  );

  it("splits a cluster that is longer than any honest one", () => {
    const stacked = `a${"\u0301".repeat(200)}`;

    expect(fit(stacked, { max: 50, unit: "utf16" }).text).toHaveLength(50);
  });

  it("cuts a hundred thousand characters without reading them all", () => {
    const { text } = fit("x".repeat(100_000), { max: 100, unit: "graphemes" });

    expect(text).toBe(`${"x".repeat(99)}…`);
  });
});
