import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { startWakeHeap } from "../../src/delivery/wake-heap.ts";
import { ManualClock } from "../support/manual-clock.ts";

function open() {
  const clock = new ManualClock();
  const startMs = clock.now();
  const woken: { destination: string; atMs: number }[] = [];
  const heap = startWakeHeap({
    clock,
    onDue: (destination) => void woken.push({ destination, atMs: clock.now() - startMs }),
  });
  return { clock, heap, woken, at: (ms: number) => startMs + ms };
}

describe("wake heap", () => {
  it("wakes each destination at each of its instants, in order", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.record({ destination: fc.constantFrom("a", "b", "c"), atMs: fc.integer({ min: 1, max: 5_000 }) })),
        async (wakes) => {
          const { clock, heap, woken, at } = open();
          for (const { destination, atMs } of wakes) heap.wake(destination, at(atMs));

          await clock.advance(5_000);

          const expected = new Set(wakes.map(({ destination, atMs }) => `${atMs} ${destination}`));
          expect(new Set(woken.map(({ destination, atMs }) => `${atMs} ${destination}`))).toEqual(expected);
          expect(woken).toHaveLength(expected.size);
          expect(woken.map(({ atMs }) => atMs)).toEqual(woken.map(({ atMs }) => atMs).toSorted((a, b) => a - b));
          expect(clock.pending.all).toBe(0);
        },
      ),
      { numRuns: 25 },
    );
  });

  it("calls back at once for what is due already", () => {
    const { heap, woken, at } = open();

    heap.wake("a", at(-5));

    expect(woken).toEqual([{ destination: "a", atMs: 0 }]);
  });

  it("uses one timer, which does not hold the process open", () => {
    const { clock, heap, at } = open();

    for (let n = 1; n <= 100; n += 1) heap.wake(`d${n}`, at(n * 1_000));

    expect(clock.pending).toEqual({ all: 1, keepAlive: 0 });
  });

  it("looks at the wall clock again every 30 s, so that a machine that slept is not late by the sleep", () => {
    const { clock, heap, at } = open();

    heap.wake("a", at(8 * 3_600_000));

    expect(clock.nextDueMs).toBe(30_000);
  });

  it("forgets everything when disposed", async () => {
    const { clock, heap, woken, at } = open();
    heap.wake("a", at(10));

    heap[Symbol.dispose]();
    await clock.advance(100);

    expect(woken).toEqual([]);
    expect(clock.pending.all).toBe(0);
  });
});
