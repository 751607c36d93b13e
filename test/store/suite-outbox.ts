import { describe, expect, it } from "vitest";
import { errorCode } from "../../src/base/errors.ts";
import { newId } from "../../src/base/ids.ts";
import { canMove } from "../../src/delivery/delivery.ts";
import type { StoreOpener } from "../support/store-fixture.ts";
import { aDelivery, anAttempt, aSettlement, START_MS } from "../support/store-records.ts";
import { at, bringTo, claimFrom, enqueue, idsOf, LEASE, OPS, STATUSES } from "./outbox-kit.ts";

/** What every outbox must do. */
export function outboxStoreSuite(open: StoreOpener): void {
  describe("claiming deliveries", () => {
    it("takes what is due in order of arrival, marks it and returns it whole", async () => {
      await using fixture = await open();
      const { outbox } = fixture.store;
      const requests = await enqueue(fixture.store, {}, {}, { createdAtMs: at(5) }, { destination: "inbox/other" });

      const claimed = await claimFrom(outbox, { nowMs: at(1) });

      expect(idsOf(claimed)).toEqual(idsOf(requests.slice(0, 2)));
      expect(claimed[0]).toEqual({
        ...requests[0],
        seq: claimed[0]?.seq,
        origin: "hook",
        status: "sending",
        attempts: 0,
        nextAttemptAtMs: START_MS,
        leaseId: "lease-1",
        reason: null,
        detail: null,
        providerId: null,
        uncertain: false,
        updatedAtMs: at(1),
      });
      expect(await outbox.read(requests[0]?.id ?? "")).toEqual(claimed[0]);
    });

    it("takes no more than the limit, and the next ones next time", async () => {
      await using fixture = await open();
      const { outbox } = fixture.store;
      const requests = await enqueue(fixture.store, {}, {}, {});

      const first = await claimFrom(outbox, { limit: 2 });
      const second = await claimFrom(outbox, { limit: 2 });

      expect([...idsOf(first), ...idsOf(second)]).toEqual(idsOf(requests));
    });

    it("gives nothing while another lease sends to the destination", async () => {
      await using fixture = await open();
      const { outbox } = fixture.store;
      const [first] = await enqueue(fixture.store, {}, {}, { destination: "inbox/other" });
      await claimFrom(outbox, { limit: 1 });

      expect(await claimFrom(outbox, { leaseId: "lease-2" })).toEqual([]);
      expect(await claimFrom(outbox, { leaseId: "lease-2", destination: "inbox/other" })).toHaveLength(1);
      await outbox.settle([aSettlement(first?.id ?? "")], LEASE);
      expect(await claimFrom(outbox, { leaseId: "lease-2" })).toHaveLength(1);
    });

    it("never gives one delivery to two processes that ask at once", async () => {
      await using fixture = await open();
      const stores = [fixture.store, await fixture.beside(), await fixture.beside()];
      await enqueue(fixture.store, ...Array.from({ length: 20 }, () => ({})));

      const claims = await Promise.all(
        stores.flatMap(({ outbox }, index) =>
          [1, 2, 3].map(() => claimFrom(outbox, { leaseId: `lease-${index}`, limit: 3 })),
        ),
      );

      const taken = claims.flat();
      expect(taken).toHaveLength(9);
      expect(new Set(idsOf(taken)).size).toBe(9);
      expect(new Set(taken.map((delivery) => delivery.leaseId)).size).toBe(1);
    });

    it("holds back a delivery whose subject has an earlier one queued for later, and lets other subjects pass", async () => {
      await using fixture = await open();
      const { outbox } = fixture.store;
      const requests = await enqueue(
        fixture.store,
        { subject: "a", createdAtMs: at(60_000) },
        { subject: "a" },
        { subject: "b" },
        { subject: "a" },
      );

      const now = await claimFrom(outbox, { nowMs: at(1) });
      await outbox.settle(
        now.map((delivery) => aSettlement(delivery.id)),
        LEASE,
      );
      const later = await claimFrom(outbox, { nowMs: at(60_000) });

      expect(idsOf(now)).toEqual([requests[2]?.id]);
      expect(idsOf(later)).toEqual([requests[0]?.id, requests[1]?.id, requests[3]?.id]);
    });

    it("takes several deliveries of one subject together, up to the first that is not due", async () => {
      await using fixture = await open();
      const { outbox } = fixture.store;
      const requests = await enqueue(
        fixture.store,
        { subject: "a" },
        { subject: "a" },
        { subject: "a", createdAtMs: at(60_000) },
        { subject: "a" },
      );

      expect(idsOf(await claimFrom(outbox))).toEqual(idsOf(requests.slice(0, 2)));
    });

    it("does not take a delivery while an earlier one of its subject is being sent, by the same lease either", async () => {
      await using fixture = await open();
      const { outbox } = fixture.store;
      const [first, second] = await enqueue(fixture.store, { subject: "a" }, { subject: "a" });
      await claimFrom(outbox, { limit: 1 });

      const meanwhile = await claimFrom(outbox);
      await outbox.settle([aSettlement(first?.id ?? "")], LEASE);

      expect(meanwhile).toEqual([]);
      expect(idsOf(await claimFrom(outbox))).toEqual([second?.id]);
    });

    it("finds what is due behind a long row of deliveries that wait", async () => {
      await using fixture = await open();
      const { outbox } = fixture.store;
      const waiting = Array.from({ length: 300 }, (_, index) => ({
        subject: "a",
        createdAtMs: index === 0 ? at(60_000) : START_MS,
      }));
      const requests = await enqueue(fixture.store, ...waiting, { subject: "b" });

      expect(idsOf(await claimFrom(outbox, { limit: 5 }))).toEqual([requests.at(-1)?.id]);
    });

    it("sends nothing to a paused destination before the pause is over, also after a restart", async () => {
      await using fixture = await open();
      await enqueue(fixture.store, {}, { destination: "inbox/other" });
      await fixture.store.outbox.pause(OPS, at(30_000));
      await fixture.store.outbox.pause(OPS, at(10_000));
      const { outbox } = await fixture.beside();

      expect(await claimFrom(outbox, { nowMs: at(29_999) })).toEqual([]);
      expect(await claimFrom(outbox, { nowMs: at(1), destination: "inbox/other" })).toHaveLength(1);
      expect(await claimFrom(outbox, { nowMs: at(30_000) })).toHaveLength(1);
    });
  });

  describe("what is due", () => {
    it("names each destination once, with its first due time", async () => {
      await using fixture = await open();
      const { outbox } = fixture.store;
      await enqueue(
        fixture.store,
        { createdAtMs: at(9) },
        { createdAtMs: at(3) },
        { destination: "a/1", createdAtMs: at(7) },
      );

      expect(await outbox.due()).toEqual([
        { destination: "a/1", dueAtMs: at(7) },
        { destination: OPS, dueAtMs: at(3) },
      ]);
    });

    it("waits for the end of a pause", async () => {
      await using fixture = await open();
      const { outbox } = fixture.store;
      await enqueue(fixture.store, {}, { destination: "a/1", createdAtMs: at(9) });
      await outbox.pause(OPS, at(500));
      await outbox.pause("a/1", at(5));

      expect(await outbox.due()).toEqual([
        { destination: "a/1", dueAtMs: at(9) },
        { destination: OPS, dueAtMs: at(500) },
      ]);
    });

    it("does not call a destination due for a delivery that has to wait behind another one", async () => {
      await using fixture = await open();
      const { outbox } = fixture.store;
      await enqueue(
        fixture.store,
        { subject: "a", createdAtMs: at(60_000) },
        { subject: "a" },
        { subject: "b", createdAtMs: at(70_000) },
      );

      expect(await outbox.due()).toEqual([{ destination: OPS, dueAtMs: at(60_000) }]);
    });

    it("is empty when nothing is queued", async () => {
      await using fixture = await open();
      const { outbox } = fixture.store;
      const [request] = await enqueue(fixture.store, {});
      await bringTo(outbox, request?.id ?? "", "delivered");

      expect(await outbox.due()).toEqual([]);
    });
  });

  describe("settling attempts", () => {
    it("writes the attempt and moves the delivery", async () => {
      await using fixture = await open();
      const { outbox } = fixture.store;
      const [request] = await enqueue(fixture.store, {});
      const id = request?.id ?? "";
      await claimFrom(outbox);
      const attempt = anAttempt(id, {
        outcome: { kind: "retry", reason: "server", detail: "503", ambiguous: false },
        status: 503,
      });

      await outbox.settle(
        [
          aSettlement(id, {
            attempt,
            to: "queued",
            nextAttemptAtMs: at(1_000.25),
            reason: "server",
            detail: "503",
            uncertain: true,
          }),
        ],
        LEASE,
      );

      expect(await outbox.read(id)).toMatchObject({
        status: "queued",
        attempts: 1,
        nextAttemptAtMs: at(1_001),
        leaseId: null,
        reason: "server",
        detail: "503",
        uncertain: true,
        updatedAtMs: at(12),
      });
      expect(await outbox.attempts(id)).toEqual([attempt]);
    });

    it("keeps an uncertain delivery uncertain", async () => {
      await using fixture = await open();
      const { outbox } = fixture.store;
      const [request] = await enqueue(fixture.store, {});
      const id = request?.id ?? "";
      await claimFrom(outbox);
      await outbox.settle([aSettlement(id, { to: "queued", uncertain: true })], LEASE);
      await claimFrom(outbox);

      await outbox.settle(
        [aSettlement(id, { attempt: anAttempt(id, { number: 2 }), uncertain: false, providerId: "p-1" })],
        LEASE,
      );

      expect(await outbox.read(id)).toMatchObject({
        status: "delivered",
        attempts: 2,
        uncertain: true,
        providerId: "p-1",
      });
    });

    it("writes a changed payload with the move, and else leaves it as it is", async () => {
      await using fixture = await open();
      const { outbox } = fixture.store;
      const [request] = await enqueue(fixture.store, {});
      const id = request?.id ?? "";
      await claimFrom(outbox);
      const payload = { template: "run-failed", only: ["two@example.org"] };

      await outbox.settle([aSettlement(id, { to: "queued", payload })], LEASE);
      expect((await outbox.read(id))?.payload).toEqual(payload);

      expect((await claimFrom(outbox))[0]?.payload).toEqual(payload);
      await outbox.settle([aSettlement(id, { attempt: anAttempt(id, { number: 2 }) })], LEASE);
      expect(await outbox.read(id)).toMatchObject({ status: "delivered", payload });
    });

    it("keeps the payload when the move is refused", async () => {
      await using fixture = await open();
      const { outbox } = fixture.store;
      const [request] = await enqueue(fixture.store, {});
      const id = request?.id ?? "";
      await bringTo(outbox, id, "delivered");

      const failure = await outbox.settle([aSettlement(id, { to: "queued", payload: {} })], LEASE).catch(errorCode);

      expect(failure).toBe("delivery_move_refused");
      expect((await outbox.read(id))?.payload).toEqual(request?.payload);
    });

    const pairs = STATUSES.flatMap((from) => STATUSES.map((to) => ({ from, to })));
    it.each(pairs)("from $from to $to only if the table of moves allows it", async ({ from, to }) => {
      await using fixture = await open();
      const { outbox } = fixture.store;
      const [request] = await enqueue(fixture.store, {});
      const id = request?.id ?? "";
      await bringTo(outbox, id, from);

      const failure = await outbox.settle([aSettlement(id, { to })], LEASE).then(() => "written", errorCode);

      expect(failure).toBe(from === "sending" && canMove("settle", from, to) ? "written" : "delivery_move_refused");
      expect((await outbox.read(id))?.status).toBe(canMove("settle", from, to) ? to : from);
    });

    it("writes nothing of a batch that has a refused move", async () => {
      await using fixture = await open();
      const { outbox } = fixture.store;
      const [request] = await enqueue(fixture.store, {});
      await claimFrom(outbox);

      const failure = await outbox
        .settle([aSettlement(request?.id ?? ""), aSettlement(newId())], LEASE)
        .catch(errorCode);

      expect(failure).toBe("delivery_move_refused");
      expect((await outbox.read(request?.id ?? ""))?.status).toBe("sending");
      expect(await outbox.attempts(request?.id ?? "")).toEqual([]);
    });
  });

  describe("other moves", () => {
    it("gives claimed deliveries back unattempted", async () => {
      await using fixture = await open();
      const { outbox } = fixture.store;
      const [request] = await enqueue(fixture.store, {});
      const id = request?.id ?? "";
      await claimFrom(outbox);

      await outbox.release([id], at(40), LEASE);

      expect(await outbox.read(id)).toMatchObject({
        status: "queued",
        attempts: 0,
        leaseId: null,
        nextAttemptAtMs: at(40),
        uncertain: false,
      });
    });

    it("does not queue a delivery again that has ended meanwhile", async () => {
      await using fixture = await open();
      const { outbox } = fixture.store;
      const [request] = await enqueue(fixture.store, {});
      const id = request?.id ?? "";
      await bringTo(outbox, id, "delivered");

      await outbox.release([id], START_MS, LEASE);
      await outbox.retire([id], { to: "dead", reason: "gone", detail: "block deleted" }, LEASE);

      expect((await outbox.read(id))?.status).toBe("delivered");
    });

    it.each(["queued", "sending"] as const)("retires a delivery that is %s", async (from) => {
      await using fixture = await open();
      const { outbox } = fixture.store;
      const [request] = await enqueue(fixture.store, {});
      const id = request?.id ?? "";
      await bringTo(outbox, id, from);

      await outbox.retire([id], { to: "suppressed", reason: "expired", detail: "not sent within an hour" }, LEASE);

      expect(await outbox.read(id)).toMatchObject({
        status: "suppressed",
        reason: "expired",
        detail: "not sent within an hour",
        leaseId: null,
      });
      expect(await outbox.attempts(id)).toEqual([]);
    });

    it("queues again what a dead process was sending, calls it uncertain and says so", async () => {
      await using fixture = await open();
      const { outbox } = fixture.store;
      const requests = await enqueue(fixture.store, {}, {}, { destination: "a/1" }, { destination: "b/2" });
      await claimFrom(outbox);
      await claimFrom(outbox, { destination: "a/1" });
      await claimFrom(outbox, { destination: "b/2", leaseId: "alive" });
      const told: (readonly string[])[] = [];
      using _ = outbox.onEnqueued((destinations) => told.push(destinations));

      const recovered = await outbox.recover(LEASE, at(5));

      expect(recovered).toBe(3);
      expect(told.map((destinations) => destinations.toSorted())).toEqual([["a/1", OPS]]);
      expect(await outbox.read(requests[0]?.id ?? "")).toMatchObject({
        status: "queued",
        uncertain: true,
        nextAttemptAtMs: at(5),
      });
      expect((await outbox.read(requests[3]?.id ?? ""))?.status).toBe("sending");
      expect(await outbox.recover(LEASE, at(6))).toBe(0);
    });

    it.each(STATUSES)("replays a delivery that is %s only if it was given up", async (status) => {
      await using fixture = await open();
      const { outbox } = fixture.store;
      const [request] = await enqueue(fixture.store, { expiresAtMs: at(10) });
      const id = request?.id ?? "";
      await bringTo(outbox, id, status);
      const told: (readonly string[])[] = [];
      using _ = outbox.onEnqueued((destinations) => told.push(destinations));

      const replayed = await outbox.replay({ ids: [id] }, at(100));

      const isGivenUp = status === "dead" || status === "suppressed";
      expect(replayed).toBe(Number(isGivenUp));
      expect(told).toEqual(isGivenUp ? [[OPS]] : []);
      expect(await outbox.read(id)).toMatchObject(
        isGivenUp ? { status: "queued", attempts: 0, nextAttemptAtMs: at(100), expiresAtMs: null } : { status },
      );
    });

    it("keeps earlier attempts when a delivery is replayed", async () => {
      await using fixture = await open();
      const { outbox } = fixture.store;
      const [request] = await enqueue(fixture.store, {});
      const id = request?.id ?? "";
      await bringTo(outbox, id, "dead");
      await outbox.replay({ ids: [id] }, START_MS);

      await bringTo(outbox, id, "delivered");

      expect((await outbox.attempts(id)).map((attempt) => attempt.number)).toEqual([1, 1]);
    });
  });

  describe("records of deliveries", () => {
    it("journals a direct send behind the caller, once", async () => {
      await using fixture = await open();
      const { outbox } = fixture.store;
      const delivery = aDelivery({ detail: "ok", providerId: "p-9" });
      const attempt = anAttempt(delivery.id);

      outbox.journal(delivery, attempt);
      outbox.journal(delivery, attempt);

      expect(await outbox.read(delivery.id)).toEqual({ ...delivery, seq: expect.any(Number) });
      expect(await outbox.attempts(delivery.id)).toEqual([attempt]);
    });

    it("rounds measured times", async () => {
      await using fixture = await open();
      const { outbox } = fixture.store;
      const delivery = aDelivery();

      outbox.journal(delivery, anAttempt(delivery.id, { durationMs: 12.6 }));

      expect((await outbox.attempts(delivery.id))[0]?.durationMs).toBe(13);
    });

    it("finds a delivery by id or a unique part of it", async () => {
      await using fixture = await open();
      const { outbox } = fixture.store;
      const ids = ["aaaa1111-0000-7000-8000-000000000001", "aaaa2222-0000-7000-8000-000000000002"];
      await enqueue(fixture.store, ...ids.map((id) => ({ id })));
      const found = async (text: string) => (await outbox.find(text))?.id ?? null;

      expect(await found(ids[0] ?? "")).toBe(ids[0]);
      expect(await found("aaaa2")).toBe(ids[1]);
      expect(await found("aaaa")).toBeNull();
      expect(await found("aaaa..002")).toBe(ids[1]);
      expect(await found("aaaa2..001")).toBeNull();
      expect(await found("aaa")).toBeNull();
      expect(await found("%")).toBeNull();
      expect(await found("aaaa..%")).toBeNull();
    });

    it("lists newest first by status, destination and run, in pages", async () => {
      await using fixture = await open();
      const { outbox } = fixture.store;
      const flowRunId = newId();
      const [dead, sent, other, queued, ofRun] = await enqueue(
        fixture.store,
        { subject: "1" },
        { subject: "2" },
        { destination: "a/1" },
        { createdAtMs: at(9) },
        { flowRunId, createdAtMs: at(9) },
      );
      await claimFrom(outbox);
      await outbox.settle([aSettlement(dead?.id ?? "", { to: "dead" }), aSettlement(sent?.id ?? "")], LEASE);
      const listed = async (filter?: Parameters<typeof outbox.list>[0]) => idsOf(await outbox.list(filter));

      expect(await listed()).toEqual([ofRun, queued, other, sent, dead].map((one) => one?.id));
      expect(await listed({ status: ["dead"] })).toEqual([dead?.id]);
      expect(await listed({ status: ["dead", "queued"] })).toEqual([ofRun, queued, other, dead].map((one) => one?.id));
      expect(await listed({ status: ["dead", "queued"], limit: 2, offset: 1 })).toEqual([queued?.id, other?.id]);
      expect(await listed({ status: ["delivered", "dead"] })).toEqual([sent?.id, dead?.id]);
      expect(await listed({ destination: "a/1" })).toEqual([other?.id]);
      expect(await listed({ destination: "a/1", status: ["dead"] })).toEqual([]);
      expect(await listed({ flowRunId })).toEqual([ofRun?.id]);
      expect(await listed({ flowRunId, status: ["delivered"] })).toEqual([]);
      expect(await listed({ limit: 2, offset: 2 })).toEqual([other?.id, sent?.id]);
    });
  });
}
