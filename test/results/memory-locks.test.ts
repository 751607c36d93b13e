import { describe, expect, it } from "vitest";
import { memoryLocks } from "../../src/results/memory-locks.ts";
import { ManualClock } from "../support/manual-clock.ts";

describe("locks in memory", () => {
  it("are taken in the order of asking, and taken again by their holder", async () => {
    const locks = memoryLocks(new ManualClock());
    const order: string[] = [];
    const take = async (holder: string): Promise<void> => {
      await locks.acquire("k", holder);
      order.push(holder);
      await locks.acquire("k", holder);
      await locks.release("k", holder);
    };

    await Promise.all(["a", "b", "c"].map(take));

    expect(order).toEqual(["a", "b", "c"]);
  });

  it("time out, and leave no timer behind", async () => {
    const clock = new ManualClock();
    const locks = memoryLocks(clock);
    await locks.acquire("k", "a");
    const waiting = [locks.acquire("k", "b", { timeoutMs: 500 }), locks.waitFor("k", { timeoutMs: 500 })];
    const refused = Promise.allSettled(waiting);

    await clock.advance(500);

    expect(await refused).toMatchObject([
      { reason: { code: "lock_timeout", details: { key: "k", seconds: 0.5 } } },
      { reason: { code: "lock_timeout" } },
    ]);
    expect(clock.pending.all).toBe(0);
  });

  it("are not given back by somebody else", async () => {
    const locks = memoryLocks(new ManualClock());
    await locks.acquire("k", "a");

    await locks.release("k", "b");

    expect(await locks.isHolder("k", "a")).toBe(true);
    expect(await locks.isHolder("k", "b")).toBe(false);
    expect(await locks.isHolder("other", "a")).toBe(false);
  });

  it("stop being waited for when the signal is aborted, before or meanwhile", async () => {
    const clock = new ManualClock();
    const locks = memoryLocks(clock);
    await locks.acquire("k", "a");
    const controller = new AbortController();
    const waiting = locks.acquire("k", "b", { signal: controller.signal, timeoutMs: 10 });
    const refused = waiting.catch((error: unknown) => error);

    controller.abort("enough");

    expect(await refused).toBe("enough");
    await expect(locks.waitFor("k", { signal: controller.signal })).rejects.toBe("enough");
    expect(clock.pending.all).toBe(0);
  });

  it("can be waited for", async () => {
    const locks = memoryLocks(new ManualClock());
    await locks.waitFor("k");
    await locks.acquire("k", "a");
    const waiting = locks.waitFor("k");

    await locks.release("k", "a");
    await waiting;

    expect(await locks.isHolder("k", "a")).toBe(false);
  });
});
