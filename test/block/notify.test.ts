import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { registerSecret } from "../../src/base/redactor.ts";
import { MASK } from "../../src/base/secret.ts";
import { directMessage } from "../../src/block/direct-message.ts";
import { registerClass } from "../../src/block/registry.ts";
import { channelOf, sendThrough } from "../../src/block/send.ts";
import type { Dialect } from "../../src/templating/dialect.ts";
import { Block, type Message, NotificationBlock, chars, secret, z } from "../../src/sdk.ts";
import { StringBlock } from "../../blocks/string.ts";
import { type TestBlocks, openTestBlocks } from "../support/block-context.ts";
import { coded, rejected } from "../support/coded.ts";

class Chat extends NotificationBlock.define({
  slug: "notify-chat",
  schema: z.object({ url: secret(z.url()) }),
  dialect: "slack-mrkdwn",
  limits: { title: chars(20), body: chars(40) },
  profile: "chat",
  build: ({ config, message }) => ({
    executor: "http",
    method: "POST",
    url: config.url.reveal(),
    body: { type: "json", value: { title: message.title, text: message.body } },
  }),
}) {}

const url = "https://chat.example/hooks/notify-secret-1";
let blocks: TestBlocks;
const within = <T>(fn: () => T): T => blocks.within(fn);
beforeAll(async () => {
  blocks = await openTestBlocks();
  registerClass(Chat);
  await within(() => new Chat({ url }).save("ops"));
});
afterAll(() => blocks[Symbol.asyncDispose]());
beforeEach(() => {
  blocks.sent.length = 0;
  blocks.journal.length = 0;
  blocks.outcome = { kind: "delivered", providerId: "p-1", warnings: ["w"] };
});

describe("notify()", () => {
  it("sends one message and resolves with a receipt", async () => {
    const receipt = await within(() => Block.load("notify-chat/ops").notify("Nightly load failed", "Subject"));

    expect(receipt).toEqual({
      deliveryId: expect.stringMatching(/^[0-9a-f-]{36}$/),
      providerId: "p-1",
      durationMs: 7,
      warnings: ["w"],
      truncated: false,
    });
    expect(blocks.sent).toHaveLength(1);
    expect(blocks.sent[0]?.plan).toMatchObject({
      url,
      body: { value: { title: "Subject", text: "Nightly load failed" } },
    });
    expect(blocks.sent[0]?.request.label).toBe("notify-chat/ops");
  });

  it("records the send, delivered or not", async () => {
    await within(() => Block.load("notify-chat/ops").notify("one"));
    blocks.outcome = { kind: "permanent", reason: "gone", detail: "no_service" };
    await rejected(within(() => Block.load("notify-chat/ops").notify("two")));

    expect(blocks.journal).toMatchObject([
      { destination: "notify-chat/ops", body: "one", durationMs: 7, status: 200, outcome: { kind: "delivered" } },
      { destination: "notify-chat/ops", body: "two", outcome: { kind: "permanent", reason: "gone" } },
    ]);
    expect(blocks.journal[0]?.deliveryId).toBe(blocks.sent[0]?.request.message.deliveryId);
  });

  it("rejects with code, reason and hint when the provider refuses", async () => {
    blocks.outcome = { kind: "retry", reason: "rate-limited", detail: "HTTP 429", ambiguous: false };

    const error = await rejected(within(() => new Chat({ url }).notify("x")));

    expect(error).toMatchObject({
      code: "delivery_failed",
      name: "DeliveryFailedError",
      details: { ref: "notify-chat/(unsaved)", reason: "rate-limited", detail: "HTTP 429" },
      hint: expect.stringContaining("Too many messages"),
    });
  });

  it("refuses an empty message before anything is sent", async () => {
    for (const body of ["", " \n ", "\u0000\u0007"]) {
      expect((await rejected(within(() => new Chat({ url }).notify(body)))).code).toBe("invalid_payload");
    }
    expect((await rejected(within(() => new Chat({ url }).notify({})))).code).toBe("invalid_payload");
    expect(blocks.sent).toEqual([]);
  });

  it("takes a message in parts", async () => {
    const fields = [{ name: "run", value: "<!here> 1" }];
    const links = [{ label: "Open", url: "https://hub.example/run/1" }];

    await within(() => new Chat({ url }).notify({ title: "T", severity: "critical", fields, links }));

    expect(blocks.sent[0]?.request.message).toMatchObject({
      title: "T",
      body: "",
      severity: "critical",
      fields: [{ name: "run", value: "&lt;!here&gt; 1" }],
      links,
    });
  });

  it("cuts visibly at the channel's limits and says so", async () => {
    const receipt = await within(() => new Chat({ url }).notify("b".repeat(50), "t".repeat(30)));
    const { message } = blocks.sent[0]?.request ?? {};

    expect(receipt.truncated).toBe(true);
    expect(message?.title).toBe(`${"t".repeat(19)}…`);
    expect(message?.body).toBe(`${"b".repeat(39)}…`);
  });

  it("uses the values that the instance has now", async () => {
    const block = new Chat({ url });
    block.url = block.url.map(() => "https://chat.example/hooks/changed");

    await within(() => block.notify("x"));

    expect(blocks.sent[0]?.plan).toMatchObject({ url: "https://chat.example/hooks/changed" });
  });

  it("passes the caller's signal on", async () => {
    const { signal } = new AbortController();

    await within(() => new Chat({ url }).notify({ body: "x", signal }));

    expect(blocks.sent[0]?.request.signal).toBe(signal);
  });
});

