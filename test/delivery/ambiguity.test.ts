import { describe, expect, it } from "vitest";
import { SlackWebhook } from "../../blocks/slack-webhook.ts";
import { handlingOf } from "../../src/block/send.ts";
import type { OnAmbiguous, RetryProfileName } from "../../src/channel/channel.ts";
import type { Outcome } from "../../src/channel/outcome.ts";
import { chars, NotificationBlock, z } from "../../src/sdk.ts";
import { DELIVERED, NO_ANSWER, openRig, type Rig, SERVER_ERROR } from "./rig.ts";

const MINUTE_MS = 60_000;

interface Case {
  readonly profile: RetryProfileName;
  readonly onAmbiguous?: OnAmbiguous;
}

/** One delivery whose first attempt gets no answer. */
async function sendOnce({ profile, onAmbiguous }: Case) {
  const rig = await openRig();
  rig.start({
    profile,
    answer: ({ attempt, id }) =>
      attempt === 1 && rig.sent.filter((one) => one.id === id).length === 1 ? NO_ANSWER : DELIVERED,
    handling: () => (onAmbiguous === undefined ? {} : { onAmbiguous }),
  });
  const [id = ""] = await rig.enqueue({});
  await rig.clock.advance(10 * MINUTE_MS);
  await rig.clock.settle(50);
  return { rig, id };
}

/** What a process that is killed while it sends leaves behind, picked up by the next one. */
async function takeOver({ profile, onAmbiguous }: Case, answer: () => Outcome = () => DELIVERED) {
  const rig = await openRig();
  const [id = ""] = await rig.enqueue({});
  await rig.outbox.claim({ destination: "test/a", leaseId: "killed", nowMs: rig.clock.now(), limit: 10 });
  await rig.outbox.recover("killed", rig.clock.now());
  rig.start({ profile, answer, handling: () => (onAmbiguous === undefined ? {} : { onAmbiguous }) });
  await rig.clock.advance(MINUTE_MS);
  await rig.clock.settle(50);
  return { rig, id };
}

const attempts = (rig: Rig, id: string) => rig.outbox.attempts(id);

describe("how a block handles its deliveries", () => {
  const url = "https://hooks.slack.com/services/T/B/X";

  it("is said by its fields", () => {
    const block = new SlackWebhook({ url, on_ambiguous: "park", fallback: "email-smtp/ops" });

    expect(handlingOf(block)).toEqual({ onAmbiguous: "park", fallback: "email-smtp/ops" });
    expect(handlingOf(new SlackWebhook({ url }))).toEqual({});
    expect(() => new SlackWebhook({ url, fallback: "ops" })).toThrow(/must name a block/);
  });

  it("is said by its channel where its fields say nothing", () => {
    class Signal extends NotificationBlock.define({
      slug: "test-signal",
      schema: z.object({}),
      dialect: "text",
      limits: { body: chars(100) },
      profile: "chat",
      onAmbiguous: "park",
      build: () => ({ executor: "inbox", title: "", body: "" }),
    }) {}

    expect(handlingOf(new Signal())).toEqual({ onAmbiguous: "park" });
  });
});

describe("a message that may have arrived", () => {
  it.each<Case>([
    { profile: "chat" },
    { profile: "page" },
    { profile: "email" },
    { profile: "webhook" },
    { profile: "sms", onAmbiguous: "retry" },
  ])("is sent again ($profile, $onAmbiguous)", async (given) => {
    const { rig, id } = await sendOnce(given);
    await using _rig = rig;

    expect(rig.sent).toHaveLength(2);
    expect(await rig.read(id)).toMatchObject({ status: "delivered", uncertain: true });
  });

  it.each<Case>([{ profile: "sms" }, { profile: "chat", onAmbiguous: "park" }])(
    "is left to a person ($profile, $onAmbiguous), who may replay it",
    async (given) => {
      const { rig, id } = await sendOnce(given);
      await using _rig = rig;
      expect(rig.sent).toHaveLength(1);
      expect(await rig.read(id)).toMatchObject({
        status: "dead",
        reason: "timeout",
        detail: "no answer (may have arrived; it is not sent again without being asked)",
        uncertain: true,
      });

      await rig.outbox.replay({ ids: [id] }, rig.clock.now());
      await rig.clock.until(() => rig.sent.length === 2);
      await rig.clock.settle(50);

      expect(await rig.read(id)).toMatchObject({ status: "delivered", uncertain: true });
    },
  );

  it("is taken for delivered where that is wanted, with a remark", async () => {
    const { rig, id } = await sendOnce({ profile: "chat", onAmbiguous: "assume-delivered" });
    await using _rig = rig;

    expect(rig.sent).toHaveLength(1);
    expect(await rig.read(id)).toMatchObject({
      status: "delivered",
      reason: "timeout",
      detail: "no answer (taken for delivered)",
      uncertain: true,
    });
  });

  it.each<Case>([{ profile: "sms" }, { profile: "chat", onAmbiguous: "park" }])(
    "is not sent twice because the process that sent it was killed ($profile, $onAmbiguous)",
    async (given) => {
      const { rig, id } = await takeOver(given);
      await using _rig = rig;

      expect(rig.sent).toEqual([]);
      expect(await rig.read(id)).toMatchObject({ status: "dead", reason: "process-ended", uncertain: true });
      expect(await rig.outbox.readHealth("test/a")).toBeNull();
    },
  );

  it("is sent again after a kill where that is wanted, and taken for delivered where that is", async () => {
    const again = await takeOver({ profile: "chat" });
    await using _again = again.rig;
    expect(again.rig.sent).toHaveLength(1);

    const assumed = await takeOver({ profile: "chat", onAmbiguous: "assume-delivered" });
    await using _assumed = assumed.rig;
    expect(assumed.rig.sent).toEqual([]);
    expect(await assumed.rig.read(assumed.id)).toMatchObject({ status: "delivered", uncertain: true });
  });

  it("is sent again after a replay, whatever became of earlier attempts", async () => {
    await using rig = await openRig();
    rig.start({ profile: "sms", answer: () => [NO_ANSWER, SERVER_ERROR][rig.sent.length - 1] ?? DELIVERED });
    const [id = ""] = await rig.enqueue({});
    await rig.clock.advance(MINUTE_MS);
    await rig.outbox.replay({ ids: [id] }, rig.clock.now());
    await rig.clock.advance(10 * MINUTE_MS);
    await rig.clock.settle(50);

    expect(await rig.read(id)).toMatchObject({ status: "delivered", attempts: 2 });
    expect(await attempts(rig, id)).toHaveLength(3);
  });

  it("is left to a person when its process ends while it is out", async () => {
    await using rig = await openRig();
    const broken: Outcome = { kind: "retry", reason: "cancelled", detail: "ending", ambiguous: true };
    rig.start({ profile: "sms", answer: () => broken });
    const [id] = await rig.enqueue({});
    await rig.clock.until(() => rig.sent.length === 1);
    await rig.clock.settle(50);

    expect(await rig.read(id)).toMatchObject({ status: "dead", reason: "cancelled", uncertain: true });
  });
});
