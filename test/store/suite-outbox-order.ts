import { describe, expect, it } from "vitest";
import type { DeliveryRequest } from "../../src/runs/delivery-request.ts";
import type { StoreOpener } from "../support/store-fixture.ts";
import { anAttempt, aSettlement, START_MS } from "../support/store-records.ts";
import { at, claimFrom, claimOf, enqueue, idsOf, LEASE, OPS } from "./outbox-kit.ts";

const DAY_MS = 86_400_000;

/** In which order deliveries are taken, and what the figures say of them. */
export function outboxOrderSuite(open: StoreOpener): void {
  describe("severity", () => {
    it("goes first, then the order of arrival", async () => {
      await using fixture = await open();
      const severities = ["info", "error", "warning", "critical", "success", "error"] as const;
      const requests = await enqueue(fixture.store, ...severities.map((severity) => ({ severity })));

      const claimed = await claimFrom(fixture.store.outbox);

      const order = [3, 1, 5, 2, 0, 4];
      expect(idsOf(claimed)).toEqual(order.map((index) => requests[index]?.id));
    });

    it("decides also who is taken where much waits", async () => {
      await using fixture = await open();
      const many = Array.from({ length: 400 }, (): Partial<DeliveryRequest> => ({ severity: "info" }));
      const requests = await enqueue(fixture.store, ...many, { severity: "warning" }, { severity: "critical" });

      const first = await claimFrom(fixture.store.outbox, { limit: 4 });
      const rest = await claimFrom(fixture.store.outbox, { limit: 1_000 });

      const ids = idsOf(requests);
      expect(idsOf(first)).toEqual([ids[401], ids[400], ids[0], ids[1]]);
      expect(idsOf(rest)).toEqual(ids.slice(2, 400));
    });

    it("takes what came earlier about the same subject along, and before itself", async () => {
      await using fixture = await open();
      const requests = await enqueue(
        fixture.store,
        { subject: "a", severity: "info" },
        { subject: "b", severity: "error" },
        { subject: "a", severity: "critical" },
      );

      const claimed = await claimFrom(fixture.store.outbox, { limit: 2 });

      expect(idsOf(claimed)).toEqual([requests[0]?.id, requests[2]?.id]);
    });

    it("does not pass an earlier one about the same subject that waits for its next attempt", async () => {
      await using fixture = await open();
      const requests = await enqueue(
        fixture.store,
        { subject: "a", severity: "info", createdAtMs: at(60_000) },
        { subject: "a", severity: "critical" },
        { subject: "b", severity: "info" },
      );

      expect(idsOf(await claimFrom(fixture.store.outbox))).toEqual([requests[2]?.id]);
    });
  });

  describe("what a claim leaves", () => {
    it("is told by when the first of it is due, and is nothing once all is taken", async () => {
      await using fixture = await open();
      const { outbox } = fixture.store;
      await enqueue(fixture.store, {}, { subject: "later", createdAtMs: START_MS + 5_000 });

      expect(await claimOf(outbox)).toMatchObject({ deliveries: [{}], nextDueAtMs: START_MS + 5_000 });
      expect(await claimOf(outbox, { nowMs: START_MS + 5_000 })).toMatchObject({ deliveries: [{}], nextDueAtMs: null });
    });

    it("counts as due when it is beyond the limit, or in the hands of others", async () => {
      await using fixture = await open();
      const { outbox } = fixture.store;
      await enqueue(fixture.store, {}, {});

      expect(await claimOf(outbox, { limit: 1 })).toMatchObject({ deliveries: [{}], nextDueAtMs: START_MS });
      expect(await claimOf(outbox, { leaseId: "another" })).toEqual({ deliveries: [], nextDueAtMs: START_MS });
    });

    it("is due when the pause of the destination ends", async () => {
      await using fixture = await open();
      const { outbox } = fixture.store;
      await enqueue(fixture.store, {});
      await outbox.pause(OPS, START_MS + 60_000);

      expect(await claimOf(outbox)).toEqual({ deliveries: [], nextDueAtMs: START_MS + 60_000 });
    });
  });

  describe("the figures of destinations", () => {
    it("are none for an empty store", async () => {
      await using fixture = await open();
      expect(await fixture.store.outbox.stats({ nowMs: START_MS })).toEqual([]);
    });

    it("count by status, and measure the attempts of the window", async () => {
      await using fixture = await open();
      const { outbox } = fixture.store;
      const subjects = ["a", "b", "c", "d"].map((subject) => ({ subject }));
      const [sent, failed, dead] = idsOf(await enqueue(fixture.store, ...subjects, { createdAtMs: at(5_000) }));
      await enqueue(fixture.store, { destination: "inbox/other", createdAtMs: at(9) });
      await claimFrom(outbox, { limit: 3 });
      const attempt = (id: string, durationMs: number) => anAttempt(id, { durationMs });
      const refused = { kind: "permanent", reason: "gone", detail: "410" } as const;
      await outbox.settle(
        [
          aSettlement(sent ?? "", { attempt: attempt(sent ?? "", 10) }),
          aSettlement(failed ?? "", {
            to: "queued",
            nextAttemptAtMs: at(1_000),
            attempt: { ...attempt(failed ?? "", 30), outcome: { ...refused, kind: "retry", ambiguous: false } },
          }),
          aSettlement(dead ?? "", { to: "dead", attempt: { ...attempt(dead ?? "", 20), outcome: refused } }),
        ],
        LEASE,
      );

      expect(await outbox.stats({ nowMs: at(100) })).toEqual([
        {
          destination: "inbox/other",
          counts: { queued: 1, sending: 0, delivered: 0, suppressed: 0, dead: 0 },
          oldestDueMs: at(9),
          attemptsToday: 0,
          attempts: 0,
          successRatio: null,
          latency: null,
          uncertain: 0,
        },
        {
          destination: OPS,
          counts: { queued: 3, sending: 0, delivered: 1, suppressed: 0, dead: 1 },
          oldestDueMs: START_MS,
          attemptsToday: 3,
          attempts: 3,
          successRatio: 1 / 3,
          latency: { p50Ms: 20, p95Ms: 30, p99Ms: 30, maxMs: 30 },
          uncertain: 0,
        },
      ]);
      expect(await outbox.stats({ nowMs: at(100), destination: "inbox/other" })).toHaveLength(1);
    });

    it("leave out attempts before the window, and count today's apart", async () => {
      await using fixture = await open();
      const { outbox } = fixture.store;
      const ids = idsOf(await enqueue(fixture.store, {}, {}, {}));
      await claimFrom(outbox);
      const agesMs = [DAY_MS, DAY_MS / 2, 0];
      const nowMs = at(1_000);
      const settlements = ids.map((id, index) =>
        aSettlement(id, { attempt: anAttempt(id, { startedAtMs: nowMs - (agesMs[index] ?? 0) - 12 }) }),
      );
      await outbox.settle(settlements, LEASE);

      expect(await outbox.stats({ nowMs, windowMs: DAY_MS - 1 })).toMatchObject([
        { attempts: 2, attemptsToday: 1, counts: { delivered: 2 } },
      ]);
    });

    it("count a delivery once that was delivered in part first", async () => {
      await using fixture = await open();
      const { outbox } = fixture.store;
      const [id = ""] = idsOf(await enqueue(fixture.store, {}));
      await claimFrom(outbox);
      await outbox.settle([aSettlement(id, { to: "queued", reason: "partial" })], LEASE);
      await claimFrom(outbox);
      await outbox.settle([aSettlement(id, { attempt: anAttempt(id, { number: 2 }) })], LEASE);

      expect(await outbox.stats({ nowMs: START_MS })).toMatchObject([{ attempts: 2, counts: { delivered: 1 } }]);
    });

    it("do not take the time of a process that died for the time of an answer", async () => {
      await using fixture = await open();
      const { outbox } = fixture.store;
      await enqueue(fixture.store, {});
      await claimFrom(outbox);
      await outbox.recover(LEASE, at(30_000));

      expect(await outbox.stats({ nowMs: at(30_000) })).toMatchObject([
        { attempts: 1, successRatio: 0, latency: null },
      ]);
    });
  });
}
