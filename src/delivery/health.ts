import type { Outcome, Reason } from "../channel/outcome.ts";
import { breakerAfter, CLOSED } from "./breaker.ts";
import type { DestinationHealth } from "./delivery.ts";
import { TEST_EVERY_MS } from "./gate.ts";

/** Refusals for good, of different deliveries in a row, after which a destination is not used any more. */
const DISABLED_AFTER = 3;

/** How exactly the last success is remembered while all is well. */
const SUCCESS_EVERY_MS = 60_000;

/** Least time between two messages to people about the trouble of one destination. */
const TOLD_EVERY_MS = 3_600_000;

/** Longest part of a failure that is remembered. Unit: UTF-16 units. */
const FAILURE_CHARS = 300;

/** These say something about the message, or about us, and nothing about the destination. */
const NO_FAILURE: ReadonlySet<Reason> = new Set<Reason>([
  "invalid-payload",
  "too-large",
  "format",
  "partial",
  "cancelled",
  "process-ended",
]);

const REFUSALS: ReadonlySet<Reason> = new Set<Reason>(["auth", "gone"]);

export interface HealthRules {
  /** A destination that delivers nothing for this long, though it is tried, is failing. */
  readonly failingAfterMs: number;
  /** People are told of the trouble of this destination. */
  readonly tells: boolean;
}

/** An attempt, as the health of its destination sees it. */
export interface Seen {
  readonly destination: string;
  readonly deliveryId: string;
  readonly outcome: Outcome;
  /** When the attempt began. */
  readonly startedAtMs: number;
  readonly nowMs: number;
  /** The delivery was given up. */
  readonly died: boolean;
  /** Nothing was sent, because the destination is disabled or the message may have arrived before. */
  readonly unsent: boolean;
  /** Revision of the block that was used; null: it could not be loaded. */
  readonly revision: number | null;
}

/** What a change of health gives to tell. */
export interface Signs {
  readonly failing?: true;
  readonly disabled?: true;
  readonly recovered?: true;
  /** For people: what is wrong, and how many deliveries were given up since they were last told. */
  readonly problem?: { readonly level: Level; readonly dead: number };
  /** For people, who were told that something is wrong. */
  readonly recovery?: true;
}

export type Level = DestinationHealth["memory"]["told"];

/** A health and what there is to tell of it. */
export interface HealthStep {
  readonly health: DestinationHealth;
  readonly signs: Signs;
}

export const newHealth = (destination: string): DestinationHealth => ({
  destination,
  ...CLOSED,
  consecutiveRefusals: 0,
  failingSinceMs: null,
  lastSuccessMs: null,
  lastToldMs: null,
  disabledReason: null,
  memory: {
    recentFailuresMs: [],
    lastRefusedId: null,
    lastFailure: null,
    disabledRevision: null,
    raisedMs: null,
    told: "nothing",
    untoldDead: 0,
    givenUpSeen: 0,
    givenUpTold: 0,
  },
  givenUp: 0,
  replayedAtMs: null,
});

/** Nothing but the time of the last success can change by another one. */
const isWell = ({ failingSinceMs, consecutiveFailures, breaker, disabledReason, memory }: DestinationHealth): boolean =>
  failingSinceMs === null &&
  consecutiveFailures === 0 &&
  breaker === "closed" &&
  disabledReason === null &&
  memory.raisedMs === null &&
  memory.untoldDead === 0;

/**
 * The health of a destination after an attempt; null when there is nothing to store. A destination that never failed has
 * none, so that ordinary traffic writes nothing.
 */
export function afterAttempt(before: DestinationHealth | null, seen: Seen, rules: HealthRules): HealthStep | null {
  const { outcome, nowMs } = seen;
  if (outcome.kind === "delivered" && (before === null || isWell(before))) {
    if (before === null || nowMs - (before.lastSuccessMs ?? 0) < SUCCESS_EVERY_MS) return null;
    return { health: { ...before, lastSuccessMs: nowMs }, signs: {} };
  }
  const start = before ?? newHealth(seen.destination);
  let step: HealthStep = { health: start, signs: {} };
  if (!seen.unsent) step = outcome.kind === "delivered" ? succeeded(start, seen) : failed(start, seen, outcome);
  if (seen.died && rules.tells) step = { ...step, health: withDead(step.health) };
  return before === null && isWell(step.health) ? null : timely(step, nowMs, rules);
}

