import { describe, expect, it } from "vitest";
import type { Outcome } from "../../src/channel/outcome.ts";
import { DELIVERED, finish, NO_ANSWER, openRig, rateLimited, SERVER_ERROR } from "./rig.ts";

const PERMANENT: Outcome = { kind: "permanent", reason: "gone", detail: "no such hook" };

describe("dispatcher", () => {
  it("sends what a commit enqueues without being asked", async () => {
    await using rig = await openRig();
    rig.start();

    const [id] = await rig.enqueue({ destination: "test/a" });
    await rig.clock.until(() => rig.sent.length === 1);
    await rig.clock.settle(20);

    expect(await rig.read(id)).toMatchObject({ status: "delivered", attempts: 1, leaseId: null, uncertain: false });
  });

  it("sends what an earlier process left in the store", async () => {
    await using rig = await openRig();
    await rig.enqueue({}, {}, {});

    rig.start();

    await rig.clock.until(() => rig.sent.length === 3);
    expect(new Set(rig.sent.map((sent) => sent.id)).size).toBe(3);
  });

  it("keeps the order of one subject, also over a retry", async () => {
    await using rig = await openRig();
    let failures = 2;
    rig.start({ answer: ({ subject }) => (subject === "s" && failures-- > 0 ? SERVER_ERROR : DELIVERED) });

    const ids = await rig.enqueue({ subject: "s" }, { subject: "s" }, { subject: "s" });
    await rig.clock.advanceUntil(() => rig.sent.length === 5);

    expect(rig.sent.map((sent) => ids.indexOf(sent.id))).toEqual([0, 0, 0, 1, 2]);
  });

  it("does not let a later message overtake one that waits for its retry", async () => {
    await using rig = await openRig();
    let isUp = false;
    rig.start({ answer: () => (isUp ? DELIVERED : SERVER_ERROR) });
    const [first] = await rig.enqueue({ subject: "s" });
    await rig.clock.until(() => rig.sent.length === 1);
    isUp = true;

    const [second] = await rig.enqueue({ subject: "s" });
    await rig.clock.settle(50);
    expect(rig.sent.map((sent) => sent.id)).toEqual([first]);

    await rig.clock.advanceUntil(() => rig.sent.length === 3);
    expect(rig.sent.map((sent) => sent.id)).toEqual([first, first, second]);
  });

  it("sends the next message of a subject that was enqueued while its first one was out", async () => {
    await using rig = await openRig();
    const first = Promise.withResolvers<Outcome>();
    rig.start({ answer: () => (rig.sent.length === 1 ? first.promise : DELIVERED) });
    await rig.enqueue({ subject: "s" });
    await rig.clock.until(() => rig.sent.length === 1);
    await rig.enqueue({ subject: "s" });
    await rig.clock.settle(50);
    expect(rig.sent).toHaveLength(1);

    first.resolve(DELIVERED);

    await rig.clock.until(() => rig.sent.length === 2);
  });

  it("lets other subjects of the destination pass one that fails", async () => {
    await using rig = await openRig();
    rig.start({ answer: ({ subject }) => (subject === "bad" ? SERVER_ERROR : DELIVERED) });

    const [, good] = await rig.enqueue({ subject: "bad" }, { subject: "good" });
    await rig.clock.until(() => rig.sent.length === 2);
    await rig.clock.settle(50);

    expect(await rig.read(good)).toMatchObject({ status: "delivered" });
  });

  it("is not delayed by a destination that hangs", async () => {
    await using rig = await openRig();
    const never = Promise.withResolvers<Outcome>();
    const dispatcher = rig.start({
      answer: ({ destination }) => (destination === "test/hangs" ? never.promise : DELIVERED),
    });

    await rig.enqueue({ destination: "test/hangs" }, { destination: "test/b" }, { destination: "test/c" });
    await rig.clock.until(() => rig.sent.length === 3);
    const report = await finish(dispatcher.drain({ deadlineMs: 100 }), rig.clock);

    expect(report).toMatchObject({ inFlight: 1, queued: 0 });
    never.resolve(DELIVERED);
  });

  it("gives the places of hanging destinations to others", async () => {
    await using rig = await openRig();
    const never = Promise.withResolvers<Outcome>();
    rig.start({
      concurrency: 2,
      answer: ({ destination }) => (destination.startsWith("test/hang") ? never.promise : DELIVERED),
    });
    await rig.enqueue({ destination: "test/hang-1" }, { destination: "test/hang-2" }, { destination: "test/quick" });
    await rig.clock.until(() => rig.sent.length === 2);
    await rig.clock.settle(50);
    expect(rig.sent.map((sent) => sent.destination)).not.toContain("test/quick");

    await rig.clock.advance(1_500);

    await rig.clock.until(() => rig.sent.length === 3);
    expect(rig.sent[2]).toMatchObject({ destination: "test/quick" });
    never.resolve(DELIVERED);
  });

  it("leaves a destination alone for as long as the provider asks, other messages for it included", async () => {
    await using rig = await openRig();
    let limited = true;
    rig.start({ answer: () => (limited ? rateLimited(30_000) : DELIVERED) });
    await rig.enqueue({ destination: "test/a" });
    await rig.clock.until(() => rig.sent.length === 1);
    limited = false;
    const startMs = rig.clock.now();

    await rig.enqueue({ destination: "test/a" }, { destination: "test/other" });
    await rig.clock.advance(29_000);
    expect(rig.sent.map((sent) => sent.destination)).toEqual(["test/a", "test/other"]);

    await rig.clock.advanceUntil(() => rig.sent.length === 4);
    expect(rig.sent.slice(2).every((sent) => sent.atMs >= startMs + 30_000)).toBe(true);
  });

  it("keeps the pause over a restart", async () => {
    await using rig = await openRig();
    await using first = rig.start({ answer: () => rateLimited(30_000) });
    await rig.enqueue({}, {});
    await rig.clock.until(() => rig.sent.length > 0);
    await rig.clock.settle(50);
    await finish(first[Symbol.asyncDispose](), rig.clock);
    const before = rig.sent.length;

    rig.start();
    await rig.clock.advance(29_000);
    expect(rig.sent).toHaveLength(before);

    await rig.clock.advanceUntil(() => rig.sent.length === before + 2);
  });

  it("gives up after the attempts of the channel's profile and says why", async () => {
    await using rig = await openRig();
    rig.start({ answer: () => SERVER_ERROR, profile: "sms" });

    const [id] = await rig.enqueue({});
    await rig.clock.advanceUntil(() => rig.sent.length === 4);
    await rig.clock.advance(3_600_000);

    expect(rig.sent).toHaveLength(4);
    expect(await rig.read(id)).toMatchObject({ status: "dead", reason: "attempts-exhausted", attempts: 4 });
    expect(await rig.outbox.attempts(id ?? "")).toHaveLength(4);
  });

  it("gives up when the channel's age limit leaves no room for another attempt", async () => {
    await using rig = await openRig();
    const random = () => 0.999;
    rig.start({ answer: () => SERVER_ERROR, profile: "sms", random });

    const [id] = await rig.enqueue({});
    await rig.clock.until(() => rig.sent.length === 1);
    // The process was away for longer than a text message is worth sending.
    await rig.clock.advance(40 * 60_000);

    expect(await rig.read(id)).toMatchObject({ status: "dead" });
  });

  it("counts the age from the first attempt, so that what waited for a process gets its retries", async () => {
    await using rig = await openRig();
    const [id] = await rig.enqueue({});
    await rig.clock.advance(24 * 3_600_000);

    rig.start({ answer: () => (rig.sent.length < 3 ? SERVER_ERROR : DELIVERED) });
    await rig.clock.advanceUntil(() => rig.sent.length === 3);
    await rig.clock.settle(50);

    expect(await rig.read(id)).toMatchObject({ status: "delivered", attempts: 3 });
  });

  it("ends a delivery that expired before it could be sent", async () => {
    await using rig = await openRig();
    const [id] = await rig.enqueue({ expiresAtMs: rig.clock.now() + 1_000 });
    await rig.clock.advance(1_000);

    rig.start();
    await rig.clock.settle(100);

    expect(rig.sent).toEqual([]);
    expect(await rig.read(id)).toMatchObject({ status: "suppressed", reason: "expired" });
  });

  it("gives up when a delivery would expire before its next attempt", async () => {
    await using rig = await openRig();
    rig.start({ answer: () => SERVER_ERROR, random: () => 0.9 });

    const [id] = await rig.enqueue({ expiresAtMs: rig.clock.now() + 1_000 });
    await rig.clock.until(() => rig.sent.length === 1);
    await rig.clock.settle(50);

    expect(await rig.read(id)).toMatchObject({ status: "dead", reason: "expired", attempts: 1 });
  });

  it("does not retry what can never succeed", async () => {
    await using rig = await openRig();
    rig.start({ answer: () => PERMANENT });

    const [id] = await rig.enqueue({});
    await rig.clock.until(() => rig.sent.length === 1);
    await rig.clock.advance(3_600_000);

    expect(rig.sent).toHaveLength(1);
    expect(await rig.read(id)).toMatchObject({ status: "dead", reason: "gone", detail: "no such hook" });
    expect(rig.log.lines.some((line) => line.level === "error" && line.message === "delivery given up")).toBe(true);
  });

  it("counts a reason with an attempt limit of its own apart from other reasons", async () => {
    await using rig = await openRig();
    const dns: Outcome = { kind: "retry", reason: "dns", detail: "ENOTFOUND", ambiguous: false, maxAttempts: 3 };
    rig.start({ answer: ({ attempt }) => (attempt <= 2 ? SERVER_ERROR : dns) });

    const [id] = await rig.enqueue({});
    await rig.clock.advanceUntil(() => rig.sent.length === 5);
    await rig.clock.advance(3_600_000);

    expect(rig.sent).toHaveLength(5);
    expect(await rig.read(id)).toMatchObject({ status: "dead", reason: "dns" });
  });

  it("marks a delivery uncertain for good when an attempt ends without an answer", async () => {
    await using rig = await openRig();
    rig.start({ answer: ({ attempt }) => (attempt === 1 ? NO_ANSWER : DELIVERED) });

    const [id] = await rig.enqueue({});
    await rig.clock.advanceUntil(() => rig.sent.length === 2);
    await rig.clock.settle(50);

    expect(rig.sent.map((sent) => sent.id)).toEqual([id, id]);
    expect(await rig.read(id)).toMatchObject({ status: "delivered", uncertain: true });
  });

  it("sends a text message that may have arrived once only", async () => {
    await using rig = await openRig();
    rig.start({ answer: () => NO_ANSWER, profile: "sms" });

    const [id] = await rig.enqueue({});
    await rig.clock.until(() => rig.sent.length === 1);
    await rig.clock.advance(3_600_000);

    expect(rig.sent).toHaveLength(1);
    expect(await rig.read(id)).toMatchObject({ status: "dead", reason: "timeout", uncertain: true });
  });

  it("keeps to the channel's rate", async () => {
    await using rig = await openRig();
    rig.start({ rate: { capacity: 3, refillPerSecond: 1 } });
    const startMs = rig.clock.now();

    await rig.enqueue({}, {}, {}, {}, {});
    await rig.clock.settle(100);
    expect(rig.sent).toHaveLength(3);

    await rig.clock.advanceUntil(() => rig.sent.length === 5);
    expect(rig.sent.map((sent) => sent.atMs - startMs)).toEqual([0, 0, 0, 1_000, 2_000]);
  });

  it("does not hold the process open while it waits for a retry", async () => {
    await using rig = await openRig();
    rig.start({ answer: () => SERVER_ERROR });

    await rig.enqueue({});
    await rig.clock.until(() => rig.sent.length === 1);
    await rig.clock.settle(50);

    expect(rig.clock.pending.all).toBeGreaterThan(0);
    expect(rig.clock.pending.keepAlive).toBe(0);
  });

  it("keeps a message when a channel throws", async () => {
    await using rig = await openRig();
    rig.start({
      answer: ({ attempt }) => {
        if (attempt === 1) throw new TypeError("a bug");
        return DELIVERED;
      },
    });

    const [id] = await rig.enqueue({});
    await rig.clock.advanceUntil(() => rig.sent.length === 2);
    await rig.clock.settle(50);

    expect(await rig.read(id)).toMatchObject({ status: "delivered" });
  });
});

