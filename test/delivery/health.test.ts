import { describe, expect, it } from "vitest";
import type { Outcome, Reason } from "../../src/channel/outcome.ts";
import type { DestinationHealth } from "../../src/delivery/delivery.ts";
import { gateOf, usedAgain, withRevision } from "../../src/delivery/gate.ts";
import {
  afterAttempt,
  afterLookAt,
  afterTime,
  type HealthStep,
  newHealth,
  nextCheckMs,
  type Seen,
} from "../../src/delivery/health.ts";
import { DELIVERED, NO_ANSWER, SERVER_ERROR } from "./rig.ts";

const NOW_MS = 1_767_225_600_000;
const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const RULES = { failingAfterMs: 15 * MINUTE_MS, tells: true };

const permanent = (reason: Reason, more: { disableBlock?: boolean } = {}): Outcome => ({
  kind: "permanent",
  reason,
  detail: `HTTP ${reason}`,
  ...more,
});
const seen = (outcome: Outcome, atMs = 0, fields: Partial<Seen> = {}): Seen => ({
  destination: "test/a",
  deliveryId: `d-${atMs}`,
  outcome,
  startedAtMs: NOW_MS + atMs,
  nowMs: NOW_MS + atMs,
  died: false,
  unsent: false,
  revision: 1,
  ...fields,
});

/** The steps of these attempts, one after the other. */
function steps(start: DestinationHealth | null, ...attempts: readonly Seen[]): (HealthStep | null)[] {
  let health = start;
  return attempts.map((attempt) => {
    const step = afterAttempt(health, attempt, RULES);
    health = step?.health ?? health;
    return step;
  });
}
const last = (...attempts: readonly Seen[]): HealthStep => {
  const step = steps(null, ...attempts).findLast((one) => one !== null);
  if (step == null) throw new Error("nothing changed");
  return step;
};

describe("the health of a destination", () => {
  it("is nothing to store while everything arrives", () => {
    expect(steps(null, seen(DELIVERED), seen(DELIVERED, MINUTE_MS))).toEqual([null, null]);
  });

  it("remembers the first failure until a delivery arrives", () => {
    const { health } = last(seen(SERVER_ERROR), seen(SERVER_ERROR, 5_000));
    expect(health).toMatchObject({ failingSinceMs: NOW_MS, memory: { lastFailure: "server: 500" } });

    expect(last(seen(SERVER_ERROR), seen(DELIVERED, 5_000)).health).toMatchObject({
      failingSinceMs: null,
      lastSuccessMs: NOW_MS + 5_000,
      consecutiveFailures: 0,
      memory: { lastFailure: null },
    });
  });

  it("remembers later successes once a minute only", () => {
    const { health } = last(seen(SERVER_ERROR), seen(DELIVERED, 0));

    const [soon, later] = steps(health, seen(DELIVERED, MINUTE_MS - 1), seen(DELIVERED, MINUTE_MS));

    expect(soon).toBeNull();
    expect(later).toMatchObject({ health: { lastSuccessMs: NOW_MS + MINUTE_MS }, signs: {} });
  });

  it.each(["invalid-payload", "too-large", "format", "partial"] as const)(
    "does not take a message's own fault (%s) for one of its destination",
    (reason) => {
      expect(steps(null, seen(permanent(reason)))).toEqual([null]);
    },
  );

  it.each(["auth", "forbidden", "not-found", "gone", "invalid-config", "blocked-address", "redirect"] as const)(
    "takes %s for a failure of the destination",
    (reason) => {
      expect(last(seen(permanent(reason))).health.failingSinceMs).toBe(NOW_MS);
    },
  );

  it("is failing, once, after the set time without a delivery", () => {
    const before = steps(null, seen(SERVER_ERROR), seen(SERVER_ERROR, 15 * MINUTE_MS - 1)).at(-1);
    expect(before?.signs).toEqual({});
    const at15 = seen(SERVER_ERROR, 15 * MINUTE_MS);

    const [, raised, again] = steps(null, seen(SERVER_ERROR), at15, seen(SERVER_ERROR, 16 * MINUTE_MS));

    expect(raised?.signs).toEqual({ failing: true, problem: { level: "failing", dead: 0 } });
    expect(again?.signs).toEqual({});
  });

  it("is failing also when nothing is attempted at that moment", () => {
    const { health } = last(seen(SERVER_ERROR));

    expect(nextCheckMs(health, RULES)).toBe(NOW_MS + 15 * MINUTE_MS);
    expect(afterTime(health, NOW_MS + 15 * MINUTE_MS - 1, RULES)).toBeNull();
    expect(afterTime(health, NOW_MS + 15 * MINUTE_MS, RULES)?.signs).toMatchObject({ failing: true });
  });

  it("has recovered when a delivery arrives after it was called failing, and not before", () => {
    expect(last(seen(SERVER_ERROR), seen(DELIVERED, MINUTE_MS)).signs).toEqual({});

    const long = [seen(SERVER_ERROR), seen(SERVER_ERROR, 15 * MINUTE_MS), seen(DELIVERED, 20 * MINUTE_MS)];
    expect(last(...long)).toMatchObject({
      signs: { recovered: true, recovery: true },
      health: { memory: { raisedMs: null, told: "nothing" } },
    });
  });

  it("raises its events also when nobody is to be told", () => {
    const quiet = { ...RULES, tells: false };
    const first = afterAttempt(null, seen(SERVER_ERROR), quiet);
    const second = afterAttempt(first?.health ?? null, seen(SERVER_ERROR, HOUR_MS, { died: true }), quiet);
    const third = afterAttempt(second?.health ?? null, seen(DELIVERED, 2 * HOUR_MS), quiet);

    expect([first, second, third].map((step) => step?.signs)).toEqual([{}, { failing: true }, { recovered: true }]);
  });
});

