import { describe, expect, it } from "vitest";
import { isKillPoint, KILL_POINTS } from "../../src/base/kill-points.ts";
import { FIRST_POINTS, FIRST_SEND_POINTS, parts } from "../../src/cli/prove/casting.ts";
import { seededRandom } from "../../src/cli/prove/seeded.ts";
import { shiftedClock } from "../../src/cli/prove/shifted-clock.ts";
import { readKillAt } from "../../src/config/prove-env.ts";
import { cli } from "../support/cli.ts";
import { sourceFiles } from "../support/source-files.ts";

describe("kill points", () => {
  it("are at least thirty, and each stands at one place of the product", () => {
    const places = sourceFiles("src").flatMap(({ text }) =>
      [...text.matchAll(/\bkillPoint\("([^"]+)"\)/g)].map((match) => match[1] ?? ""),
    );

    expect(KILL_POINTS.length).toBeGreaterThanOrEqual(30);
    expect(places.toSorted()).toEqual(KILL_POINTS.toSorted());
  });

  it("are named by the environment with the time of their hit, and anything else is no point", () => {
    const read = (text: string) => readKillAt({ BELLHOP_PROVE_KILL_AT: text });

    expect(read("claim:after#3")).toEqual({ point: "claim:after", hit: 3 });
    expect(read("claim:after")).toEqual({ point: "claim:after", hit: 1 });
    for (const text of ["", "claim", "claim:after#0", "claim:after#x", "nowhere#1"]) expect(read(text)).toBeNull();
    expect(isKillPoint("claim:after")).toBe(true);
  });
});

describe("casting", () => {
  it("deals out the same parts for the same seed", () => {
    const deal = (seed: number) => {
      const dealt = parts(seededRandom(seed));
      return Array.from({ length: 20 }, () => dealt.next().value);
    };

    expect(deal(7)).toEqual(deal(7));
    expect(deal(7)).not.toEqual(deal(8));
  });

  it("comes to every point within 300 parts, those of the prelude apart", () => {
    const dealt = parts(seededRandom(1));
    const seen = new Set(Array.from({ length: 300 }, () => dealt.next().value?.at?.point));
    const prelude: ReadonlySet<string> = new Set([...FIRST_POINTS, ...FIRST_SEND_POINTS]);

    expect(KILL_POINTS.filter((point) => !seen.has(point) && !prelude.has(point))).toEqual([]);
  });
});

describe("a shifted clock", () => {
  it("is ahead or behind, can be set, and waits as long as any other", () => {
    const clock = shiftedClock({ offsetMs: 3_600_000 });
    const [real, waited] = [shiftedClock({ offsetMs: 0 }), clock.monotonic()];

    expect(Math.round((clock.now() - real.now()) / 60_000)).toBe(60);
    clock.jump(-7_200_000);
    expect(Math.round((clock.now() - real.now()) / 60_000)).toBe(-60);
    expect(clock.monotonic()).toBeGreaterThanOrEqual(waited);
    const [first, second] = [clock.nowMicros(), clock.nowMicros()];
    expect(second).toBeGreaterThan(first);
  });
});

describe("bellhop prove", () => {
  it.each(["--kills", "--seconds", "--seed"])("wants a number after %s", async (option) => {
    const { code, stderr } = await cli(["prove", option, "many"]);

    expect(code).toBe(2);
    expect(stderr).toContain(`${option} takes a whole number`);
  });
});
