import { describe, expect, it } from "vitest";
import { BellhopError } from "../../src/base/errors.ts";
import type { Outcome } from "../../src/channel/outcome.ts";
import type { OutboxStore } from "../../src/delivery/outbox-store.ts";
import { DELIVERED, finish, openRig, SERVER_ERROR } from "./rig.ts";

/** The outbox, with some calls failing as a store that is locked or full does. */
function failing(outbox: OutboxStore, fails: (call: "claim" | "settle" | "release") => boolean): OutboxStore {
  const guard = (call: "claim" | "settle" | "release") => {
    if (fails(call)) throw new BellhopError("store_busy", { path: "test.db", waitedMs: 1 });
  };
  return {
    ...outbox,
    claim: async (request) => (guard("claim"), outbox.claim(request)),
    settle: async (...given) => (guard("settle"), outbox.settle(...given)),
    release: async (...given) => (guard("release"), outbox.release(...given)),
  };
}

describe("closing a dispatcher", () => {
  it("gives back what it claimed and did not start", async () => {
    await using rig = await openRig();
    const never = Promise.withResolvers<Outcome>();
    const dispatcher = rig.start({ answer: () => never.promise });
    const ids = await rig.enqueue({ subject: "s" }, { subject: "s" }, { subject: "s" });
    await rig.clock.until(() => rig.sent.length === 1);

    const closing = dispatcher[Symbol.asyncDispose]();
    never.resolve(DELIVERED);
    await finish(closing, rig.clock);

    const statuses = await Promise.all(ids.map((id) => rig.read(id)));
    expect(statuses.map(({ status, attempts, uncertain }) => [status, attempts, uncertain])).toEqual([
      ["delivered", 1, false],
      ["queued", 0, false],
      ["queued", 0, false],
    ]);
  });

  it("lets attempts that are out finish", async () => {
    await using rig = await openRig();
    const slow = Promise.withResolvers<Outcome>();
    const dispatcher = rig.start({ answer: () => slow.promise });
    const [id] = await rig.enqueue({});
    await rig.clock.until(() => rig.sent.length === 1);

    const closing = dispatcher[Symbol.asyncDispose]();
    await rig.clock.advance(100);
    slow.resolve(DELIVERED);
    await finish(closing, rig.clock);

    expect(await rig.read(id)).toMatchObject({ status: "delivered" });
  });

  it("breaks off an attempt that hangs, and the delivery goes on as uncertain in the next process", async () => {
    await using rig = await openRig();
    const dispatcher = rig.start({
      answer: ({ attempt }) => (attempt === 1 ? new Promise<Outcome>(() => undefined) : DELIVERED),
    });
    const [id] = await rig.enqueue({});
    await rig.clock.until(() => rig.sent.length === 1);

    await finish(dispatcher[Symbol.asyncDispose](), rig.clock);
    expect(await rig.read(id)).toMatchObject({ status: "queued", attempts: 1, uncertain: true, leaseId: null });

    rig.start({ by: "next" });
    await rig.clock.until(() => rig.sent.length === 2);
    expect(rig.sent[1]).toMatchObject({ id, by: "next", attempt: 2 });
  });

  it("does not count an attempt that was broken off before anything left the process", async () => {
    await using rig = await openRig();
    const hang = (signal: AbortSignal) =>
      new Promise<Outcome>((resolve) => {
        const broken: Outcome = { kind: "retry", reason: "cancelled", detail: "aborted", ambiguous: false };
        signal.addEventListener("abort", () => resolve(broken), { once: true });
      });
    const dispatcher = rig.start({ answer: (_sent, signal) => hang(signal) });
    const [id] = await rig.enqueue({});
    await rig.clock.until(() => rig.sent.length === 1);

    await finish(dispatcher[Symbol.asyncDispose](), rig.clock);

    expect(await rig.read(id)).toMatchObject({ status: "queued", attempts: 0, uncertain: false });
    expect(await rig.outbox.attempts(id ?? "")).toEqual([]);
  });

  it("starts nothing afterwards", async () => {
    await using rig = await openRig();
    const dispatcher = rig.start();
    await finish(dispatcher[Symbol.asyncDispose](), rig.clock);

    await rig.enqueue({});
    dispatcher.wake("test/a", rig.clock.now());
    await dispatcher.rescan();
    await rig.clock.advance(60_000);

    expect(rig.sent).toEqual([]);
    expect(rig.clock.pending.all).toBe(0);
  });
});

