import { describe, expect, it } from "vitest";
import { newId } from "../../src/base/ids.ts";
import { MOST_PROCESS_ENDS, type OutboxStore } from "../../src/delivery/outbox-store.ts";
import { finish, openRig, type Rig } from "./rig.ts";

const TO = "test/a";

/** A process claims everything that is due, and ends before it has sent any of it. */
async function endAfterClaim({ outbox, clock }: Rig): Promise<void> {
  const leaseId = newId();
  await outbox.claim({ destination: TO, leaseId, nowMs: clock.now(), limit: 96 });
  await outbox.recover(leaseId, clock.now());
  await clock.advance(2_000);
}

/** Stores a delivery that was claimed twice by processes that ended. */
async function enqueueSuspect(rig: Rig): Promise<string> {
  const [id = ""] = await rig.enqueue({});
  await endAfterClaim(rig);
  await endAfterClaim(rig);
  return id;
}

/** The store, with one method of it made by the test. */
const withBegin = ({ outbox }: Rig, begin: OutboxStore["begin"]): OutboxStore => ({ ...outbox, begin });

describe("a message that may be what ends its process", () => {
  it("is sent after its beginning is stored, and not before", async () => {
    await using rig = await openRig();
    const id = await enqueueSuspect(rig);
    const stored = Promise.withResolvers<void>();
    let asked = "";
    const outbox = withBegin(rig, async (begun, leaseId) => {
      asked = begun;
      await stored.promise;
      return rig.outbox.begin(begun, leaseId);
    });
    const dispatcher = rig.start({ outbox });
    await rig.clock.until(() => asked === id);
    expect(rig.sent).toEqual([]);

    stored.resolve();
    await finish(dispatcher.drain({ deadlineMs: 10_000 }), rig.clock);

    expect(rig.sent.map((sent) => [sent.id, sent.attempt])).toEqual([[id, 3]]);
    expect(await rig.read(id)).toMatchObject({ status: "delivered", attempts: 3 });
  });

  it("is not sent by a process that does not hold it any more", async () => {
    await using rig = await openRig();
    const id = await enqueueSuspect(rig);
    const begun: boolean[] = [];
    const outbox = withBegin(rig, async (claimed, leaseId) => {
      if (begun.length === 0) await rig.outbox.recover(leaseId, rig.clock.now());
      begun.push(await rig.outbox.begin(claimed, leaseId));
      return begun.at(-1) === true;
    });
    const dispatcher = rig.start({ outbox });
    await rig.clock.until(() => begun.length === 1);
    await rig.clock.settle(20);
    expect(rig.sent).toEqual([]);

    await finish(dispatcher.drain({ deadlineMs: 10_000 }), rig.clock);

    expect(begun).toEqual([false, true]);
    expect(rig.sent.map((sent) => [sent.id, sent.attempt])).toEqual([[id, 3]]);
  });

  it("is left alone where another claim of the same process has begun it", async () => {
    await using rig = await openRig();
    const id = await enqueueSuspect(rig);
    const begun: boolean[] = [];
    const outbox = withBegin(rig, async (claimed, leaseId) => {
      for (let claim = 1; claim <= 2; claim += 1) begun.push(await rig.outbox.begin(claimed, leaseId));
      return begun.at(-1) === true;
    });

    const dispatcher = rig.start({ outbox });
    await rig.clock.until(() => begun.length === 2);
    await finish(dispatcher.drain({ deadlineMs: 2_000 }), rig.clock);

    expect(begun).toEqual([true, false]);
    expect(rig.sent).toEqual([]);
    expect(await rig.read(id)).toMatchObject({ status: "sending", attempts: 2 });
  });

  it("is given back when the store does not answer, and sent once when it does", async () => {
    await using rig = await openRig();
    const id = await enqueueSuspect(rig);
    let asked = 0;
    const outbox = withBegin(rig, async (claimed, leaseId) => {
      asked += 1;
      const isBegun = await rig.outbox.begin(claimed, leaseId);
      if (asked === 1) throw new Error("the answer was lost");
      return isBegun;
    });

    await finish(rig.start({ outbox }).drain({ deadlineMs: 10_000 }), rig.clock);

    expect(asked).toBe(2);
    expect(rig.sent.map((sent) => [sent.id, sent.attempt])).toEqual([[id, 3]]);
    expect(await rig.outbox.attempts(id)).toHaveLength(3);
    expect(rig.log.lines).toContainEqual({
      level: "warn",
      message: "the beginning of an attempt could not be stored",
      fields: { deliveryId: id, error: "the answer was lost" },
    });
  });

  it("survives any number of processes that end before they send it", async () => {
    await using rig = await openRig();
    const id = await enqueueSuspect(rig);
    for (let end = 1; end <= 2 * MOST_PROCESS_ENDS; end += 1) await endAfterClaim(rig);

    await finish(rig.start().drain({ deadlineMs: 10_000 }), rig.clock);

    expect(await rig.read(id)).toMatchObject({ status: "delivered", attempts: 3 });
  });
});

it("an ordinary message costs no write before it is sent", async () => {
  await using rig = await openRig();
  const [id] = await rig.enqueue({});
  await endAfterClaim(rig);
  let asked = 0;
  const outbox = withBegin(rig, () => Promise.resolve((asked += 1) > 0));

  await finish(rig.start({ outbox }).drain({ deadlineMs: 10_000 }), rig.clock);

  expect(await rig.read(id)).toMatchObject({ status: "delivered", attempts: 2 });
  expect(asked).toBe(0);
});