describe("the text of a direct message", () => {
  const message = (body: string, dialect: Dialect = "slack-mrkdwn", title = ""): Message =>
    directMessage({
      given: { body, title },
      channel: { dialect, limits: { body: chars(1_000) } },
      ref: "x/y",
      nowMs: 0,
    });

  it.each([
    { text: "<https://x.example|link> & *bold*", shown: "<https://x.example|link> & *bold*" },
    { text: "<!channel> <!here|here> <!everyone>", shown: "&lt;!channel&gt; &lt;!here|here&gt; &lt;!everyone&gt;" },
    { text: "<!subteam^S123|@ops> <@U123> <@W1|x>", shown: "&lt;!subteam^S123|@ops&gt; &lt;@U123&gt; &lt;@W1|x&gt;" },
    { text: "<!CHANNEL>", shown: "&lt;!CHANNEL&gt;" },
    { text: "<!chan\u0000nel>", shown: "&lt;!channel&gt;" },
    { text: "<!date^1392734382^{date}|then>", shown: "<!date^1392734382^{date}|then>" },
    { text: "<!date> <!channel>", shown: "&lt;!date&gt; &lt;!channel&gt;" },
    { text: "a\r\nb\rc\td\u001b[31m", shown: "a\nb\nc\td[31m" },
    { text: "user \u202Egpj.exe", shown: "user gpj.exe" },
  ])("for Slack turns $text into $shown", ({ text, shown }) => {
    expect(message(text).body).toBe(shown);
  });

  it("keeps Slack's markup as plain text for other dialects", () => {
    expect(message("<!channel>", "markdown").body).toBe("<!channel>");
  });

  it("becomes an escaped HTML part for mail, with the text beside it", () => {
    const { body, html } = message("a <b>&\nc\n\nd 'q\"", "html");

    expect(body).toBe("a <b>&\nc\n\nd 'q\"");
    expect(html).toBe("<p>a &lt;b&gt;&amp;<br>\nc</p>\n<p>d &#39;q&quot;</p>");
  });

  it("has a title of one line", () => {
    expect(message("x", "text", " a\r\nBcc: b\u0000 ").title).toBe("a Bcc: b");
  });

  it("shows no known secret", () => {
    registerSecret("direct-message-secret");

    const { title, body } = message("token direct-message-secret", "text", "direct-message-secret");

    expect([title, body]).toEqual([MASK, `token ${MASK}`]);
  });

  it("shows no secret that cleaning would change before it is recognised, or make", () => {
    registerSecret("first line\r\n\tsecond <!line> of a secret");
    registerSecret("direct-secret-in-one-piece");

    const text = "first line\r\n\tsecond <!line> of a secret direct-secret-\u0000in-one-piece";
    const { title, body } = message(text, "slack-mrkdwn", text);

    expect([title, body]).toEqual([`${MASK} ${MASK}`, `${MASK} ${MASK}`]);
  });

  it("calls nobody on servers that take Slack's format and know @channel", () => {
    expect(message("@channel (@here) a@all.example").body).toBe("@\u200Bchannel (@\u200Bhere) a@all.example");
  });
});

it("sends a finished message for the dispatcher, with the outcome as a value", async () => {
  blocks.outcome = { kind: "permanent", reason: "gone", detail: "gone" };
  const block = new Chat({ url });
  const message = directMessage({ given: { body: "x" }, channel: channelOf(block), ref: "r", nowMs: 0 });

  const { outcome } = await sendThrough(block, message, { transport: blocks.context.transport });

  expect(outcome).toEqual(blocks.outcome);
  expect(coded(() => channelOf(new StringBlock({ value: "x" }))).code).toBe("invalid_block_registration");
});
