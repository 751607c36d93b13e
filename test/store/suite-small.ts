import { describe, expect, it } from "vitest";
import { errorCode } from "../../src/base/errors.ts";
import { newId } from "../../src/base/ids.ts";
import type { InboxMessage } from "../../src/channel/inbox-store.ts";
import type { Lease } from "../../src/runs/lease-store.ts";
import type { StoreOpener } from "../support/store-fixture.ts";
import { START_MS } from "../support/store-records.ts";

const aLease = (values: Partial<Lease> = {}): Lease => ({
  id: newId(),
  pid: 4_711,
  host: "here",
  bootId: "boot-1",
  startedAtMs: START_MS,
  heartbeatAtMs: START_MS,
  ...values,
});

/** What every lease store must do. */
export function leaseStoreSuite(open: StoreOpener): void {
  describe("leases", () => {
    it("lists the other living processes, oldest first", async () => {
      await using fixture = await open();
      const { leases } = fixture.store;
      const [mine, first, second] = [aLease(), aLease({ pid: 1 }), aLease({ pid: 2 })];
      for (const lease of [first, mine, second]) await leases.acquire(lease);

      expect(await leases.others(mine.id)).toEqual([first, second]);
    });

    it("shows heartbeats to other processes", async () => {
      await using fixture = await open();
      const other = await fixture.beside();
      const lease = aLease();
      await fixture.store.leases.acquire(lease);

      await fixture.store.leases.beat(lease.id, START_MS + 5_000);

      expect(await other.leases.others(newId())).toEqual([{ ...lease, heartbeatAtMs: START_MS + 5_000 }]);
    });

    it("lets exactly one of several processes remove a lease", async () => {
      await using fixture = await open();
      const other = await fixture.beside();
      const lease = aLease();
      await fixture.store.leases.acquire(lease);

      const removed = await Promise.all(
        [fixture.store, other, fixture.store].map((store) => store.leases.remove(lease.id)),
      );

      expect(removed.filter(Boolean)).toHaveLength(1);
    });

    it("tells a process that its lease is gone when it beats", async () => {
      await using fixture = await open();
      const { leases } = fixture.store;
      const lease = aLease();
      await leases.acquire(lease);
      await leases.remove(lease.id);

      expect(await leases.beat(lease.id, START_MS).catch(errorCode)).toBe("lease_lost");
    });

    it("removes a lease before an exit returns", async () => {
      await using fixture = await open();
      const { leases } = fixture.store;
      const lease = aLease();
      await leases.acquire(lease);

      leases.removeSync(lease.id);

      expect(await leases.others(newId())).toEqual([]);
    });
  });
}

const aMessage = (values: Partial<InboxMessage> = {}): InboxMessage => ({
  id: newId(),
  inbox: "inbox/dev",
  title: "Nightly",
  body: "Nightly failed",
  receivedAtMs: START_MS,
  ...values,
});

/** What every inbox store must do. */
export function inboxStoreSuite(open: StoreOpener): void {
  describe("inbox", () => {
    it("lists messages newest first, of one inbox or of all", async () => {
      await using fixture = await open();
      const { inbox } = fixture.store;
      const [first, second, third] = [
        aMessage(),
        aMessage({ inbox: "inbox/other" }),
        aMessage({ receivedAtMs: START_MS + 1 }),
      ];
      for (const message of [first, second, third]) await inbox.keep(message);

      expect(await inbox.list()).toEqual([third, second, first]);
      expect(await inbox.list({ inbox: "inbox/dev" })).toEqual([third, first]);
      expect(await inbox.list({ limit: 1 })).toEqual([third]);
    });

    it("keeps a message that comes twice once", async () => {
      await using fixture = await open();
      const { inbox } = fixture.store;
      const message = aMessage();

      await inbox.keep(message);
      await inbox.keep(message);

      expect(await inbox.list()).toEqual([message]);
    });

    it("clears one inbox or all, and says how many messages went", async () => {
      await using fixture = await open();
      const { inbox } = fixture.store;
      for (const name of ["inbox/dev", "inbox/dev", "inbox/other", "inbox/third"])
        await inbox.keep(aMessage({ inbox: name }));

      expect(await inbox.clear("inbox/dev")).toBe(2);
      expect(await inbox.clear()).toBe(2);
      expect(await inbox.list()).toEqual([]);
    });
  });
}
