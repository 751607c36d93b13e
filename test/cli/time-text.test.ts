import { describe, expect, it } from "vitest";
import { distanceText, durationText } from "../../src/cli/time-text.ts";

describe("time in words", () => {
  it.each([
    { ms: 0.04, text: "0 ms" },
    { ms: 3.14, text: "3.1 ms" },
    { ms: 84.4, text: "84 ms" },
    { ms: 1_240, text: "1.2 s" },
    { ms: 250_000, text: "4m 10s" },
    { ms: 11_100_000, text: "3h 5m" },
    { ms: 187_200_000, text: "2d 4h" },
  ])("writes $ms ms as $text", ({ ms, text }) => {
    expect(durationText(ms)).toBe(text);
  });

  it.each([
    { at: 10_000, text: "now" },
    { at: 500, text: "10 s ago" },
    { at: 22_400, text: "in 12 s" },
    { at: 310_000, text: "in 5m 0s" },
  ])("says when $at was, seen from 10 s", ({ at, text }) => {
    expect(distanceText(at, 10_000)).toBe(text);
  });
});
