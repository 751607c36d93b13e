import { getEventListeners } from "node:events";
import { describe, expect, it } from "vitest";
import { ExchangeWatch, type Stoppable } from "../../src/channel/exchange-watch.ts";
import { ManualClock } from "../support/manual-clock.ts";

function rig() {
  const clock = new ManualClock();
  const watch = new ExchangeWatch(clock);
  const stopped: string[] = [];
  const start = (name: string, withinMs: number, signal?: AbortSignal): Stoppable => {
    const exchange: Stoppable = {
      deadlineMs: clock.monotonic() + withinMs,
      signal,
      stop: (by) => {
        stopped.push(`${name} by ${by}`);
        watch.remove(exchange);
      },
    };
    watch.add(exchange);
    return exchange;
  };
  return { clock, watch, stopped, start };
}

describe("the watch over exchanges", () => {
  it("stops each at its own deadline, also one that began later and ends earlier", async () => {
    const { clock, stopped, start } = rig();
    start("long", 5_000);
    start("short", 1_000);
    start("middle", 3_000);

    await clock.advance(1_000);
    expect(stopped).toEqual(["short by deadline"]);
    await clock.advance(1_999);
    expect(stopped).toHaveLength(1);
    await clock.advance(1);
    expect(stopped.at(-1)).toBe("middle by deadline");
    await clock.advance(2_000);
    expect(stopped.at(-1)).toBe("long by deadline");
  });

  it("serves many with one timer, and holds none when nothing is out", () => {
    const { clock, watch, start } = rig();
    const all = Array.from({ length: 100 }, (_, index) => start(String(index), 15_000));
    expect(clock.pending.all).toBe(1);
    for (const exchange of all) watch.remove(exchange);
    expect(clock.pending.all).toBe(0);
  });

  it("goes on watching what came while an earlier one was out", async () => {
    const { clock, watch, stopped, start } = rig();
    const first = start("first", 1_000);
    await clock.advance(500);
    start("second", 1_000);
    watch.remove(first);

    await clock.advance(999);
    expect(stopped).toEqual([]);
    await clock.advance(1);
    expect(stopped).toEqual(["second by deadline"]);
  });

  it("stops all of a caller at once with one listener, and leaves none behind", () => {
    const { watch, stopped, start } = rig();
    const [caller, other] = [new AbortController(), new AbortController()];
    start("a", 1_000, caller.signal);
    start("b", 1_000, caller.signal);
    const kept = start("c", 1_000, other.signal);
    expect(getEventListeners(caller.signal, "abort")).toHaveLength(1);

    caller.abort();

    expect(stopped).toEqual(["a by caller", "b by caller"]);
    expect(getEventListeners(caller.signal, "abort")).toHaveLength(0);
    watch.remove(kept);
    expect(getEventListeners(other.signal, "abort")).toHaveLength(0);
  });

  it("stops all when the client is closed", () => {
    const { watch, stopped, start } = rig();
    start("a", 1_000);
    start("b", 1_000, new AbortController().signal);
    watch.stopAll("shutdown");
    expect(stopped).toEqual(["a by shutdown", "b by shutdown"]);
  });
});
