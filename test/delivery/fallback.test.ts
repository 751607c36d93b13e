import { describe, expect, it } from "vitest";
import type { JsonObject } from "../../src/base/json.ts";
import type { Message } from "../../src/channel/message.ts";
import type { Outcome } from "../../src/channel/outcome.ts";
import type { Delivery } from "../../src/delivery/delivery.ts";
import { withNotice } from "../../src/delivery/fallback.ts";
import { DELIVERED, NO_ANSWER, openRig, type Rig, SERVER_ERROR } from "./rig.ts";

const MINUTE_MS = 60_000;
const GONE: Outcome = { kind: "permanent", reason: "gone", detail: "no_service" };
const ELSEWHERE = "test/elsewhere";

const handling = (destination: string) => (destination === "test/a" ? { fallback: ELSEWHERE } : {});
const onlyA = (outcome: Outcome) => (sent: { readonly destination: string }) =>
  sent.destination === "test/a" ? outcome : DELIVERED;

async function instead(rig: Rig, destination = ELSEWHERE): Promise<Delivery[]> {
  return (await rig.outbox.list({ destination })).toReversed();
}

describe("the fallback of a destination", () => {
  it("gets what is given up, about the same subject, with a line that says what failed", async () => {
    await using rig = await openRig();
    rig.start({ answer: onlyA(GONE), handling });
    const [id] = await rig.enqueue({ subject: "flow-run/1", severity: "critical", payload: { title: "T", body: "B" } });
    await rig.clock.until(() => rig.sent.length === 2);
    await rig.clock.settle(50);

    expect(await rig.read(id)).toMatchObject({ status: "dead", reason: "gone" });
    expect(await instead(rig)).toMatchObject([
      {
        status: "delivered",
        subject: "flow-run/1",
        severity: "critical",
        dedupKey: `fallback/${id}`,
        payload: {
          title: "T",
          body: "B",
          plain: true,
          notice: "Sent here because test/a did not take it. gone: no_service",
        },
      },
    ]);
    expect((await instead(rig))[0]?.flowRunId).toBe((await rig.read(id)).flowRunId);
  });

  it("gets nothing while the message is still tried", async () => {
    await using rig = await openRig();
    rig.start({ answer: ({ attempt }) => (attempt < 3 ? SERVER_ERROR : DELIVERED), handling });
    await rig.enqueue({});
    await rig.clock.advance(10 * MINUTE_MS);

    expect(await instead(rig)).toEqual([]);
  });

  it("gets it after the last attempt too", async () => {
    await using rig = await openRig();
    rig.start({ profile: "sms", answer: onlyA(SERVER_ERROR), handling });
    await rig.enqueue({});
    await rig.clock.advance(30 * MINUTE_MS);
    await rig.clock.settle(50);

    expect(await instead(rig)).toMatchObject([{ status: "delivered" }]);
  });

  it("is told that the message may have arrived all the same", async () => {
    await using rig = await openRig();
    rig.start({ profile: "sms", answer: onlyA(NO_ANSWER), handling });
    await rig.enqueue({});
    await rig.clock.advance(MINUTE_MS);
    await rig.clock.settle(50);

    const [delivery] = await instead(rig);
    expect(delivery?.payload["notice"]).toContain("It may have arrived there.");
  });

  it("is the hook's, where the hook names one", async () => {
    await using rig = await openRig();
    rig.start({ answer: onlyA(GONE), handling });
    await rig.enqueue({ payload: { title: "t", body: "b", fallback: "test/hooks-own" } });
    await rig.clock.until(() => rig.sent.length === 2);

    expect(rig.sent[1]?.destination).toBe("test/hooks-own");
  });

  it("has none itself, so that nothing goes round in circles", async () => {
    await using rig = await openRig();
    const circle = (destination: string) => ({ fallback: destination === "test/a" ? "test/b" : "test/a" });
    rig.start({ answer: () => GONE, handling: circle });
    await rig.enqueue({});
    await rig.clock.advance(MINUTE_MS);
    await rig.clock.settle(50);

    expect(rig.sent.map(({ destination }) => destination)).toEqual(["test/a", "test/b"]);
  });

  it("is never the destination itself", async () => {
    await using rig = await openRig();
    rig.start({ answer: () => GONE, handling: () => ({ fallback: "test/a" }) });
    await rig.enqueue({});
    await rig.clock.advance(MINUTE_MS);

    expect(rig.sent).toHaveLength(1);
  });

  it("gets it once, also when a replay is given up again", async () => {
    await using rig = await openRig();
    rig.start({ answer: onlyA(GONE), handling });
    const [id = ""] = await rig.enqueue({});
    await rig.clock.until(() => rig.sent.length === 2);
    await rig.clock.settle(50);
    await rig.outbox.replay({ ids: [id] }, rig.clock.now());
    await rig.clock.advance(MINUTE_MS);
    await rig.clock.settle(50);

    expect(await rig.read(id)).toMatchObject({ status: "dead" });
    expect(await instead(rig)).toHaveLength(1);
  });

  it("gets the whole message, for all of its own people, in its own form", async () => {
    await using rig = await openRig();
    rig.start({ answer: onlyA(GONE), handling });
    const payload: JsonObject = { title: "t", body: "b", only: ["x@example.org"], degrade: "shrink" };
    await rig.enqueue({ payload });
    await rig.clock.until(() => rig.sent.length === 2);
    await rig.clock.settle(50);

    const [delivery] = await instead(rig);
    expect(Object.keys(delivery?.payload ?? {}).toSorted()).toEqual(["body", "notice", "plain", "title"]);
  });

  it("gets what expired because its destination did not take it, and not what merely came too late", async () => {
    await using rig = await openRig();
    const [late] = await rig.enqueue({ expiresAtMs: rig.clock.now() + 1_000 });
    await rig.clock.advance(2_000);
    rig.start({ profile: "page", answer: onlyA(SERVER_ERROR), handling });
    await rig.clock.settle(50);
    expect(await rig.read(late)).toMatchObject({ status: "suppressed" });
    expect(await instead(rig)).toEqual([]);

    await rig.enqueue(...Array.from({ length: 5 }, () => ({})));
    await rig.clock.until(() => rig.sent.length === 5);
    await rig.clock.settle(50);
    // The breaker is open for longer than this one has time.
    const [waiting] = await rig.enqueue({ expiresAtMs: rig.clock.now() + 10_000 });
    await rig.clock.advance(5 * MINUTE_MS);
    await rig.clock.settle(50);

    expect(await rig.read(waiting)).toMatchObject({ status: "suppressed", reason: "expired", attempts: 0 });
    expect((await instead(rig)).map(({ dedupKey }) => dedupKey)).toEqual([`fallback/${waiting}`]);
  });

  it("is stored with the end of the first delivery or not at all", async () => {
    await using rig = await openRig();
    const settled: unknown[] = [];
    const outbox = {
      ...rig.outbox,
      settle: async (...given: Parameters<typeof rig.outbox.settle>) => {
        settled.push(...given[0].flatMap(({ also = [] }) => also.map(({ destination }) => destination)));
        await rig.outbox.settle(...given);
      },
    };
    rig.start({ outbox, answer: onlyA(GONE), handling });
    await rig.enqueue({});
    await rig.clock.until(() => rig.sent.length === 2);

    expect(settled).toEqual([ELSEWHERE]);
  });
});

