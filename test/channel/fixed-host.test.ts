import nock from "nock";
import { afterAll, expect, it } from "vitest";
import { SlackWebhook } from "../../blocks/slack-webhook.ts";
import { systemClock } from "../../src/base/clock.ts";
import { silentLogger } from "../../src/base/logger.ts";
import { sendThrough } from "../../src/block/send.ts";
import { openTransport } from "../../src/channel/open-transport.ts";
import { fullMessage, memoryInbox } from "../../src/testing.ts";

// Importing nock switches it on; other files of this worker must not feel it.
afterAll(() => {
  nock.cleanAll();
  nock.restore();
});

it("reaches Slack through Slack's own client, under our name", async () => {
  if (!nock.isActive()) nock.activate();
  const scope = nock("https://hooks.slack.com", {
    reqheaders: { "user-agent": "Bellhop/1", "content-type": "application/json" },
  })
    .post("/services/T0/B0/secretsecret", { text: "Hello" })
    .reply(429, "rate_limited", { "Retry-After": "12" });
  const block = new SlackWebhook({ url: "https://hooks.slack.com/services/T0/B0/secretsecret" });
  await using transport = openTransport({ clock: systemClock, log: silentLogger, inbox: memoryInbox(), version: "1" });

  const { outcome, status } = await sendThrough(block, fullMessage({ body: "Hello" }), { transport });

  expect(status).toBe(429);
  expect(outcome).toEqual({
    kind: "retry",
    reason: "rate-limited",
    detail: "HTTP 429: rate_limited",
    scope: "block",
    ambiguous: false,
    afterMs: 12_000,
  });
  scope.done();
});
