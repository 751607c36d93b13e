import { describe, expect, it } from "vitest";
import type { Settlement } from "../../src/delivery/delivery.ts";
import type { OutboxStore } from "../../src/delivery/outbox-store.ts";
import { SettleQueue } from "../../src/delivery/settle-queue.ts";
import { ManualClock } from "../support/manual-clock.ts";
import { aSettlement } from "../support/store-records.ts";
import { memoryLog, seededRandom } from "./rig.ts";

/** A queue before a store that only counts, while one attempt of the process is out. */
function rig() {
  const clock = new ManualClock();
  const batches: number[] = [];
  const settle = async (settlements: readonly Settlement[]): Promise<void> => void batches.push(settlements.length);
  // Nothing else of the port is used.
  const outbox = { settle } as Partial<OutboxStore> as OutboxStore;
  const traffic = { out: 1, destinations: 1 };
  const parts = { outbox, clock, random: seededRandom(), log: memoryLog(), traffic, leaseId: "L" };
  const queue = new SettleQueue(parts);
  const push = (count: number) => Array.from({ length: count }, (_, index) => queue.push(aSettlement(`d-${index}`)));
  return { clock, batches, traffic, queue, push };
}

describe("results of attempts", () => {
  it("gather while other attempts are out, for twenty milliseconds at most", async () => {
    const { clock, batches, push } = rig();
    const written = push(3);
    await clock.advance(19);
    expect(batches).toEqual([]);
    await clock.advance(1);
    expect(batches).toEqual([3]);
    expect(await Promise.all(written)).toEqual([true, true, true]);
  });

  it("gather longer, and more of them, while many destinations are worked on", async () => {
    const { clock, batches, traffic, push } = rig();
    traffic.destinations = 32;
    const written = push(300);
    await clock.advance(49);
    expect(batches).toEqual([]);
    await clock.advance(1);
    expect(batches).toEqual([300]);
    await Promise.all([...written, ...push(512)]);
    expect(batches).toEqual([300, 512]);
  });

  it("are written in the same turn as whatever else is written", async () => {
    const { clock, batches, queue, push } = rig();
    const written = push(3);
    await clock.settle(5);
    queue.flush();
    await Promise.all(written);
    expect(batches).toEqual([3]);
    expect(clock.pending.all).toBe(0);
  });

  it("are written at once when nothing else is out, or when many have gathered", async () => {
    const { batches, traffic, push } = rig();
    await Promise.all(push(256));
    expect(batches).toEqual([256]);
    traffic.out = 0;
    await Promise.all(push(1));
    expect(batches).toEqual([256, 1]);
  });

  it("are written when the dispatcher closes, without waiting", async () => {
    const { batches, queue, push } = rig();
    const written = push(2);
    await queue[Symbol.asyncDispose]();
    expect(await Promise.all(written)).toEqual([true, true]);
    expect(batches).toEqual([2]);
  });
});