describe("draining", () => {
  it("waits for what is due and for retries before the deadline, and reports", async () => {
    await using rig = await openRig();
    const dispatcher = rig.start({
      answer: ({ attempt, subject }) => (subject === "retried" && attempt === 1 ? SERVER_ERROR : DELIVERED),
    });
    await rig.enqueue({ subject: "retried" }, { subject: "plain" });

    const report = await finish(dispatcher.drain({ deadlineMs: 10_000 }), rig.clock);

    expect(report).toEqual({ delivered: 2, dead: 0, queued: 0, inFlight: 0 });
  });

  it("returns at once when nothing is due before the deadline", async () => {
    await using rig = await openRig();
    const dispatcher = rig.start({ answer: () => rateLimited(3_000_000) });
    await rig.enqueue({});
    await rig.clock.until(() => rig.sent.length === 1);
    await rig.clock.settle(50);
    const startMs = rig.clock.now();

    const report = await finish(dispatcher.drain({ deadlineMs: 10_000 }), rig.clock);

    expect(report).toEqual({ delivered: 0, dead: 0, queued: 1, inFlight: 0 });
    expect(rig.clock.now()).toBe(startMs);
  });

  it("leaves the rest queued at the deadline", async () => {
    await using rig = await openRig();
    const dispatcher = rig.start({ rate: { capacity: 2, refillPerSecond: 1 } });
    await rig.enqueue(...Array.from({ length: 10 }, () => ({})));

    const report = await finish(dispatcher.drain({ deadlineMs: 3_500 }), rig.clock);

    expect(report).toEqual({ delivered: 5, dead: 0, queued: 5, inFlight: 0 });
  });

  it("ends early when its caller gives up", async () => {
    await using rig = await openRig();
    const dispatcher = rig.start({ rate: { capacity: 1, refillPerSecond: 0.001 } });
    await rig.enqueue({}, {});
    await rig.clock.until(() => rig.sent.length === 1);
    const giveUp = new AbortController();

    const draining = dispatcher.drain({ deadlineMs: 1_000_000, signal: giveUp.signal });
    await rig.clock.settle(50);
    giveUp.abort();

    await expect(draining).resolves.toMatchObject({ queued: 1 });
  });

  it("holds the process open only while it waits", async () => {
    await using rig = await openRig();
    const never = Promise.withResolvers<Outcome>();
    const dispatcher = rig.start({ answer: () => never.promise });
    await rig.enqueue({});
    const draining = dispatcher.drain({ deadlineMs: 5_000 });
    await rig.clock.until(() => rig.sent.length === 1);
    expect(rig.clock.pending.keepAlive).toBe(1);

    await finish(draining, rig.clock);

    expect(rig.clock.pending.keepAlive).toBe(0);
    never.resolve(DELIVERED);
  });
});
