import { inspect } from "node:util";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { Inbox as InboxBlock } from "../../blocks/inbox.ts";
import { SlackWebhook } from "../../blocks/slack-webhook.ts";
import { systemClock } from "../../src/base/clock.ts";
import { BellhopError } from "../../src/base/errors.ts";
import { silentLogger } from "../../src/base/logger.ts";
import { SecretValue } from "../../src/base/secret.ts";
import { sendThrough } from "../../src/block/send.ts";
import type { ChannelDefinition, HttpPlan } from "../../src/channel/channel.ts";
import type { Message } from "../../src/channel/message.ts";
import { openTransport, type TransportOptions } from "../../src/channel/open-transport.ts";
import { type Inbox, startInbox } from "../../src/inbox/inbox.ts";
import type { ReceivedRequest } from "../../src/inbox/received.ts";
import { fullMessage, memoryInbox } from "../../src/testing.ts";
import { ManualClock } from "../support/manual-clock.ts";

let stack: AsyncDisposableStack;
let inbox: Inbox;
beforeEach(async () => {
  stack = new AsyncDisposableStack();
  inbox = stack.use(await startInbox({ smtpPort: null }));
});
afterEach(() => stack.disposeAsync());

const open = (options: Partial<TransportOptions> = {}) =>
  stack.use(openTransport({ clock: systemClock, log: silentLogger, inbox: memoryInbox(), version: "1", ...options }));

const MESSAGE = fullMessage({ title: "T", body: "text" });

/** A channel that posts title and body, and whatever a test adds. */
const channel = (more: Partial<ChannelDefinition<unknown>> = {}): ChannelDefinition<unknown> => ({
  dialect: "text",
  limits: { title: { max: 20, unit: "utf16" }, body: { max: 100, unit: "utf16" } },
  profile: "chat",
  build: ({ message, degrade = null }): HttpPlan => ({
    executor: "http",
    method: "POST",
    url: `${inbox.httpUrl}/hook`,
    body: {
      type: "json",
      value: { title: message.title, body: message.body, degrade, native: message.native ?? null },
    },
  }),
  ...more,
});

const request = (more: Partial<ChannelDefinition<unknown>> = {}, message: Message = MESSAGE, config: unknown = {}) => ({
  channel: channel(more),
  config,
  message,
  label: "test/ops",
});

const bodies = () => inbox.messages.map((message) => (message as ReceivedRequest).json);