describe("telling people", () => {
  const dead = (atMs: number) => seen(permanent("invalid-payload"), atMs, { died: true });

  it("tells of a dead letter at once, and of further ones together an hour later at the earliest", () => {
    const all = steps(null, dead(0), dead(MINUTE_MS), dead(2 * MINUTE_MS));
    expect(all.map((step) => step?.signs)).toEqual([{ problem: { level: "nothing", dead: 1 } }, {}, {}]);
    const { health } = all.at(-1) ?? { health: null };

    expect(nextCheckMs(health, RULES)).toBe(NOW_MS + HOUR_MS);
    expect(afterTime(health, NOW_MS + HOUR_MS, RULES)).toMatchObject({
      signs: { problem: { level: "nothing", dead: 2 } },
      health: { memory: { untoldDead: 0 }, lastToldMs: NOW_MS + HOUR_MS },
    });
  });

  it("tells of the failing within the hour's message when a dead letter was told before", () => {
    const { health } = last(dead(0), seen(SERVER_ERROR, MINUTE_MS), seen(SERVER_ERROR, 17 * MINUTE_MS));
    expect(health.memory).toMatchObject({ told: "nothing", raisedMs: NOW_MS + 17 * MINUTE_MS });

    expect(afterTime(health, NOW_MS + HOUR_MS, RULES)?.signs).toEqual({ problem: { level: "failing", dead: 0 } });
  });

  it("does not tell of a recovery when nobody heard of the trouble", () => {
    const { signs } = last(
      dead(0),
      seen(SERVER_ERROR, MINUTE_MS),
      seen(SERVER_ERROR, 17 * MINUTE_MS),
      seen(DELIVERED, 18 * MINUTE_MS),
    );

    expect(signs).toEqual({ recovered: true });
  });

  it("tells of what was given up after the recovery too", () => {
    const { health } = last(dead(0), dead(MINUTE_MS), seen(DELIVERED, 2 * MINUTE_MS));

    expect(afterTime(health, NOW_MS + HOUR_MS, RULES)?.signs).toEqual({ problem: { level: "nothing", dead: 1 } });
  });
});

describe("a health that is ahead of the stored one when a look changes that", () => {
  const stored = { ...newHealth("test/a"), failingSinceMs: NOW_MS, givenUp: 3 };
  const untold = (dead: number) => ({ ...stored, memory: { ...stored.memory, untoldDead: dead } });
  const looked = {
    ...stored,
    lastToldMs: NOW_MS + 5,
    memory: { ...stored.memory, raisedMs: NOW_MS + 5, told: "failing" as const, givenUpSeen: 3, givenUpTold: 3 },
  };

  it("keeps its results, and takes over what was raised and told", () => {
    const kept = { ...untold(3), givenUp: 0, consecutiveFailures: 4 };

    expect(afterLookAt(kept, untold(2), looked)).toEqual({
      ...looked,
      consecutiveFailures: 4,
      memory: { ...looked.memory, untoldDead: 1 },
    });
  });

  it("is not in trouble again when it had recovered already", () => {
    const recovered = { ...untold(2), failingSinceMs: null };

    expect(afterLookAt(recovered, untold(2), looked)).toMatchObject({
      failingSinceMs: null,
      lastToldMs: NOW_MS + 5,
      memory: { raisedMs: null, told: "nothing", untoldDead: 0, givenUpSeen: 3, givenUpTold: 3 },
    });
  });
});

