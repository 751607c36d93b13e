import { randomInt } from "node:crypto";
import { describe, expect, it } from "vitest";
import { DEFAULT_STEPS, type Report, simulate } from "./simulate.ts";
import type { Stats } from "./stats.ts";

/** Simulations of every test run; more by `node test/simulator/run.ts --seeds 1000`. */
const FIXED_SEEDS = 20;

const { BELLHOP_SIM_SEED: REPLAYED, BELLHOP_SIM_STEPS: STEPS = String(DEFAULT_STEPS) } = process.env;

/** What a failed simulation says, with the command that does the same again. */
const complaintsOf = ({ seed, steps, hash, violations }: Report): string[] =>
  violations.length === 0
    ? []
    : [
        `BELLHOP_SIM_SEED=${seed} BELLHOP_SIM_STEPS=${steps} npx vitest run test/simulator -t replay (history ${hash})`,
        ...violations.map(({ promise, what }) => `promise ${promise}: ${what}`),
      ];

describe("the simulator", () => {
  it("does the same again for the same seed, and something else for another one", async () => {
    const hashes = new Set<string>();
    for (const seed of ["twice 1", "twice 2", "twice 3"]) {
      const first = await simulate({ seed, steps: 40 });
      const again = await simulate({ seed, steps: 40 });
      expect(again.lines()).toEqual(first.lines());
      expect(again.hash).toBe(first.hash);
      hashes.add(first.hash);
    }
    expect(hashes.size).toBe(3);
  });

  it("sees every promise kept, whatever goes wrong", async () => {
    const total: Partial<Record<keyof Stats, number>> = {};
    for (let seed = 1; seed <= FIXED_SEEDS; seed += 1) {
      const report = await simulate({ seed: String(seed) });
      expect(complaintsOf(report)).toEqual([]);
      // A report's own statistics are its keys.
      for (const name of Object.keys(report.stats) as (keyof Stats)[])
        total[name] = (total[name] ?? 0) + report.stats[name];
    }
    // Without these, nothing of note has happened.
    expect(total.enqueued).toBeGreaterThan(1_000);
    const { dead, suppressed, uncertain, duplicated, deaths, recoveries } = total;
    for (const count of [dead, suppressed, uncertain, duplicated, deaths, recoveries]) expect(count).toBeGreaterThan(0);
  });

  it("sees every promise kept by processes that are taken for dead and come back", async () => {
    let undead = 0;
    const faults = { destinations: true, freezes: true, deaths: true, clocks: true };
    for (let seed = 1; seed <= 12; seed += 1) {
      const report = await simulate({ seed: `undead ${seed}`, faults });
      expect(complaintsOf(report)).toEqual([]);
      undead += report.stats.undead;
    }
    expect(undead).toBeGreaterThan(0);
  });

  it("sees every promise kept in a simulation that nobody has seen before", async () => {
    const report = await simulate({ seed: String(randomInt(1_000_000, 1_000_000_000)) });
    expect(complaintsOf(report)).toEqual([]);
  });

  it.runIf(REPLAYED !== undefined)("replays a simulation", async () => {
    const report = await simulate({ seed: REPLAYED ?? "", steps: Number(STEPS) });
    expect(complaintsOf(report)).toEqual([]);
  });
});