describe("transport", () => {
  it("sends, and says how long it took and what the answer was", async () => {
    const result = await open().send(request());

    expect(result).toEqual({ outcome: { kind: "delivered" }, status: 200, durationMs: expect.any(Number) });
    expect(bodies()).toEqual([{ title: "T", body: "text", degrade: null, native: null }]);
  });

  it("asks the channel first, then the table", async () => {
    inbox.answerNext({ status: 409 }, { status: 409 });
    const transport = open();

    const own = await transport.send(
      request({ classify: ({ status }) => (status === 409 ? { kind: "delivered", providerId: "dup" } : undefined) }),
    );
    const table = await transport.send(request());

    expect(own.outcome).toEqual({ kind: "delivered", providerId: "dup" });
    expect(table.outcome).toMatchObject({ kind: "permanent", reason: "invalid-payload" });
  });

  it("shows the channel the parsed body of an answer", async () => {
    inbox.answerNext({ status: 200, body: '{"ok":false,"error":"nope"}' });

    const { outcome } = await open().send(
      request({ classify: ({ json }) => ({ kind: "permanent", reason: "format", detail: JSON.stringify(json) }) }),
    );

    expect(outcome).toMatchObject({ detail: '{"ok":false,"error":"nope"}' });
  });

  it("rebuilds once, plainer, when the provider refuses the formatting", async () => {
    inbox.answerNext({ status: 400, body: "bad markup" });
    const classify: ChannelDefinition<unknown>["classify"] = ({ status, text }) =>
      status === 400 ? { kind: "permanent", reason: "format", detail: text, degrade: "plain" } : undefined;

    const { outcome } = await open().send(request({ classify }, { ...MESSAGE, native: { rich: true } }));

    expect(outcome).toEqual({ kind: "delivered", warnings: ["degraded to plain: bad markup"] });
    expect(bodies()).toEqual([
      { title: "T", body: "text", degrade: null, native: { rich: true } },
      { title: "T", body: "text", degrade: "plain", native: null },
    ]);
  });

  it("rebuilds once at half the size when the message is too large, and no more than once", async () => {
    inbox.answerNext({ status: 413 }, { status: 413 });

    const { outcome } = await open().send(request({}, { ...MESSAGE, body: "x".repeat(500) }));

    expect(outcome).toMatchObject({ kind: "permanent", reason: "too-large" });
    expect(outcome).not.toHaveProperty("degrade");
    expect(bodies()).toMatchObject([{ body: `${"x".repeat(99)}…` }, { body: `${"x".repeat(49)}…`, degrade: "shrink" }]);
  });

  it("keeps messages of the development channel in the local store", async () => {
    const kept = memoryInbox();
    const transport = open({ inbox: kept, clock: new ManualClock(1_000) });

    const { outcome } = await sendThrough(new InboxBlock(), MESSAGE, { transport });

    expect(outcome.kind).toBe("delivered");
    expect(await kept.list()).toEqual([
      { id: MESSAGE.deliveryId, inbox: "inbox/(unsaved)", title: "T", body: "text", receivedAtMs: 1_000 },
    ]);
  });

  it("tries again when the local store does not take a message", async () => {
    const broken = { ...memoryInbox(), keep: () => Promise.reject(new Error("disk full")) };

    const { outcome } = await sendThrough(new InboxBlock(), MESSAGE, { transport: open({ inbox: broken }) });

    expect(outcome).toMatchObject({ kind: "retry", reason: "server", detail: expect.stringContaining("disk full") });
  });

  it("makes an outcome of whatever a channel throws", async () => {
    const failing = (error: unknown) => ({
      build: () => {
        throw error;
      },
    });
    const transport = open();

    expect((await transport.send(request(failing(new Error("no url"))))).outcome).toEqual({
      kind: "permanent",
      reason: "invalid-config",
      detail: "no url",
    });
    expect(
      (await transport.send(request(failing(new BellhopError("invalid_address", { problem: "empty" }))))).outcome,
    ).toMatchObject({ reason: "invalid-config" });
    expect(
      (
        await transport.send(
          request({
            classify: () => {
              throw new Error("bug");
            },
          }),
        )
      ).outcome,
    ).toMatchObject({ kind: "retry", ambiguous: true, detail: "bug" });
  });

  it("heeds the private-address rule of the plan", async () => {
    const guarded = (plan: HttpPlan): HttpPlan => ({ ...plan, allowPrivateUrls: false });
    const { outcome } = await open().send(request({ build: (input) => guarded(channel().build(input) as HttpPlan) }));

    expect(outcome).toMatchObject({ kind: "permanent", reason: "blocked-address" });
    expect(inbox.messages).toEqual([]);
  });

  it("heeds it for Slack too", async () => {
    const block = new SlackWebhook({ url: inbox.slackUrl, allow_private_urls: false });

    const { outcome } = await sendThrough(block, MESSAGE, { transport: open() });

    expect(outcome).toMatchObject({ kind: "permanent", reason: "blocked-address" });
    expect(inbox.messages).toEqual([]);
  });

  it("passes the signal on", async () => {
    inbox.answerNext("hang");
    const stop = new AbortController();
    const sending = open().send({ ...request(), signal: stop.signal });
    await inbox.received(1);

    stop.abort();

    expect((await sending).outcome).toMatchObject({ kind: "retry", reason: "cancelled", ambiguous: true });
  });

  it("stops what is in flight when it is closed, and sends nothing afterwards", async () => {
    inbox.answerNext("hang");
    const transport = open();
    const sending = transport.send(request());
    await inbox.received(1);

    await transport[Symbol.asyncDispose]();

    expect((await sending).outcome).toMatchObject({ kind: "retry", reason: "cancelled", ambiguous: true });
    expect((await transport.send(request())).outcome).toMatchObject({
      kind: "retry",
      reason: "cancelled",
      ambiguous: false,
    });
    expect(inbox.messages).toHaveLength(1);
  });

  it("opens nothing once it is closed", async () => {
    const transport = open();
    await transport[Symbol.asyncDispose]();

    expect((await transport.send(request())).outcome).toMatchObject({ kind: "retry", reason: "cancelled" });
    expect(inbox.messages).toEqual([]);
  });

  it("masks secrets and addresses in what a server sends back, before cutting it", async () => {
    const token = "tok-abcdefghijklmnopqrstuvwxyz-0123456789";
    const config = { nested: { list: [new SecretValue({ deep: token })] } };
    inbox.answerNext({ status: 500, body: `${"pad ".repeat(110)}Authorization: Bearer ${token}` }, "echo");
    const transport = open();
    const build: ChannelDefinition<unknown>["build"] = () => ({
      executor: "http",
      method: "POST",
      url: `${inbox.httpUrl}/hooks/path-of-a-secret-webhook`,
      headers: { authorization: `Basic ${Buffer.from(`user:${token}`).toString("base64")}`, "x-token": token },
      body: { type: "none" },
    });

    const shown = inspect(
      [
        await transport.send(request({ build }, MESSAGE, config)),
        await transport.send(request({ build }, MESSAGE, config)),
      ],
      { depth: 9 },
    );

    for (let length = 8; length <= token.length; length += 1) expect(shown).not.toContain(token.slice(0, length));
    expect(shown).not.toContain("path-of-a-secret");
  });

  it("keeps the detail to one line of 500 characters", async () => {
    inbox.answerNext({ status: 500, body: `line\r\n\u0007${"x".repeat(5_000)}` });

    const { outcome } = await open().send(request());

    expect(outcome.kind === "retry" && outcome.detail).toMatch(/^HTTP 500: line x+$/);
    expect(outcome.kind === "retry" && outcome.detail.length).toBe(500);
  });

  it("previews a request without sending it and without its secrets", async () => {
    const block = new SlackWebhook({ url: `${inbox.slackUrl}?x=planted-secret` });
    const transport = open();

    const plan = transport.plan({
      channel: SlackWebhook.channel,
      config: block,
      message: MESSAGE,
      label: "slack-webhook/ops",
    });

    expect(plan).toMatchObject({
      executor: "slack-webhook",
      url: expect.stringMatching(/^http:\/\/127\.0\.0\.1:\d+\/… \([0-9a-f]{8}\)$/),
    });
    expect(JSON.stringify(plan)).not.toContain("planted-secret");
    expect(inbox.messages).toEqual([]);
  });
});
