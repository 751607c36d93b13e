import { expect, it } from "vitest";
import { SlackWebhook } from "../../blocks/slack-webhook.ts";
import { sendThrough } from "../../src/block/send.ts";
import { type ChannelCasesOptions, channelCases, createRecorder, fullMessage, memoryInbox } from "../../src/testing.ts";

const suite = (options: Partial<ChannelCasesOptions<ConstructorParameters<typeof SlackWebhook>[0]>>) =>
  channelCases(SlackWebhook, {
    config: { url: "https://hooks.slack.com/services/T/B/x" },
    message: { body: "b" },
    sends: {},
    answers: [],
    ...options,
  });

it("fails a channel that sends something else than promised", async () => {
  const [sends] = suite({ sends: { json: { text: "other" } } });

  await expect(sends?.run()).rejects.toThrow("strictly deep-equal");
});

it("fails a channel that judges an answer otherwise than promised", async () => {
  const cases = suite({
    answers: [
      { status: 500, outcome: "delivered" },
      { status: 429, outcome: "rate-limited", retryAfterMs: 1 },
    ],
  });

  await expect(cases[1]?.run()).rejects.toThrow("server");
  await expect(cases[2]?.run()).rejects.toThrow("5000");
});

it("records what would have been sent, without secrets, and ends sends as told", async () => {
  const recorder = createRecorder();
  recorder.endNext({ kind: "permanent", reason: "gone", detail: "slack: no_service" });
  const block = new SlackWebhook({ url: "https://hooks.slack.com/services/T/B/abcdefghijk" });

  const first = await sendThrough(block, fullMessage({ body: "one" }), { transport: recorder });
  const second = await sendThrough(block, fullMessage({ body: "two" }), { transport: recorder });

  expect([first.outcome.kind, second.outcome.kind]).toEqual(["permanent", "delivered"]);
  expect(recorder.sent.map(({ label, message }) => [label, message.body])).toEqual([
    ["slack-webhook/(unsaved)", "one"],
    ["slack-webhook/(unsaved)", "two"],
  ]);
  expect(JSON.stringify(recorder.sent)).not.toContain("abcdefghijk");
});

it("keeps an inbox in memory, newest first", async () => {
  const inbox = memoryInbox();
  for (const id of ["1", "2", "3"])
    await inbox.keep({ id, inbox: id === "3" ? "inbox/b" : "inbox/a", title: "", body: "", receivedAtMs: 0 });

  expect((await inbox.list({ inbox: "inbox/a" })).map(({ id }) => id)).toEqual(["2", "1"]);
  expect(await inbox.clear("inbox/a")).toBe(2);
  expect((await inbox.list()).map(({ id }) => id)).toEqual(["3"]);
});
