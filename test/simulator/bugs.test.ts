import { describe, expect, it } from "vitest";
import { type Bug, BUGS } from "./sabotage.ts";
import { NO_FAULTS } from "./plan.ts";
import { simulate } from "./simulate.ts";

/** Seeds that are tried until the bug shows. */
const SEEDS = 12;

const cases: readonly (readonly [string, Bug])[] = Object.entries(BUGS);

describe("the checker of the simulator", () => {
  it.each(cases)("finds %s", async (_name, { promise, needs, plant }) => {
    const faults = { ...NO_FAULTS, ...Object.fromEntries(needs.map((need) => [need, true])) };
    const found = new Set<number>();
    for (let seed = 1; seed <= SEEDS && !found.has(promise); seed += 1) {
      const { violations } = await simulate({ seed: `bug ${seed}`, steps: 25, faults, sabotage: plant() });
      for (const violation of violations) found.add(violation.promise);
    }
    expect([...found]).toContain(promise);
  });

  it("finds nothing where nothing is planted", async () => {
    for (const faults of [NO_FAULTS, { ...NO_FAULTS, destinations: true }]) {
      const { violations, stats } = await simulate({ seed: "no bug", steps: 25, faults });
      expect(violations).toEqual([]);
      expect(stats.enqueued).toBeGreaterThan(20);
    }
  });
});
