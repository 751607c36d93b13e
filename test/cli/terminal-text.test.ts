import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { columnsOf, fitColumns, padColumns, safeLine, safeText, wrapColumns } from "../../src/cli/terminal-text.ts";

const text = fc.string({ unit: "grapheme", maxLength: 200 }).map((value) => safeText(value));

describe("terminal text", () => {
  it.each([
    { text: "plain", columns: 5 },
    { text: "❌ failed", columns: 9 },
    { text: "日本", columns: 4 },
    { text: "👩‍👩‍👧‍👦", columns: 2 },
    { text: "e\u0301", columns: 1 },
    { text: "\u001B[31mred\u001B[39m", columns: 3 },
  ])("counts $columns columns for $text", ({ text: value, columns }) => {
    expect(columnsOf(value)).toBe(columns);
  });

  it("shows control characters and direction overrides instead of passing them to the terminal", () => {
    const shown = safeText("a\u001B]0;owned\u0007b\u202Ec\nd");

    expect(shown).toBe("a\\x1b]0;owned\\x07b\\x202ec\nd");
  });

  it("puts text on one line", () => {
    expect(safeLine("first\r\n  second\tthird")).toBe("first second third");
  });

  it("never lets a cut text take more columns than it was given", () => {
    fc.assert(
      fc.property(text, fc.integer({ min: 1, max: 60 }), (value, columns) => {
        expect(columnsOf(fitColumns(value, columns))).toBeLessThanOrEqual(columns);
      }),
    );
  });

  it("leaves text that fits as it is", () => {
    fc.assert(
      fc.property(text, (value) => {
        expect(fitColumns(value, columnsOf(value))).toBe(value);
      }),
    );
  });

  it("wraps without losing anything but spaces", () => {
    const words = fc.array(fc.stringMatching(/^[a-z0-9]{1,30}$/), { maxLength: 20 }).map((list) => list.join(" "));
    fc.assert(
      fc.property(words, fc.integer({ min: 8, max: 60 }), (value, columns) => {
        const lines = wrapColumns(value, columns);
        expect(lines.every((line) => columnsOf(line) <= columns)).toBe(true);
        expect(lines.join("").replaceAll(" ", "")).toBe(value.replaceAll(" ", ""));
      }),
    );
  });

  it("pads to a width and not beyond", () => {
    expect([padColumns("日", 4), padColumns("long", 2)]).toEqual(["日  ", "long"]);
  });
});
