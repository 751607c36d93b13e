import { describe, expect, it } from "vitest";
import type { JsonValue } from "../../src/base/json.ts";
import { fitMrkdwn, slackPayload } from "../../src/templating/slack-payload.ts";
import { parseTemplateJson } from "../../src/templating/template-json.ts";

const section = (text: string) => ({ type: "section", text: { type: "mrkdwn", text } });
const button = (url: string) => ({ type: "button", text: { type: "plain_text", text: "Open" }, url });
const blocksOf = (value: JsonValue): JsonValue => slackPayload(value, "Title").payload["blocks"] ?? null;

describe("slackPayload", () => {
  it("takes a list of blocks, and adds the title as text", () => {
    expect(slackPayload([section("a")], "Title")).toEqual({
      payload: { text: "Title", blocks: [section("a")], unfurl_links: false, unfurl_media: false },
      truncated: false,
    });
  });

  it("drops what Slack refuses: empty texts, buttons without a web address, blocks with nothing in them", () => {
    const blocks = [
      section(" "),
      { type: "actions", elements: [button("javascript:alert(1)"), button("")] },
      { type: "context", elements: [] },
      { type: "section", fields: [{ type: "mrkdwn", text: "" }] },
      section("kept"),
    ];

    expect(blocksOf(blocks)).toEqual([section("kept")]);
  });

  it("keeps a good button beside a bad one, and decodes addresses and plain texts", () => {
    const label = { type: "plain_text", text: "a &amp; b" };

    expect(
      blocksOf([
        { type: "actions", elements: [{ ...button("https://a.example/?x=1&amp;y=2"), text: label }, button("x:y")] },
      ]),
    ).toEqual([
      {
        type: "actions",
        elements: [{ type: "button", text: { type: "plain_text", text: "a & b" }, url: "https://a.example/?x=1&y=2" }],
      },
    ]);
  });

  it.each([
    { name: "headers", block: { type: "header", text: { type: "plain_text", text: "h".repeat(200) } }, max: 150 },
    { name: "sections", block: section("s".repeat(4_000)), max: 3_000 },
    { name: "fields", block: { type: "section", fields: [{ type: "mrkdwn", text: "f".repeat(3_000) }] }, max: 2_000 },
  ])("cuts $name to Slack's limit", ({ block, max }) => {
    const { payload, truncated } = slackPayload([block], "Title");

    const longest = Math.max(
      ...Array.from(JSON.stringify(payload).matchAll(/"((?:h|s|f)+…)"/g), ([, text]) => text?.length ?? 0),
    );
    expect(longest).toBeLessThanOrEqual(max);
    expect(longest).toBeGreaterThan(max - 10);
    expect(truncated).toBe(true);
  });

  it("keeps at most fifty blocks, and the buttons among them", () => {
    const blocks = [
      ...Array.from({ length: 60 }, (_none, i) => section(`s${i}`)),
      { type: "actions", elements: [button("https://a.example/")] },
    ];

    const kept = blocksOf(blocks);

    expect(kept).toHaveLength(50);
    expect(JSON.stringify(kept)).toContain("https://a.example/");
    expect(JSON.stringify(kept)).toContain("s0");
  });

  it("keeps all texts together below 12,000 characters", () => {
    const kept = JSON.stringify(blocksOf(Array.from({ length: 20 }, () => section("x".repeat(2_900)))));

    expect(kept.replaceAll(/[^x]/g, "").length).toBeLessThanOrEqual(12_000);
  });

  it("refuses what is no message", () => {
    expect(() => slackPayload("text", "Title")).toThrow(TypeError);
  });
});

describe("fitMrkdwn", () => {
  it.each([
    { name: "half an entity", text: "aaaaaaaaaa&amp;bbbbbbbbbb", max: 18, result: "aaaaaaaaaa…" },
    { name: "half a link", text: "aaaaa <https://a.example/long|label> b", max: 30, result: "aaaaa…" },
    { name: "an open code block", text: "```\nline one\nline two\n```", max: 20, result: "```\nline one\nl…\n```" },
  ])("leaves no $name behind", ({ text, max, result }) => {
    expect(fitMrkdwn(text, max)).toEqual({ text: result, truncated: true });
  });
});

describe("parseTemplateJson", () => {
  it.each([
    { text: "[1,2,]", value: [1, 2] },
    { text: "[,1,,2]", value: [1, 2] },
    { text: '{"a":1,}', value: { a: 1 } },
    { text: '{"a":", ,]\\"",\n}', value: { a: ', ,]"' } },
    { text: "[]", value: [] },
  ])("reads $text", ({ text, value }) => {
    expect(parseTemplateJson(text)).toEqual(value);
  });

  it.each(['{"a" 1}', "[1 2]", '{"a":"x}', ""])("refuses %j", (text) => {
    expect(() => parseTemplateJson(text)).toThrow(SyntaxError);
  });
});