const withDead = (health: DestinationHealth): DestinationHealth => ({
  ...health,
  memory: { ...health.memory, untoldDead: health.memory.untoldDead + 1 },
});

/** Deliveries were given up without an attempt, and nobody has looked yet what is owed in their place. */
const isUnseen = ({ givenUp, memory }: DestinationHealth): boolean => givenUp > memory.givenUpSeen;

/** The health once somebody has looked after the first `count` that were given up without an attempt. */
export function afterLook(before: DestinationHealth, count: number, { tells }: HealthRules): DestinationHealth {
  const { memory } = before;
  if (count <= memory.givenUpSeen) return before;
  // Where nobody is told, nobody is told of them later on either.
  const givenUpTold = tells ? memory.givenUpTold : count;
  return { ...before, memory: { ...memory, givenUpSeen: count, givenUpTold } };
}

/**
 * A health that is kept apart from the stored one and may be ahead of it, after a look changed the stored one.
 *
 * @param before As stored when the look began. @param after As stored now.
 */
export function afterLookAt(
  kept: DestinationHealth,
  before: DestinationHealth,
  after: DestinationHealth,
): DestinationHealth {
  const { memory, failingSinceMs } = kept;
  const { givenUpSeen, givenUpTold, raisedMs, told } = after.memory;
  const toldDead = before.memory.untoldDead - after.memory.untoldDead;
  return {
    ...kept,
    givenUp: after.givenUp,
    replayedAtMs: after.replayedAtMs,
    lastToldMs: after.lastToldMs,
    memory: {
      ...memory,
      givenUpSeen,
      givenUpTold,
      untoldDead: Math.max(0, memory.untoldDead - toldDead),
      // The trouble that was raised may be over here already, or another one.
      ...(failingSinceMs === before.failingSinceMs ? { raisedMs, told } : {}),
    },
  };
}

/** What the passing of time alone brings about; null when nothing. */
export function afterTime(before: DestinationHealth | null, nowMs: number, rules: HealthRules): HealthStep | null {
  if (before === null) return null;
  const step = timely({ health: before, signs: {} }, nowMs, rules);
  return step.health === before ? null : step;
}

function succeeded(before: DestinationHealth, { nowMs, ...seen }: Seen): HealthStep {
  const { memory } = before;
  const { recentFailuresMs, ...breaker } =
    before.disabledReason === null ? breakerOf(before, { nowMs, ...seen }) : RESET;
  const health: DestinationHealth = {
    ...before,
    ...breaker,
    consecutiveRefusals: 0,
    failingSinceMs: null,
    lastSuccessMs: nowMs,
    disabledReason: null,
    memory: {
      ...newHealth(before.destination).memory,
      recentFailuresMs,
      untoldDead: memory.untoldDead,
      givenUpSeen: memory.givenUpSeen,
      givenUpTold: memory.givenUpTold,
    },
  };
  return {
    health,
    signs: {
      ...(memory.raisedMs === null ? {} : { recovered: true }),
      ...(memory.told === "nothing" ? {} : { recovery: true }),
    },
  };
}

const RESET = { ...CLOSED, recentFailuresMs: [] };

const breakerOf = (health: DestinationHealth, seen: Pick<Seen, "outcome" | "startedAtMs" | "nowMs">) =>
  breakerAfter({ ...health, recentFailuresMs: health.memory.recentFailuresMs }, seen);

type Failure = Exclude<Outcome, { kind: "delivered" }>;

function failed(before: DestinationHealth, seen: Seen, outcome: Failure): HealthStep {
  const { nowMs, startedAtMs } = seen;
  const { breaker, openForMs, probeAtMs, consecutiveFailures, recentFailuresMs } = breakerOf(before, seen);
  const failing = NO_FAILURE.has(outcome.reason)
    ? {}
    : { failingSinceMs: before.failingSinceMs ?? nowMs, lastFailure: failureText(outcome) };
  const { failingSinceMs = before.failingSinceMs, lastFailure = before.memory.lastFailure } = failing;
  const health: DestinationHealth = {
    ...before,
    breaker,
    openForMs,
    probeAtMs,
    consecutiveFailures,
    failingSinceMs,
    ...refusalsAfter(before, seen),
    memory: { ...before.memory, recentFailuresMs, lastFailure, ...refusedBy(seen) },
  };
  if (before.disabledReason !== null) {
    const isTest = startedAtMs >= (before.probeAtMs ?? 0);
    return { health: { ...health, probeAtMs: isTest ? nowMs + TEST_EVERY_MS : before.probeAtMs }, signs: {} };
  }
  const isOver = (outcome.kind === "permanent" && outcome.disableBlock === true) || isRefusedTooOften(health);
  return isOver ? disabled(health, seen, failureText(outcome)) : { health, signs: {} };
}

