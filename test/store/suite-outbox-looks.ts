import { describe, expect, it } from "vitest";
import type { DeliveryStatus } from "../../src/delivery/delivery.ts";
import type { StoreOpener } from "../support/store-fixture.ts";
import { anAttempt, aSettlement, START_MS } from "../support/store-records.ts";
import { at, bringTo, claimFrom, enqueue, enqueueOne, idsOf, LEASE, OPS } from "./outbox-kit.ts";

/** What a person's commands look at before and after they move many deliveries. */
export function outboxLooksSuite(open: StoreOpener): void {
  describe("the ids of a selection", () => {
    it("come in order of arrival, whatever their number and status", async () => {
      await using fixture = await open();
      const { outbox } = fixture.store;
      const requests = await enqueue(fixture.store, ...Array.from({ length: 450 }, () => ({})));
      const dead = idsOf(await claimFrom(outbox, { limit: 300 }));
      await outbox.settle(
        dead.map((id) => aSettlement(id, { to: "dead", reason: "gone" })),
        LEASE,
      );

      expect(await outbox.ids({ status: ["queued", "dead"] })).toEqual(idsOf(requests));
      expect(await outbox.ids({ status: ["dead"] })).toEqual(idsOf(requests).slice(0, 300));
      expect(await outbox.ids({ status: [] })).toEqual([]);
    });

    it.each(["queued", "sending", "dead", "suppressed"] as const)("are found by the status %s", async (status) => {
      await using fixture = await open();
      const { outbox } = fixture.store;
      const id = await enqueueOne(fixture.store);
      await bringTo(outbox, id, status);

      const statuses = ["queued", "sending", "dead", "suppressed"] as const;
      const found = await Promise.all(statuses.map((one) => outbox.ids({ status: [one] })));

      expect(found).toEqual(statuses.map((one) => (one === status ? [id] : [])));
    });

    it("are narrowed by destination, run, reason and time", async () => {
      await using fixture = await open();
      const { outbox } = fixture.store;
      const [plain, other, ofRun, late] = idsOf(
        await enqueue(
          fixture.store,
          {},
          { destination: "inbox/other" },
          { flowRunId: "0190f3c2-0000-7000-8000-000000000001" },
          { createdAtMs: at(500) },
        ),
      );
      const status = ["queued"] as const;

      expect(await outbox.ids({ status, destination: "inbox/other" })).toEqual([other]);
      expect(await outbox.ids({ status, flowRunId: "0190f3c2-0000-7000-8000-000000000001" })).toEqual([ofRun]);
      expect(await outbox.ids({ status, sinceMs: at(500) })).toEqual([late]);
      expect(await outbox.ids({ status, untilMs: at(500), destination: OPS })).toEqual([plain, ofRun]);
      expect(await outbox.ids({ status, reason: "gone" })).toEqual([]);
    });
  });

  describe("where deliveries stand", () => {
    it("is told of each that is stored", async () => {
      await using fixture = await open();
      const { outbox } = fixture.store;
      const id = await enqueueOne(fixture.store);
      await claimFrom(outbox);
      await outbox.settle(
        [aSettlement(id, { to: "dead", reason: "timeout", uncertain: true, nextAttemptAtMs: at(7) })],
        LEASE,
      );

      expect(await outbox.standing([id, "ffffffff-0000-7000-8000-000000000000"])).toEqual([
        {
          id,
          destination: OPS,
          status: "dead",
          reason: "timeout",
          uncertain: true,
          nextAttemptAtMs: at(7),
          behindId: null,
        },
      ]);
      expect(await outbox.standing([])).toEqual([]);
    });

    it("names the one that goes first, for a queued one behind another of its subject", async () => {
      await using fixture = await open();
      const { outbox } = fixture.store;
      const [first, second, third] = idsOf(
        await enqueue(fixture.store, { subject: "a" }, { subject: "a" }, { subject: "a" }, { subject: "b" }),
      );
      const behind = async (): Promise<Record<string, string | null>> =>
        Object.fromEntries(
          (await outbox.standing([first ?? "", second ?? "", third ?? ""])).map(({ id, behindId }) => [id, behindId]),
        );

      const before = await behind();
      await claimFrom(outbox, { limit: 1 });
      const whileSending = await behind();
      await outbox.settle([aSettlement(first ?? "")], LEASE);

      expect(before).toEqual({ [first ?? ""]: null, [second ?? ""]: first, [third ?? ""]: first });
      expect(whileSending).toEqual(before);
      expect(await behind()).toEqual({ [first ?? ""]: null, [second ?? ""]: null, [third ?? ""]: second });
    });

    it("is told of more than one statement takes", async () => {
      await using fixture = await open();
      const requests = await enqueue(fixture.store, ...Array.from({ length: 4_100 }, () => ({})));

      const standing = await fixture.store.outbox.standing(idsOf(requests));

      expect(new Set(idsOf(standing))).toEqual(new Set(idsOf(requests)));
    });
  });

  describe("pauses", () => {
    it("are listed until they are over", async () => {
      await using fixture = await open();
      const { outbox } = fixture.store;
      const nowMs = Date.now();
      await outbox.pause("inbox/b", nowMs + 3_600_000);
      await outbox.pause("inbox/a", nowMs + 7_200_000);
      await outbox.pause("inbox/over", START_MS);

      expect(await outbox.pauses()).toEqual([
        { destination: "inbox/a", untilMs: nowMs + 7_200_000 },
        { destination: "inbox/b", untilMs: nowMs + 3_600_000 },
      ]);
    });
  });

  it("a delivery is found by its key", async () => {
    await using fixture = await open();
    const id = await enqueueOne(fixture.store, { dedupKey: "fallback/1" });

    expect(await fixture.store.outbox.readByKey("fallback/1")).toMatchObject({ id, dedupKey: "fallback/1" });
    expect(await fixture.store.outbox.readByKey("fallback/2")).toBeNull();
  });

  it("an uncertain delivery counts once in the figures, however often it was tried and replayed", async () => {
    await using fixture = await open();
    const { outbox } = fixture.store;
    const id = await enqueueOne(fixture.store);
    const end = async (number: number, to: DeliveryStatus, outcome = anAttempt(id).outcome): Promise<void> => {
      await claimFrom(outbox);
      await outbox.settle(
        [aSettlement(id, { to, uncertain: true, attempt: anAttempt(id, { number, outcome }) })],
        LEASE,
      );
    };
    const unanswered = { kind: "retry", reason: "timeout", detail: "no answer", ambiguous: true } as const;
    await end(1, "queued", unanswered);
    await end(2, "dead", unanswered);
    await outbox.replay({ ids: [id] }, START_MS);
    await end(1, "delivered");

    expect(await outbox.stats({ nowMs: START_MS })).toMatchObject([
      { uncertain: 1, attempts: 3, counts: { delivered: 1, dead: 0 } },
    ]);
  });
}
