import { describe, expect, it } from "vitest";
import { newHealth } from "../../src/delivery/health.ts";
import type { OutboxStore } from "../../src/delivery/outbox-store.ts";
import type { StoreOpener } from "../support/store-fixture.ts";
import { aRequest } from "../support/store-records.ts";
import { at, claimFrom, enqueue, enqueueOne, idsOf, LEASE, OPS } from "./outbox-kit.ts";

const END = { to: "dead", reason: "expired", detail: "too old" } as const;

/** The process that sends it ends, until the delivery is given up. */
async function kill(outbox: OutboxStore, id: string): Promise<void> {
  for (let ends = 0; (await outbox.read(id))?.status !== "dead"; ends += 1) {
    const nowMs = at(ends * 60_000);
    const [claimed] = await claimFrom(outbox, { nowMs, limit: 1 });
    if (claimed?.isSuspect === true) await outbox.begin(claimed.id, LEASE);
    await outbox.recover(LEASE, nowMs);
  }
}

/** What ends without the result of an attempt. */
export function outboxGivenUpSuite(open: StoreOpener): void {
  describe("what is too old", () => {
    it("is read in order of arrival, whatever its severity and due time, as far as it was created by then", async () => {
      await using fixture = await open();
      const { outbox } = fixture.store;
      const ids = idsOf(
        await enqueue(
          fixture.store,
          { severity: "info", createdAtMs: at(0) },
          { severity: "critical", createdAtMs: at(10) },
          { severity: "error", createdAtMs: at(20) },
          { severity: "critical", createdAtMs: at(30) },
          { destination: "inbox/other", createdAtMs: at(0) },
        ),
      );
      const [held] = await claimFrom(outbox, { nowMs: at(20), limit: 1 });
      const read = async (createdUntilMs: number, limit = 200) =>
        idsOf(await outbox.overdue({ destination: OPS, createdUntilMs, limit }));

      // What is being sent is not looked at.
      expect(held?.id).toBe(ids[1]);
      expect(await read(at(20))).toEqual([ids[0], ids[2]]);
      await outbox.release([held?.id ?? ""], at(99_000), LEASE);
      expect(await read(at(20))).toEqual(ids.slice(0, 3));
      expect(await read(at(20), 2)).toEqual(ids.slice(0, 2));
      expect(await read(at(-1))).toEqual([]);
      expect(await outbox.overdue({ destination: OPS, createdUntilMs: at(30), limit: 1 })).toMatchObject([
        { status: "queued", payload: aRequest().payload },
      ]);
    });
  });

  describe("what is given up without an attempt", () => {
    it("is counted with the health of its destination, each once", async () => {
      await using fixture = await open();
      const { outbox } = fixture.store;
      const ids = idsOf(await enqueue(fixture.store, {}, {}, {}, { destination: "inbox/other" }));
      await outbox.retire(ids.slice(0, 1), { ...END, to: "suppressed" }, null);
      expect(await outbox.readHealth(OPS)).toBeNull();

      await outbox.retire(ids, END, null);
      await outbox.retire(ids, END, null);

      expect(await outbox.readHealth(OPS)).toEqual({ ...newHealth(OPS), givenUp: 2 });
      expect(await outbox.readHealth("inbox/other")).toEqual({ ...newHealth("inbox/other"), givenUp: 1 });
    });

    it("stays counted when an older health is written", async () => {
      await using fixture = await open();
      const { outbox } = fixture.store;
      const id = await enqueueOne(fixture.store);
      await outbox.retire([id], END, null);

      await outbox.writeHealth({ ...newHealth(OPS), consecutiveFailures: 2 });

      expect(await outbox.readHealth(OPS)).toMatchObject({ givenUp: 1, consecutiveFailures: 2 });
    });

    it("is found by who looks for what processes gave up by ending, until something was sent in its place", async () => {
      await using fixture = await open();
      const { outbox } = fixture.store;
      const [first = "", second = "", other = ""] = idsOf(
        await enqueue(fixture.store, { subject: "a" }, { subject: "a" }, { subject: "a" }),
      );
      await kill(outbox, first);
      await kill(outbox, second);
      await outbox.retire([other], END, null);

      expect(idsOf(await outbox.lost(OPS, 10))).toEqual([first, second]);
      expect((await outbox.readHealth(OPS))?.givenUp).toBe(3);
      await enqueue(fixture.store, { dedupKey: `fallback/${first}`, destination: "inbox/other" });
      expect(idsOf(await outbox.lost(OPS, 10))).toEqual([second]);
      await outbox.replay({ ids: [second] }, at(0));
      expect(await outbox.lost(OPS, 10)).toEqual([]);
    });
  });

  it("a replay is noted with the health of its destination, where there is one", async () => {
    await using fixture = await open();
    const { outbox } = fixture.store;
    const id = await enqueueOne(fixture.store);
    await outbox.retire([id], { ...END, to: "suppressed" }, null);
    await outbox.replay({ ids: [id] }, at(5));
    expect(await outbox.readHealth(OPS)).toBeNull();

    await outbox.retire([id], END, null);
    await outbox.replay({ ids: [id] }, at(7));
    await outbox.writeHealth(newHealth(OPS));

    expect(await outbox.readHealth(OPS)).toMatchObject({ replayedAtMs: at(7), disabledReason: null, probeAtMs: null });
  });
}
