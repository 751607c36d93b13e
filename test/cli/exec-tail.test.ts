import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { registerSecret } from "../../src/base/redactor.ts";
import { excerpt, Tail } from "../../src/cli/exec/tail.ts";

const tailOf = (...parts: readonly (string | Buffer)[]): Tail => {
  const tail = new Tail();
  for (const part of parts) tail.push(Buffer.from(part));
  return tail;
};

describe("the tail of an output", () => {
  it("is the end of everything that was pushed, however it was cut into chunks", () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 50_000, size: "max" }), { maxLength: 6 }), (chunks) => {
        const tail = new Tail();
        for (const chunk of chunks) tail.push(Buffer.from(chunk));

        const all = Buffer.concat(chunks);
        expect(tail.bytes().equals(all.subarray(Math.max(0, all.length - 65_536)))).toBe(true);
      }),
      { numRuns: 50 },
    );
  });

  it("gives whole lines, and an output without a line end as it is", () => {
    expect(tailOf("one\ntwo\nthr", "ee").lines(2)).toEqual(["two", "three"]);
    expect(tailOf("only").lines(5)).toEqual(["only"]);
    expect(tailOf("\n\n").lines(5)).toEqual([]);
    expect(tailOf("one\n").lines(0)).toEqual([]);
  });

  it("shows what a terminal would show in the end: no colours, and of a progress bar the last version", () => {
    expect(tailOf("\u001B[31mred\u001B[0m\r\n10 %\r55 %\r100 %\nbell\u0007\n").lines(9)).toEqual([
      "red",
      "100 %",
      "bell",
    ]);
  });

  it("makes text of bytes that are none", () => {
    expect(tailOf(Buffer.from([0xff, 0x00, 0x41])).lines(9)).toEqual(["\uFFFDA"]);
  });

  it("masks secrets, also one that is split over chunks or lines", () => {
    registerSecret("tail-secret-first-half\nsecond-half");

    const tail = tailOf("before tail-secret-fir", "st-half\nsecond-half after");

    expect(tail.lines(9)).toEqual(["before ******** after"]);
  });

  it("shows no half of a secret that began before what is kept", () => {
    const secret = `tail-begin-${"s".repeat(3_000)}-tail-end`;
    registerSecret(secret);

    const tail = tailOf(secret, "x".repeat(65_536 - 20));

    expect(tail.lines(9).join("\n")).not.toContain("tail-end");
  });

  it("keeps the last lines of an output that is much longer, and no more than 16,000 characters", () => {
    const lines = Array.from({ length: 20_000 }, (_, index) => `line ${index}`);

    expect(tailOf(lines.join("\n")).lines(3)).toEqual(["line 19997", "line 19998", "line 19999"]);
    expect(tailOf("y".repeat(200_000)).lines(3)[0]).toHaveLength(16_000);
    expect(tailOf(Buffer.alloc(200_000), "the end\n").lines(3)).toEqual(["the end"]);
  });
});

describe("an excerpt", () => {
  it("has the last lines that fit", () => {
    expect(excerpt(["a", "b", "c"], { lines: 2, chars: 100 })).toBe("b\nc");
    expect(excerpt(["aaaa", "bb", "cc"], { lines: 9, chars: 6 })).toBe("bb\ncc");
    expect(excerpt([], { lines: 9, chars: 6 })).toBe("");
  });

  it("has the end of a line that is too long alone", () => {
    expect(excerpt(["0123456789"], { lines: 9, chars: 5 })).toBe("…6789");
  });
});
