import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type Inbox, startInbox } from "../../src/inbox/inbox.ts";
import type { Received } from "../../src/inbox/received.ts";
import { ManualClock } from "../support/manual-clock.ts";

let inbox: Inbox;
const seen: Received[] = [];
beforeEach(async () => {
  seen.length = 0;
  inbox = await startInbox({ onMessage: (message) => seen.push(message), clock: new ManualClock(5_000) });
});
afterEach(() => inbox[Symbol.asyncDispose]());

const post = (url: string, body: string) => fetch(url, { method: "POST", body });

describe("local inbox", () => {
  it("takes Slack's format under Slack's paths and answers as Slack does", async () => {
    const answer = await post(inbox.slackUrl, '{"text":"hello"}');

    expect([answer.status, await answer.text()]).toEqual([200, "ok"]);
    expect(seen).toMatchObject([
      {
        channel: "slack",
        number: 1,
        receivedAtMs: 5_000,
        method: "POST",
        json: { text: "hello" },
        raw: '{"text":"hello"}',
        answered: 200,
      },
    ]);
    expect(inbox.messages).toEqual(seen);
  });

  it.each([
    { body: "not json", says: "invalid_payload" },
    { body: "[]", says: "invalid_payload" },
    { body: '{"text":""}', says: "no_text" },
  ])("refuses $body with $says", async ({ body, says }) => {
    const answer = await post(inbox.slackUrl, body);

    expect([answer.status, await answer.text()]).toEqual([400, says]);
  });

  it("takes anything under any other path", async () => {
    const answer = await fetch(`${inbox.httpUrl}/any?q=1`, { method: "PUT", body: "plain", headers: { "x-a": "1" } });

    expect(answer.status).toBe(200);
    expect(seen).toMatchObject([
      { channel: "webhook", method: "PUT", path: "/any?q=1", raw: "plain", headers: { "x-a": "1" } },
    ]);
    expect(seen[0]).not.toHaveProperty("json");
  });

  it("gives scripted answers in order, then its own again", async () => {
    inbox.answerNext({ status: 429, headers: { "retry-after": "7" }, body: "rate_limited" }, "reset");

    const limited = await post(inbox.slackUrl, '{"text":"a"}');
    expect([limited.status, limited.headers.get("retry-after")]).toEqual([429, "7"]);
    await expect(post(inbox.slackUrl, '{"text":"b"}')).rejects.toThrow("fetch failed");
    expect((await post(inbox.slackUrl, '{"text":"c"}')).status).toBe(200);
    expect(seen.map((message) => (message.channel === "mail" ? "mail" : message.answered))).toEqual([429, null, 200]);
  });

  it("tells who waits when enough has arrived", async () => {
    const both = inbox.received(2);
    await post(inbox.httpUrl, "1");
    await post(inbox.httpUrl, "2");

    expect((await both).map((message) => message.raw)).toEqual(["1", "2"]);
    expect(await inbox.received(1)).toHaveLength(1);
  });

  it("lets who waits give up", async () => {
    const stop = new AbortController();
    const waiting = inbox.received(1, stop.signal);
    stop.abort(new Error("enough"));

    await expect(waiting).rejects.toThrow("enough");
    await expect(inbox.received(1, stop.signal)).rejects.toThrow("enough");
  });

  it("starts only what is wanted, and frees its ports", async () => {
    const { httpUrl } = inbox;
    await inbox[Symbol.asyncDispose]();
    const port = Number(new URL(httpUrl).port);

    inbox = await startInbox({ httpPort: port, smtpPort: null });

    expect(inbox.httpUrl).toBe(httpUrl);
    expect(inbox.smtpPort).toBe(0);
  });

  it("fails to start on a port that is taken, and leaves nothing open", async () => {
    const port = Number(new URL(inbox.httpUrl).port);

    await expect(startInbox({ httpPort: port })).rejects.toMatchObject({ code: "EADDRINUSE" });
    await expect(startInbox({ httpPort: null, smtpPort: inbox.smtpPort })).rejects.toMatchObject({
      code: "EADDRINUSE",
    });
  });
});