const failureText = ({ reason, detail }: Failure): string => `${reason}: ${detail}`.slice(0, FAILURE_CHARS);

const isRefusal = ({ outcome }: Seen): boolean => outcome.kind === "permanent" && REFUSALS.has(outcome.reason);

/** Another end of a delivery than a refusal begins the count anew; a retry is no end. */
function refusalsAfter({ consecutiveRefusals, memory }: DestinationHealth, seen: Seen) {
  if (!isRefusal(seen)) return seen.outcome.kind === "permanent" ? { consecutiveRefusals: 0 } : {};
  return memory.lastRefusedId === seen.deliveryId ? {} : { consecutiveRefusals: consecutiveRefusals + 1 };
}

const refusedBy = (seen: Seen) => (isRefusal(seen) ? { lastRefusedId: seen.deliveryId } : {});

const isRefusedTooOften = ({ consecutiveRefusals }: DestinationHealth): boolean =>
  consecutiveRefusals >= DISABLED_AFTER;

function disabled(health: DestinationHealth, { nowMs, revision }: Seen, why: string): HealthStep {
  const { recentFailuresMs, ...breaker } = RESET;
  const { memory } = health;
  return {
    health: {
      ...health,
      ...breaker,
      probeAtMs: nowMs + TEST_EVERY_MS,
      disabledReason: why,
      memory: { ...memory, recentFailuresMs, disabledRevision: revision, raisedMs: memory.raisedMs ?? nowMs },
    },
    signs: { disabled: true },
  };
}

const RANK: Readonly<Record<Level, number>> = { nothing: 0, failing: 1, disabled: 2 };

function levelOf({ disabledReason, memory }: DestinationHealth): Level {
  if (disabledReason !== null) return "disabled";
  return memory.raisedMs === null ? "nothing" : "failing";
}

/** Deliveries given up that people were not told of yet. */
const untoldOf = ({ givenUp, memory }: DestinationHealth): number => memory.untoldDead + givenUp - memory.givenUpTold;

/** People do not know yet how bad it is. */
const isUntold = (health: DestinationHealth): boolean =>
  untoldOf(health) > 0 || RANK[levelOf(health)] > RANK[health.memory.told];

function timely({ health: given, signs }: HealthStep, nowMs: number, rules: HealthRules): HealthStep {
  const { failingSinceMs } = given;
  const isLong = failingSinceMs !== null && nowMs - failingSinceMs >= rules.failingAfterMs;
  const isNews = isLong && given.memory.raisedMs === null;
  const health = isNews ? { ...given, memory: { ...given.memory, raisedMs: nowMs } } : given;
  const raised: Signs = isNews ? { ...signs, failing: true } : signs;
  if (!rules.tells || !isUntold(health) || nowMs < nextToldMs(health)) return { health, signs: raised };
  const { memory } = health;
  const level = levelOf(health);
  const told = RANK[level] > RANK[memory.told] ? level : memory.told;
  return {
    health: { ...health, lastToldMs: nowMs, memory: { ...memory, told, untoldDead: 0, givenUpTold: health.givenUp } },
    signs: { ...raised, problem: { level, dead: untoldOf(health) } },
  };
}

const nextToldMs = ({ lastToldMs }: DestinationHealth): number =>
  lastToldMs === null ? -Infinity : lastToldMs + TOLD_EVERY_MS;

/** When time alone may change something; null: never. */
export function nextCheckMs(health: DestinationHealth | null, rules: HealthRules): number | null {
  if (health === null) return null;
  if (isUnseen(health)) return 0;
  const { failingSinceMs, memory } = health;
  const raiseMs =
    failingSinceMs !== null && memory.raisedMs === null ? failingSinceMs + rules.failingAfterMs : Infinity;
  const tellMs = rules.tells && isUntold(health) ? nextToldMs(health) : Infinity;
  const firstMs = Math.min(raiseMs, tellMs);
  return firstMs === Infinity ? null : firstMs;
}