describe("a destination that refuses for good", () => {
  const refusals = (...atMs: readonly number[]) => atMs.map((at) => seen(permanent("auth"), at));

  it.each(["auth", "gone"] as const)("is disabled when three different deliveries in a row end so (%s)", (reason) => {
    const three = [0, 1, 2].map((at) => seen(permanent(reason), at));

    expect(last(...three.slice(0, 2)).health.disabledReason).toBeNull();
    expect(last(...three)).toMatchObject({
      health: { disabledReason: `${reason}: HTTP ${reason}`, memory: { disabledRevision: 1 } },
      signs: { disabled: true, problem: { level: "disabled", dead: 0 } },
    });
  });

  it("is disabled at once when the channel says that it is of no use any more", () => {
    expect(last(seen(permanent("gone", { disableBlock: true }))).signs).toMatchObject({ disabled: true });
  });

  it("is not disabled by the same delivery again and again, nor by other refusals", () => {
    const same = [0, 1, 2, 3].map((at) => seen(permanent("auth"), at, { deliveryId: "same" }));
    expect(last(...same).health.disabledReason).toBeNull();
    const others = [0, 1, 2, 3].map((at) => seen(permanent("forbidden"), at));
    expect(last(...others).health.disabledReason).toBeNull();
  });

  it.each([
    ["a delivery", DELIVERED],
    ["another end", permanent("not-found")],
  ])("begins to count anew after %s", (_, outcome) => {
    const mixed = [...refusals(0, 1), seen(outcome, 2), ...refusals(3, 4)];

    expect(last(...mixed).health.disabledReason).toBeNull();
  });

  it("goes on counting over a failure that is tried again", () => {
    expect(last(...refusals(0, 1), seen(NO_ANSWER, 2), ...refusals(3)).health.disabledReason).not.toBeNull();
  });

  const { health: disabled } = last(...refusals(0, 1, 2));
  const atMs = NOW_MS + 2;

  it("is tried with one delivery every fifteen minutes", () => {
    expect(gateOf(disabled, atMs)).toEqual({ kind: "none", why: "auth: HTTP auth" });
    expect(gateOf(disabled, atMs + 15 * MINUTE_MS)).toEqual({ kind: "one" });
    const [step] = steps(disabled, seen(permanent("auth"), 2 + 15 * MINUTE_MS));

    expect(gateOf(step?.health ?? null, atMs + 15 * MINUTE_MS)).toMatchObject({ kind: "none" });
    expect(gateOf(step?.health ?? null, atMs + 30 * MINUTE_MS)).toEqual({ kind: "one" });
    expect(step?.signs).toEqual({});
  });

  it("is not tried earlier or later because of what was not sent", () => {
    const [step] = steps(disabled, seen(permanent("auth"), MINUTE_MS, { unsent: true, died: true }));

    expect(step?.health.probeAtMs).toBe(disabled.probeAtMs);
    expect(step?.health.consecutiveRefusals).toBe(disabled.consecutiveRefusals);
  });

  it("is used again after a delivery that arrived", () => {
    const [step] = steps(disabled, seen(DELIVERED, 15 * MINUTE_MS + 2));

    expect(gateOf(step?.health ?? null, atMs)).toEqual({ kind: "all" });
    expect(step?.signs).toEqual({ recovered: true, recovery: true });
  });

  it("is used again when its block was saved anew, or when a person says so", () => {
    expect(withRevision(disabled, 1)).toBe(disabled);
    expect(gateOf(withRevision(disabled, 2), atMs)).toEqual({ kind: "all" });
    expect(gateOf(usedAgain(disabled), atMs)).toEqual({ kind: "all" });
  });

  it("is disabled anew when the new block is refused as well", () => {
    const fresh = withRevision(disabled, 2);
    const again = steps(fresh, ...[10, 11, 12].map((at) => seen(permanent("auth"), at, { revision: 2 })));

    expect(again.at(-1)?.signs).toMatchObject({ disabled: true });
  });
});

describe("a destination without trouble", () => {
  it("lets everything through and needs no look", () => {
    expect(gateOf(null, NOW_MS)).toEqual({ kind: "all" });
    expect(gateOf(newHealth("test/a"), NOW_MS)).toEqual({ kind: "all" });
    expect(nextCheckMs(null, RULES)).toBeNull();
    expect(nextCheckMs(newHealth("test/a"), RULES)).toBeNull();
  });
});