describe("the line of a fallback", () => {
  const message: Message = {
    deliveryId: "d",
    conversationKey: null,
    severity: "error",
    title: "T",
    body: "*failed*",
    native: { blocks: [] },
    fields: [],
    links: [],
    tags: [],
    occurredAt: "2026-01-01T00:00:00.000Z",
    truncated: false,
  };

  it("stands before the text, escaped for the channel; what would be shown instead of the text is left out", () => {
    const noticed = withNotice(message, "from <!channel> & co", "slack-mrkdwn");

    expect(noticed.body).toBe("from &lt;!channel&gt; &amp; co\n\n*failed*");
    expect(noticed).not.toHaveProperty("native");
  });

  it("stands in both forms of a mail", () => {
    const html = '<!doctype html><html><body style="x"><p>failed</p></body></html>';
    const noticed = withNotice({ ...message, html }, "from <a> & co", "html");

    expect(noticed.body).toBe("from <a> & co\n\n*failed*");
    expect(noticed.html).toBe(
      '<!doctype html><html><body style="x">\n<p>from &lt;a&gt; &amp; co</p><p>failed</p></body></html>',
    );
    expect(withNotice({ ...message, html: "<p>x</p>" }, "n", "html").html).toBe("<p>n</p>\n<p>x</p>");
  });

  it("is the whole text of a message without one", () => {
    expect(withNotice({ ...message, body: "" }, "n", "text").body).toBe("n");
  });
});
