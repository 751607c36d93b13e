import { describe, expect, it } from "vitest";
import { errorCode } from "../../src/base/errors.ts";
import { newId } from "../../src/base/ids.ts";
import { deadEvent } from "../../src/delivery/dead-event.ts";
import { type DeliveryStatus, MOVES, type MoveName } from "../../src/delivery/delivery.ts";
import { MOST_PROCESS_ENDS, type ReplayProgress } from "../../src/delivery/outbox-store.ts";
import type { SqliteStore } from "../../src/store/sqlite/open.ts";
import type { StoreOpener } from "../support/store-fixture.ts";
import { aChange, aFlowRun, anAttempt, aRequest, aSettlement, START_MS } from "../support/store-records.ts";
import { at, bringTo, claimFrom, enqueue, enqueueOne, idsOf, LEASE, OPS, STATUSES } from "./outbox-kit.ts";

/** Each move, made on one delivery of the subject "s" that tells of progress. */
const MAKE: Readonly<Record<MoveName, (store: SqliteStore, id: string) => Promise<unknown>>> = {
  claim: ({ outbox }) => claimFrom(outbox, { nowMs: at(1_000) }),
  begin: ({ outbox }, id) => outbox.begin(id, LEASE),
  settle: ({ outbox }, id) => outbox.settle([aSettlement(id)], LEASE).catch(errorCode),
  release: ({ outbox }, id) => outbox.release([id], START_MS, LEASE),
  recover: ({ outbox }) => outbox.recover(LEASE, START_MS),
  retire: ({ outbox }, id) => outbox.retire([id], { to: "dead", reason: "gone", detail: "no block" }, LEASE),
  overtake: (store) => enqueue(store, { subject: "s", coalesce: "latest" }),
  cancel: ({ outbox }, id) => outbox.cancel([id]),
  replay: ({ outbox }, id) => outbox.replay({ ids: [id] }, START_MS),
};

/** Takes everything that is due, begins what goes alone, and lets the process die. */
async function die(store: SqliteStore, values: Parameters<typeof claimFrom>[1] = {}): Promise<readonly string[]> {
  const claimed = await claimFrom(store.outbox, { nowMs: at(60_000), ...values });
  for (const { id, isSuspect } of claimed) if (isSuspect === true) await store.outbox.begin(id, LEASE);
  await store.outbox.recover(LEASE, START_MS);
  return idsOf(claimed);
}

