import { describe, expect, it } from "vitest";
import { TaskSlots } from "../../src/engine/task-slots.ts";
import { ManualClock } from "../support/manual-clock.ts";

const now = (slot: Disposable | Promise<Disposable>): Disposable => {
  if (slot instanceof Promise) throw new Error("no slot was free");
  return slot;
};

describe("the slots of a flow run", () => {
  it("are given at once while some are free, then in line", async () => {
    const slots = new TaskSlots(2);
    const [first, second] = [now(slots.acquire()), now(slots.acquire())];
    const order: string[] = [];
    const waiting = ["third", "fourth"].map(async (name) => {
      const slot = await slots.acquire();
      order.push(name);
      return slot;
    });

    second[Symbol.dispose]();
    await new ManualClock().settle();
    const early = [...order];
    first[Symbol.dispose]();
    for (const slot of await Promise.all(waiting)) slot[Symbol.dispose]();

    expect(early).toEqual(["third"]);
    expect(order).toEqual(["third", "fourth"]);
    expect([now(slots.acquire()), now(slots.acquire())]).toHaveLength(2);
    expect(slots.acquire()).toBeInstanceOf(Promise);
  });

  it("are given back once, however often that is said", () => {
    const slots = new TaskSlots(1);
    const slot = now(slots.acquire());

    slot[Symbol.dispose]();
    slot[Symbol.dispose]();
    now(slots.acquire());

    expect(slots.acquire()).toBeInstanceOf(Promise);
  });

  it("are not waited for any longer when the signal is aborted, and the line moves up", async () => {
    const slots = new TaskSlots(1);
    const slot = now(slots.acquire());
    const controller = new AbortController();
    const leaving = slots.acquire(controller.signal);
    const staying = slots.acquire(new AbortController().signal);
    const reason = new Error("stop");

    controller.abort(reason);
    slot[Symbol.dispose]();

    await expect(leaving).rejects.toBe(reason);
    await expect(slots.acquire(controller.signal)).rejects.toBe(reason);
    (await staying)[Symbol.dispose]();
    now(slots.acquire());
  });
});
