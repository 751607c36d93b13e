import type { Outcome, Reason } from "../channel/outcome.ts";
import { breakerAfter, LONGEST_OPENING_MS, openUntilMs } from "./breaker.ts";
import type { DestinationHealth } from "./delivery.ts";

/** Refusals for good, of different deliveries in a row, after which a destination is not used any more. */
const DISABLED_AFTER = 3;

/** A disabled destination is tried with one delivery this often. */
const TEST_EVERY_MS = LONGEST_OPENING_MS;

/** How exactly the last success is remembered while all is well. */
const SUCCESS_EVERY_MS = 60_000;

/** Between two messages to people about the trouble of one destination. */
const TOLD_EVERY_MS = 3_600_000;

/** Longest part of an answer that is remembered. Unit: UTF-16 units. */
const REASON_CHARS = 300;

/** These say something about the message or about us, not about the destination. */
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
  /** A destination that has delivered nothing for this long, while it was tried, is failing. */
  readonly failingAfterMs: number;
  /** People are told of the trouble of this destination. */
  readonly tells: boolean;
}

/** One attempt, as the health of its destination sees it. */
export interface Seen {
  readonly deliveryId: string;
  readonly outcome: Outcome;
  /** When the attempt began. */
  readonly startedAtMs: number;
  readonly nowMs: number;
  /** The delivery was given up. */
  readonly died: boolean;
  /** Nothing was sent because the destination is disabled. */
  readonly unsent: boolean;
  /** Revision of the block that was used. */
  readonly revision: number | null;
}

/** What there is to raise. `problem` and `recovery` are for people, the others are events. */
export interface News {
  readonly failing?: true;
  readonly recovered?: true;
  readonly disabled?: true;
  readonly problem?: true;
  readonly recovery?: true;
}

export interface HealthStep {
  readonly health: DestinationHealth;
  readonly news: News;
}

export const newHealth = (destination: string): DestinationHealth => ({
  destination,
  consecutiveFailures: 0,
  consecutiveRefusals: 0,
  breaker: "closed",
  openForMs: 0,
  probeAtMs: null,
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
  },
});

/** True for an outcome that shows trouble of the destination, whatever the message. */
const isFailure = (outcome: Outcome): boolean => outcome.kind !== "delivered" && !NO_FAILURE.has(outcome.reason);

const isQuiet = ({ failingSinceMs, consecutiveFailures, consecutiveRefusals, breaker, memory }: DestinationHealth) =>
  failingSinceMs === null &&
  consecutiveFailures + consecutiveRefusals + memory.untoldDead === 0 &&
  breaker === "closed" &&
  memory.raisedMs === null;

/**
 * The health of a destination after an attempt; null when there is nothing to store. A destination that never failed has
 * none, so that ordinary traffic writes nothing.
 */
export function afterAttempt(before: DestinationHealth | null, seen: Seen, rules: HealthRules): HealthStep | null {
  const { outcome, nowMs, died } = seen;
  if (outcome.kind === "delivered" && !died && (before === null || isQuiet(before))) {
    if (before === null || nowMs - (before.lastSuccessMs ?? 0) < SUCCESS_EVERY_MS) return null;
    return { health: { ...before, lastSuccessMs: nowMs }, news: {} };
  }
  const counted = seen.unsent || seen.outcome.kind === "delivered" ? before : null;
  const start = before ?? newHealth(seen.deliveryId);
  void counted;
  let step: HealthStep = { health: start, news: {} };
  if (!seen.unsent) step = outcome.kind === "delivered" ? succeeded(start, nowMs) : failed(start, seen);
  if (died && rules.tells) step = { ...step, health: withDead(step.health) };
  return timely(step, nowMs, rules);
}