/** Moves of deliveries beyond claiming and settling. */
export function outboxMovesSuite(open: StoreOpener): void {
  describe("the table of moves", () => {
    // Statuses come before moves, so that the list reads like the table.
    const cases = Object.keys(MAKE).flatMap((move) => STATUSES.map((from) => ({ move: move as MoveName, from })));
    it.each(cases)("$move of a delivery that is $from", async ({ move, from }) => {
      await using fixture = await open();
      const { store } = fixture;
      const id = await enqueueOne(store, { subject: "s", coalesce: "latest" });
      await bringTo(store.outbox, id, from);

      await MAKE[move](store, id);

      const status = (await store.outbox.read(id))?.status;
      if (MOVES[move].from.includes(from)) expect(MOVES[move].to).toContain(status);
      else expect(status).toBe(from);
    });

    it("has no way back from delivered", () => {
      expect(Object.values(MOVES).filter((move) => move.from.includes("delivered"))).toEqual([]);
    });
  });

  describe("identity", () => {
    it("stores one delivery for one notification, whoever asks for it and however often", async () => {
      await using fixture = await open();
      const stores = [fixture.store, await fixture.beside()];
      const dedupKey = "state-1/0/slack-webhook/ops";
      const told: (readonly string[])[] = [];
      using _ = fixture.store.outbox.onEnqueued((destinations) => told.push(destinations));

      await Promise.all(stores.flatMap((store) => [1, 2].map(() => enqueue(store, { dedupKey }))));

      expect(await fixture.store.outbox.list()).toHaveLength(1);
      expect(told.length).toBeLessThanOrEqual(1);
    });

    it("adds nothing when a commit is made again after its delivery has ended", async () => {
      await using fixture = await open();
      const { runs, outbox } = fixture.store;
      const run = aFlowRun();
      const change = aChange(run, run.state, { requests: [aRequest()] });
      await runs.commit(change);
      await bringTo(outbox, change.requests[0]?.id ?? "", "delivered");

      await runs.commit(change);

      expect(await outbox.list()).toMatchObject([{ status: "delivered" }]);
    });
  });

  describe("a newer message that overtakes", () => {
    const PROGRESS = { subject: "s", coalesce: "latest" as const };

    it("suppresses the older ones that wait, and names itself", async () => {
      await using fixture = await open();
      const { store } = fixture;
      const first = await enqueueOne(store, PROGRESS);
      const second = await enqueueOne(store, { ...PROGRESS, createdAtMs: at(7) });

      expect(await store.outbox.read(first)).toMatchObject({
        status: "suppressed",
        reason: "overtaken",
        detail: second,
        updatedAtMs: at(7),
      });
      expect(idsOf(await claimFrom(store.outbox, { nowMs: at(7) }))).toEqual([second]);
    });

    it("also when both come with one commit", async () => {
      await using fixture = await open();
      const [first, second] = await enqueue(fixture.store, PROGRESS, PROGRESS);

      expect((await fixture.store.outbox.list()).map((one) => [one.id, one.status])).toEqual([
        [second?.id, "queued"],
        [first?.id, "suppressed"],
      ]);
    });

    it.each([
      ["tells of an end", { ...PROGRESS, coalesce: null }, PROGRESS],
      ["is overtaken by an end", PROGRESS, { ...PROGRESS, coalesce: null }],
      ["is about another subject", PROGRESS, { ...PROGRESS, subject: "other" }],
      ["goes somewhere else", PROGRESS, { ...PROGRESS, destination: "inbox/other" }],
      ["tells of the same state in other words", { ...PROGRESS, stateId: "s-1" }, { ...PROGRESS, stateId: "s-1" }],
    ])("leaves a message alone that %s", async (_name, older, newer) => {
      await using fixture = await open();
      const first = await enqueueOne(fixture.store, older);
      await enqueueOne(fixture.store, newer);

      expect((await fixture.store.outbox.read(first))?.status).toBe("queued");
    });

    it("leaves what is being sent alone, and suppresses it when it would have to be tried again", async () => {
      await using fixture = await open();
      const { store } = fixture;
      const first = await enqueueOne(store, PROGRESS);
      await claimFrom(store.outbox);
      const second = await enqueueOne(store, PROGRESS);
      expect((await store.outbox.read(first))?.status).toBe("sending");

      await store.outbox.settle([aSettlement(first, { to: "queued", reason: "server" })], LEASE);

      expect(await store.outbox.read(first)).toMatchObject({
        status: "suppressed",
        reason: "overtaken",
        detail: second,
      });
      expect(await store.outbox.attempts(first)).toHaveLength(1);
      expect(idsOf(await claimFrom(store.outbox))).toEqual([second]);
    });

    it.each(["release", "recover"] as const)("suppresses the older one when it comes back by %s", async (move) => {
      await using fixture = await open();
      const { store } = fixture;
      const first = await enqueueOne(store, PROGRESS);
      await claimFrom(store.outbox);
      const second = await enqueueOne(store, PROGRESS);

      await MAKE[move](store, first);

      expect(await store.outbox.read(first)).toMatchObject({ status: "suppressed", detail: second });
      expect((await store.outbox.read(second))?.status).toBe("queued");
    });

    it("does not take back what a person replays", async () => {
      await using fixture = await open();
      const { store } = fixture;
      const first = await enqueueOne(store, PROGRESS);
      await enqueueOne(store, PROGRESS);

      await store.outbox.replay({ ids: [first] }, START_MS);

      expect((await claimFrom(store.outbox)).map((one) => one.id)).toContain(first);
    });
  });

  describe("a lease that was lost", () => {
    it.each(["settle", "release", "retire"] as const)("cannot %s what another process holds", async (move) => {
      await using fixture = await open();
      const { store } = fixture;
      const id = await enqueueOne(store);
      await claimFrom(store.outbox);
      await store.outbox.recover(LEASE, START_MS);
      await claimFrom(store.outbox, { leaseId: "lease-2" });

      await MAKE[move](store, id);

      expect(await store.outbox.read(id)).toMatchObject({ status: "sending", leaseId: "lease-2", attempts: 1 });
    });

    it("cannot record the attempt before the one that it took up again", async () => {
      await using fixture = await open();
      const { outbox } = fixture.store;
      const id = await enqueueOne(fixture.store);
      await claimFrom(outbox);
      await outbox.recover(LEASE, START_MS);
      await claimFrom(outbox);

      const late = await outbox.settle([aSettlement(id)], LEASE).catch(errorCode);
      await outbox.settle([aSettlement(id, { attempt: anAttempt(id, { number: 2 }) })], LEASE);

      expect(late).toBe("delivery_move_refused");
      expect((await outbox.attempts(id)).map((one) => [one.number, one.outcome.kind])).toEqual([
        [1, "retry"],
        [2, "delivered"],
      ]);
    });
  });

  describe("a process that died", () => {
    it("leaves an attempt behind that counts", async () => {
      await using fixture = await open();
      const { outbox } = fixture.store;
      const id = await enqueueOne(fixture.store);
      await claimFrom(outbox, { nowMs: at(3) });

      await outbox.recover(LEASE, at(9));

      expect(await outbox.read(id)).toMatchObject({ attempts: 1, reason: "process-ended", uncertain: true });
      expect(await outbox.attempts(id)).toEqual([
        {
          deliveryId: id,
          number: 1,
          startedAtMs: at(3),
          durationMs: 0,
          status: null,
          outcome: { kind: "retry", reason: "process-ended", detail: expect.any(String), ambiguous: true },
        },
      ]);
    });

    it("gives a message up that was out at too many ends in a row, and raises the event", async () => {
      await using fixture = await open();
      const { outbox, events } = fixture.store;
      const id = await enqueueOne(fixture.store);
      const statuses: (DeliveryStatus | undefined)[] = [];
      for (let end = 1; end <= MOST_PROCESS_ENDS; end += 1) {
        await die(fixture.store);
        statuses.push((await outbox.read(id))?.status);
      }

      expect(statuses).toEqual(["queued", "queued", "queued", "queued", "dead"]);
      expect(await outbox.read(id)).toMatchObject({ reason: "attempts-exhausted", attempts: 5 });
      expect(await events.read()).toMatchObject([
        { event: "bellhop.delivery.dead", payload: { delivery_id: id, reason: "attempts-exhausted", attempts: 5 } },
      ]);
    });

    it("counts anew after an attempt that was recorded, and after a replay", async () => {
      await using fixture = await open();
      const { store } = fixture;
      const id = await enqueueOne(store);
      for (let end = 1; end < MOST_PROCESS_ENDS; end += 1) await die(store);
      await claimFrom(store.outbox, { nowMs: at(60_000) });
      const attempt = anAttempt(id, { number: MOST_PROCESS_ENDS });
      await store.outbox.settle([aSettlement(id, { to: "queued", attempt })], LEASE);

      await die(store);
      expect((await store.outbox.read(id))?.status).toBe("queued");

      for (let end = 1; end < MOST_PROCESS_ENDS; end += 1) await die(store);
      expect((await store.outbox.read(id))?.status).toBe("dead");
      await store.outbox.replay({ ids: [id] }, START_MS);
      await die(store);
      expect((await store.outbox.read(id))?.status).toBe("queued");
    });

    it("makes what was out twice go alone, so that others do not die with it", async () => {
      await using fixture = await open();
      const { store } = fixture;
      const ids = idsOf(await enqueue(store, {}, {}, {}));
      expect(await die(store)).toEqual(ids);
      expect(await die(store)).toEqual(ids);
      const later = await enqueueOne(store, { severity: "critical" });

      const batches = [];
      for (let turn = 0; turn < 4; turn += 1) {
        const claimed = await claimFrom(store.outbox, { nowMs: at(60_000) });
        // Nothing else is taken while it is out.
        expect(await claimFrom(store.outbox, { nowMs: at(60_000) })).toEqual([]);
        const settled = claimed.map(({ id, attempts }) =>
          aSettlement(id, { attempt: anAttempt(id, { number: attempts + 1 }) }),
        );
        await store.outbox.settle(settled, LEASE);
        batches.push(idsOf(claimed));
      }

      expect(batches).toEqual([[later], ...ids.map((id) => [id])]);
    });

    it("does not count against what goes alone and had not begun", async () => {
      await using fixture = await open();
      const { outbox, events } = fixture.store;
      const id = await enqueueOne(fixture.store);
      await die(fixture.store);
      await die(fixture.store);
      const before = await outbox.read(id);

      for (let end = 1; end <= 2 * MOST_PROCESS_ENDS; end += 1) {
        const [claimed] = await claimFrom(outbox, { nowMs: at(60_000) });
        expect(claimed).toMatchObject({ id, isSuspect: true });
        expect(await outbox.recover(LEASE, at(end))).toBe(1);
      }

      const after = await outbox.read(id);
      expect(after).toMatchObject({ status: "queued", attempts: 2, leaseId: null, uncertain: true });
      expect(after).toEqual({ ...before, updatedAtMs: after?.updatedAtMs, nextAttemptAtMs: after?.nextAttemptAtMs });
      expect(await outbox.attempts(id)).toHaveLength(2);
      expect(await events.read()).toEqual([]);
    });

    it("lets what had not begun wait a little, so that it is not taken by one process after the other", async () => {
      await using fixture = await open();
      const { outbox } = fixture.store;
      const id = await enqueueOne(fixture.store);
      await die(fixture.store);
      await die(fixture.store);
      await claimFrom(outbox, { nowMs: at(60_000) });

      await outbox.recover(LEASE, at(60_000));

      expect(await claimFrom(outbox, { nowMs: at(60_000) })).toEqual([]);
      expect((await outbox.read(id))?.nextAttemptAtMs).toBe(at(61_000));
    });

    it("counts against what had begun, from the instant at which it had", async () => {
      await using fixture = await open();
      const { store } = fixture;
      const id = await enqueueOne(store);
      await die(store);
      await die(store);
      await claimFrom(store.outbox, { nowMs: at(60_000) });
      const beganAtMs = fixture.clock.now();

      expect(await store.outbox.begin(id, LEASE)).toBe(true);
      await store.outbox.recover(LEASE, at(60_001));

      expect(await store.outbox.read(id)).toMatchObject({ status: "queued", attempts: 3 });
      expect((await store.outbox.attempts(id)).at(-1)).toMatchObject({ number: 3, startedAtMs: beganAtMs });
    });

    it("asks for a beginning of each claim anew, and takes one only", async () => {
      await using fixture = await open();
      const { outbox } = fixture.store;
      const id = await enqueueOne(fixture.store);
      await die(fixture.store);
      await die(fixture.store);
      await claimFrom(outbox, { nowMs: at(60_000) });

      expect(await outbox.begin(id, "lease-2")).toBe(false);
      expect(await outbox.begin(id, LEASE)).toBe(true);
      expect(await outbox.begin(id, LEASE)).toBe(false);
      await outbox.release([id], START_MS, LEASE);
      expect(await outbox.begin(id, LEASE)).toBe(false);
      expect(await claimFrom(outbox, { nowMs: at(60_000) })).toMatchObject([{ id, isSuspect: true }]);
      await outbox.recover(LEASE, at(60_000));

      // The beginning of the claim that was given back is not one of this claim.
      expect(await outbox.attempts(id)).toHaveLength(2);
    });

    it("spreads over time what was out twice", async () => {
      await using fixture = await open();
      const { store } = fixture;
      const ids = idsOf(await enqueue(store, {}, { destination: "inbox/other" }));
      for (let end = 1; end <= 2; end += 1) {
        for (const destination of [OPS, "inbox/other"]) await claimFrom(store.outbox, { destination });
        await store.outbox.recover(LEASE, START_MS);
      }

      const dueMs = await Promise.all(ids.map(async (id) => (await store.outbox.read(id))?.nextAttemptAtMs));
      expect(dueMs[0]).toBe(START_MS);
      expect(dueMs[1]).toBeGreaterThan(START_MS);
    });
  });

  describe("what a settlement brings along", () => {
    const fallbackOf = (id: string) => aRequest({ dedupKey: `${id}/fallback`, destination: "inbox/fallback" });

    it("is stored with it and told to whoever sends", async () => {
      await using fixture = await open();
      const { outbox, events } = fixture.store;
      const id = await enqueueOne(fixture.store);
      const [delivery] = await claimFrom(outbox);
      const told: (readonly string[])[] = [];
      using _ = outbox.onEnqueued((destinations) => told.push(destinations));
      if (delivery === undefined) throw new Error("nothing was claimed");
      const event = deadEvent(delivery, { reason: "gone", detail: "410", atMs: START_MS });

      await outbox.settle([aSettlement(id, { to: "dead", also: [fallbackOf(id)], events: [event] })], LEASE);

      expect(await outbox.list({ destination: "inbox/fallback" })).toMatchObject([{ status: "queued" }]);
      expect(told).toEqual([["inbox/fallback"]]);
      expect(await events.read()).toEqual([{ ...event, seq: expect.any(Number) }]);
    });

    it("is not stored when the settlement is refused", async () => {
      await using fixture = await open();
      const { outbox, events } = fixture.store;
      const id = await enqueueOne(fixture.store);
      const [delivery] = await claimFrom(outbox);
      if (delivery === undefined) throw new Error("nothing was claimed");
      const event = deadEvent(delivery, { reason: "gone", detail: "410", atMs: START_MS });

      const settlement = aSettlement(id, { to: "dead", also: [fallbackOf(id)], events: [event] });
      const failure = await outbox.settle([settlement, aSettlement(newId())], LEASE).catch(errorCode);

      expect(failure).toBe("delivery_move_refused");
      expect(await outbox.list()).toHaveLength(1);
      expect(await events.read()).toEqual([]);
    });

    it("of a retired delivery is its event, and a fallback if it is given", async () => {
      await using fixture = await open();
      const { outbox, events } = fixture.store;
      const id = await enqueueOne(fixture.store);
      const end = { to: "dead", reason: "expired", detail: "an hour has passed" } as const;

      await outbox.retire([id], { ...end, also: [fallbackOf(id)] }, null);
      await outbox.retire([id], { ...end, also: [aRequest({ destination: "inbox/second" })] }, null);

      expect(await events.read()).toMatchObject([{ event: "bellhop.delivery.dead", payload: { delivery_id: id } }]);
      expect(await outbox.list({ destination: "inbox/fallback" })).toHaveLength(1);
      expect(await outbox.list({ destination: "inbox/second" })).toEqual([]);
    });
  });

  describe("a person's word", () => {
    it("cancels what waits, and says how many that were", async () => {
      await using fixture = await open();
      const { outbox } = fixture.store;
      const [waiting, out] = await enqueue(fixture.store, { createdAtMs: at(9) }, {});
      await claimFrom(outbox);

      expect(await outbox.cancel([waiting?.id ?? "", out?.id ?? "", newId()])).toBe(1);
      expect(await outbox.cancel([waiting?.id ?? ""])).toBe(0);

      expect(await outbox.read(waiting?.id ?? "")).toMatchObject({
        status: "suppressed",
        reason: "cancelled-by-person",
        attempts: 0,
      });
    });

    it("replays by selection, in batches, under the same ids, and tells how far it is", async () => {
      await using fixture = await open();
      const { outbox } = fixture.store;
      const wanted = await enqueue(fixture.store, ...Array.from({ length: 450 }, () => ({})));
      const other = await enqueueOne(fixture.store, { destination: "inbox/other" });
      const end = { to: "dead", reason: "gone", detail: "410" } as const;
      await outbox.retire([...idsOf(wanted), other], end, null);
      const progress: ReplayProgress[] = [];

      const replayed = await outbox.replay({ destination: OPS, reason: "gone" }, at(5), (now) => progress.push(now));

      expect(replayed).toBe(450);
      expect(progress.map((now) => now.replayed)).toEqual([200, 400, 450]);
      expect(await outbox.list({ status: ["dead"] })).toMatchObject([{ id: other }]);
      expect(idsOf(await claimFrom(outbox, { nowMs: at(5), limit: 2 }))).toEqual(idsOf(wanted.slice(0, 2)));
    });

    it("replays nothing twice, and counts what it leaves alone", async () => {
      await using fixture = await open();
      const { outbox } = fixture.store;
      const [dead, waiting] = idsOf(await enqueue(fixture.store, {}, {}));
      await outbox.retire([dead ?? ""], { to: "dead", reason: "gone", detail: "410" }, null);
      const progress: ReplayProgress[] = [];
      const ids = [dead ?? "", waiting ?? "", newId()];

      expect(await outbox.replay({ ids }, START_MS, (now) => progress.push(now))).toBe(1);
      expect(await outbox.replay({ ids }, START_MS)).toBe(0);
      expect(progress).toEqual([{ replayed: 1, skipped: 2 }]);
    });

    it("narrows by reason and time of creation", async () => {
      await using fixture = await open();
      const { outbox } = fixture.store;
      const ids = idsOf(await enqueue(fixture.store, {}, { createdAtMs: at(10) }, { createdAtMs: at(20) }));
      await outbox.retire(ids.slice(0, 2), { to: "dead", reason: "gone", detail: "410" }, null);
      await outbox.retire(ids.slice(2), { to: "dead", reason: "auth", detail: "401" }, null);
      const found = async (filter: Parameters<typeof outbox.list>[0]) => idsOf(await outbox.list(filter));

      expect(await found({ reason: "auth" })).toEqual([ids[2]]);
      expect(await found({ status: ["dead"], reason: "gone" })).toEqual([ids[1], ids[0]]);
      expect(await found({ sinceMs: at(10) })).toEqual([ids[2], ids[1]]);
      expect(await found({ status: ["dead"], sinceMs: at(10), untilMs: at(20) })).toEqual([ids[1]]);
      expect(await outbox.replay({ untilMs: at(10) }, START_MS)).toBe(1);
    });
  });
}
