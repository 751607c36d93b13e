import { describe, expect, it } from "vitest";
import type { ChannelLimits } from "../../src/channel/channel.ts";
import { fitMessage } from "../../src/channel/fit-message.ts";
import { fullMessage } from "../../src/testing.ts";

const LIMITS: ChannelLimits = {
  title: { max: 10, unit: "utf16" },
  body: { max: 20, unit: "bytes" },
  fieldValue: { max: 8, unit: "utf16" },
  maxFields: 2,
};
const field = (value: string) => ({ name: "n", value });

describe("fitting a message", () => {
  it("leaves a message alone that fits", () => {
    const message = fullMessage({ title: "short", body: "short", fields: [field("a")], native: { a: 1 }, html: "<p>" });

    expect(fitMessage(message, LIMITS)).toBe(message);
  });

  it("cuts title, body, facts and their number, and says so", () => {
    const message = fullMessage({
      title: "x".repeat(11),
      body: "ü".repeat(20),
      fields: [field("y".repeat(9)), field("b"), field("c")],
    });

    const fitted = fitMessage(message, LIMITS);

    expect(fitted).toMatchObject({
      title: `${"x".repeat(9)}…`,
      truncated: true,
      fields: [field(`${"y".repeat(7)}…`), field("b")],
    });
    expect(Buffer.byteLength(fitted.body)).toBeLessThanOrEqual(20);
  });

  it("drops HTML that no longer matches a cut text", () => {
    expect(fitMessage(fullMessage({ body: "x".repeat(21), html: "<p>long</p>" }), LIMITS)).not.toHaveProperty("html");
  });

  it("halves every limit to shrink, and drops what cannot be cut", () => {
    const message = fullMessage({
      title: "123456",
      body: "12345678901",
      fields: [field("12345")],
      native: {},
      html: "<p>",
    });

    const fitted = fitMessage(message, LIMITS, "shrink");

    expect(fitted).toMatchObject({ title: "1234…", body: "1234567…", fields: [field("123…")] });
    expect(fitted).not.toHaveProperty("native");
    expect(fitted).not.toHaveProperty("html");
  });

  it("drops provider JSON, but not HTML, for a plainer form", () => {
    const fitted = fitMessage(fullMessage({ body: "b", native: {}, html: "<p>" }), LIMITS, "plain");

    expect(fitted).not.toHaveProperty("native");
    expect(fitted).toMatchObject({ html: "<p>" });
  });
});