describe("a store that fails", () => {
  it("delays a claim and loses nothing", async () => {
    await using rig = await openRig();
    let failures = 3;
    rig.start({ outbox: failing(rig.outbox, (call) => call === "claim" && failures-- > 0) });

    const [id] = await rig.enqueue({});
    await rig.clock.advanceUntil(() => rig.sent.length === 1);
    await rig.clock.settle(50);

    expect(await rig.read(id)).toMatchObject({ status: "delivered" });
  });

  it("does not make a result be sent twice while it cannot be written", async () => {
    await using rig = await openRig();
    let failures = 20;
    rig.start({ outbox: failing(rig.outbox, (call) => call === "settle" && failures-- > 0) });

    const [first, second] = await rig.enqueue({ subject: "s" }, { subject: "s" });
    await rig.clock.advanceUntil(() => failures < 0);
    await rig.clock.until(() => rig.sent.length === 2);
    await rig.clock.settle(50);

    expect(rig.sent.map((sent) => sent.id)).toEqual([first, second]);
    expect(await rig.read(second)).toMatchObject({ status: "delivered", uncertain: false });
  });

  it("leaves what it cannot record until the end to be recovered as uncertain", async () => {
    await using rig = await openRig();
    const leaseId = "0199f0c2-7a3e-7c51-9d1e-2f6f3a1b7c44";
    const dispatcher = rig.start({ leaseId, outbox: failing(rig.outbox, (call) => call === "settle") });
    const [id] = await rig.enqueue({});
    await rig.clock.until(() => rig.sent.length === 1);

    await finish(dispatcher[Symbol.asyncDispose](), rig.clock);
    expect(await rig.read(id)).toMatchObject({ status: "sending", leaseId });

    expect(await rig.outbox.recover(leaseId, rig.clock.now())).toBe(1);
    rig.start({ by: "next" });
    await rig.clock.until(() => rig.sent.length === 2);
    await rig.clock.settle(50);
    expect(rig.sent.map((sent) => sent.id)).toEqual([id, id]);
    expect(await rig.read(id)).toMatchObject({ status: "delivered", uncertain: true });
  });

  it("holds one result that is refused apart from the others", async () => {
    await using rig = await openRig();
    const leaseId = "0199f0c2-7a3e-7c51-9d1e-2f6f3a1b7c44";
    const gate = Promise.withResolvers<Outcome>();
    rig.start({ leaseId, answer: () => gate.promise });
    const [a, b] = await rig.enqueue({ subject: "a" }, { subject: "b" });
    await rig.clock.until(() => rig.sent.length === 2);

    // Somebody ended one of the deliveries meanwhile.
    await rig.outbox.retire([a ?? ""], { to: "dead", reason: "gone", detail: "ended by a person" }, leaseId);
    gate.resolve(DELIVERED);
    await rig.clock.advanceUntil(() =>
      rig.log.lines.some((line) => line.message === "the result of an attempt was refused"),
    );
    await rig.clock.settle(50);

    expect(await rig.read(a)).toMatchObject({ status: "dead", detail: "ended by a person" });
    expect(await rig.read(b)).toMatchObject({ status: "delivered" });
  });
});

describe("two dispatchers on one store", () => {
  it("never have one delivery out twice, nor one subject out of order", async () => {
    await using rig = await openRig();
    const out = new Set<string>();
    const overlaps: string[] = [];
    let answers = 0;
    const answer = async ({ id }: { readonly id: string }): Promise<Outcome> => {
      if (out.has(id)) overlaps.push(id);
      out.add(id);
      await rig.clock.settle(1 + (answers % 3));
      answers += 1;
      out.delete(id);
      return answers % 7 === 0 ? SERVER_ERROR : DELIVERED;
    };
    rig.start({ by: "one", answer });
    rig.start({ by: "two", answer });

    const wanted = Array.from({ length: 200 }, (_, index) => ({
      destination: `test/${index % 5}`,
      subject: `s${index % 20}`,
    }));
    const ids: string[] = [];
    for (let at = 0; at < wanted.length; at += 20) ids.push(...(await rig.enqueue(...wanted.slice(at, at + 20))));
    const left = async () => (await rig.outbox.list({ status: ["queued", "sending"], limit: 1 })).length;
    while ((await left()) > 0) {
      await rig.clock.settle(20);
      await rig.clock.advance(rig.clock.nextDueMs ?? 0);
    }

    expect(overlaps).toEqual([]);
    const all = await Promise.all(ids.map((id) => rig.read(id)));
    expect(all.every((delivery) => delivery.status === "delivered" && !delivery.uncertain)).toBe(true);
    expect(all.reduce((sum, delivery) => sum + delivery.attempts, 0)).toBe(rig.sent.length);
    for (const subject of new Set(wanted.map((want) => want.subject))) {
      const order = rig.sent.filter((sent) => sent.subject === subject).map((sent) => ids.indexOf(sent.id));
      expect(order).toEqual(order.toSorted((a, b) => a - b));
    }
  });
});
