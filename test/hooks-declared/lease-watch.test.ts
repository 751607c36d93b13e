import { describe, expect, it } from "vitest";
import { newId } from "../../src/base/ids.ts";
import { loadConfig } from "../../src/config/load.ts";
import { deadAmong, LeaseWatch } from "../../src/hooks/lease-watch.ts";
import { openHub } from "../../src/hub.ts";
import type { Lease } from "../../src/runs/lease-store.ts";
import { flowRun } from "../delivery/rig.ts";
import { ManualClock } from "../support/manual-clock.ts";
import { openTwoHubs, type TwoHubs } from "../support/two-hubs.ts";

const HOUR_MS = 3_600_000;
const NOW_MS = Date.UTC(2026, 0, 1);

/** Between two heartbeats, milliseconds. */
const BEAT_MS = 5_000;

const APART = [
  { name: "an hour ahead", aheadMs: HOUR_MS },
  { name: "an hour behind", aheadMs: -HOUR_MS },
];

const aLease = (heartbeatAtMs: number): Lease => ({
  id: newId(),
  pid: 4_711,
  host: "elsewhere",
  bootId: "b",
  startedAtMs: heartbeatAtMs,
  heartbeatAtMs,
});

/** A process on another machine, whose clock is the other one, with a run that it executes. */
async function startElsewhere({ store, other }: TwoHubs): Promise<{ readonly id: string; readonly runId: string }> {
  const lease = aLease(other.clock.now());
  await store.leases.acquire(lease);
  const run = flowRun({ leaseId: lease.id, createdMicros: other.clock.nowMicros() });
  await store.runs.commit({ run, state: run.state, follows: null, requests: [] });
  return { id: lease.id, runId: run.id };
}

describe.each(APART)("a process on a machine whose clock is $name", ({ aheadMs }) => {
  async function open() {
    const clocks = [new ManualClock(NOW_MS), new ManualClock(NOW_MS + aheadMs)] as const;
    const two = await openTwoHubs({}, ...clocks);
    const elsewhere = await startElsewhere(two);
    return {
      two,
      elsewhere,
      pass: async (ms: number, { isBeating }: { readonly isBeating: boolean }) => {
        for (let passed = 0; passed < ms; passed += BEAT_MS) {
          for (const clock of clocks) await clock.advance(BEAT_MS);
          if (isBeating) await two.store.leases.beat(elsewhere.id, clocks[1].now());
          await clocks[0].settle(20);
        }
      },
      typeNow: async () => (await two.store.runs.readFlowRun(elsewhere.runId))?.state.type,
      [Symbol.asyncDispose]: () => two[Symbol.asyncDispose](),
    };
  }

  it("is left alone while it gives signs of life, by those who live, who start, and who are asked to sweep", async () => {
    await using test = await open();
    await test.pass(3 * 60_000, { isBeating: true });

    const swept = await test.two.owner.sweep();
    const { home, clock } = test.two;
    await using late = await openHub(loadConfig({ flags: { home, keychain: "off" }, env: {} }), { clock });
    await late.drain();

    expect(swept).toMatchObject({ leases: 0, crashed: [] });
    expect(await test.typeNow()).toBe("RUNNING");
  });

  it("is found dead after 30 s without one, by the clock of whoever looks", async () => {
    await using test = await open();
    await test.pass(60_000, { isBeating: true });
    expect(await test.typeNow()).toBe("RUNNING");

    await test.pass(65_000, { isBeating: false });

    expect(await test.typeNow()).toBe("CRASHED");
  });
});

it("a process that is asked to sweep goes by the clocks where it has not watched for long enough", async () => {
  await using two = await openTwoHubs();
  const { runId } = await startElsewhere(two);
  await two.clock.advance(31_000);
  await two.clock.settle(20);
  expect((await two.store.runs.readFlowRun(runId))?.state.type).toBe("RUNNING");

  const swept = await two.owner.sweep();

  expect(swept).toMatchObject({ leases: 1, crashed: [runId] });
});

describe("a look at heartbeats", () => {
  const known = { isAlive: () => undefined };
  const isDead = (lease: Lease, looking: Omit<Parameters<typeof deadAmong>[1], "isAlive">): boolean =>
    deadAmong([lease], { ...looking, ...known }).length > 0;

  it.each([
    ["lies in the future", HOUR_MS, false],
    ["is 30 s old", -30_000, false],
    ["is older than 30 s", -30_001, true],
  ])("that goes by the clocks, at one that %s", (_name, atMs, expected) => {
    const clock = new ManualClock();

    expect(isDead(aLease(clock.now() + atMs), { clock })).toBe(expected);
  });

  it.each([
    ["is not decided by the clocks at first sight", HOUR_MS, false],
    ["needs none where no clock can be that wrong", 25 * HOUR_MS, true],
  ])("that is repeated %s", (_name, ageMs, expected) => {
    const clock = new ManualClock();

    expect(isDead(aLease(clock.now() - ageMs), { clock, watch: new LeaseWatch(clock) })).toBe(expected);
  });

  it("counts from the last change, and only what is the same all the time", async () => {
    const clock = new ManualClock();
    const watch = new LeaseWatch(clock);
    const lease = aLease(clock.now());
    const look = (heartbeatAtMs: number) => isDead({ ...lease, heartbeatAtMs }, { clock, watch });

    expect(look(1_000)).toBe(true);
    expect(look(clock.now() + 1)).toBe(false);
    await clock.advance(29_999);
    // The clock of the process was set back meanwhile.
    expect(look(clock.now() - HOUR_MS)).toBe(false);
    const setBackMs = clock.now() - HOUR_MS;
    await clock.advance(29_999);
    expect(look(setBackMs)).toBe(false);
    await clock.advance(1);
    expect(look(setBackMs)).toBe(true);
  });

  it("trusts what it saw more than the clocks, and the clocks where it saw nothing yet", async () => {
    const clock = new ManualClock();
    const watch = new LeaseWatch(clock);
    const asked = { clock, watch, byClocks: true };
    const lease = aLease(clock.now() - HOUR_MS);

    expect(isDead(lease, { clock, watch })).toBe(false);
    expect(isDead(lease, asked)).toBe(true);
    expect(isDead({ ...lease, heartbeatAtMs: lease.heartbeatAtMs + BEAT_MS }, asked)).toBe(false);
  });

  it("forgets a process that is gone", async () => {
    const clock = new ManualClock();
    const watch = new LeaseWatch(clock);
    const lease = aLease(clock.now());
    watch.look([lease]);
    watch.look([]);
    await clock.advance(60_000);
    watch.look([lease]);

    expect(watch.standing(lease)).toBe("unknown");
  });

  it("does not matter where the process can be seen", async () => {
    const clock = new ManualClock();
    const watch = new LeaseWatch(clock);
    const [seen, gone] = [aLease(clock.now()), aLease(clock.now())];
    const look = () => deadAmong([seen, gone], { clock, watch, isAlive: ({ id }) => id === seen.id });

    expect(look()).toEqual([gone]);
    await clock.advance(60_000);
    expect(look()).toEqual([gone]);
  });
});
