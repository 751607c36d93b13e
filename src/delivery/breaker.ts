import type { Outcome, Reason } from "../channel/outcome.ts";
import type { DestinationHealth } from "./delivery.ts";

/** Failures in a row, within {@link WINDOW_MS}, that open the breaker. */
const OPENS_AFTER = 5;
const WINDOW_MS = 120_000;

const FIRST_OPENING_MS = 30_000;
export const LONGEST_OPENING_MS = 900_000;

/** What an outcome says about whether the destination can be reached at all. */
type Sign = "answers" | "fails" | "unreached" | "limits" | "nothing";

const COUNTED: ReadonlySet<Reason> = new Set<Reason>(["network", "timeout", "server"]);
const UNREACHED: ReadonlySet<Reason> = new Set<Reason>(["dns", "tls", "proxy", "unexpected-response"]);
const LIMITS: ReadonlySet<Reason> = new Set<Reason>(["rate-limited", "quota"]);

function signOf(outcome: Outcome): Sign {
  // Who refuses a message is there.
  if (outcome.kind !== "retry") return "answers";
  if (COUNTED.has(outcome.reason)) return "fails";
  if (LIMITS.has(outcome.reason)) return "limits";
  return UNREACHED.has(outcome.reason) ? "unreached" : "nothing";
}

type BreakerPart = Pick<DestinationHealth, "breaker" | "openForMs" | "probeAtMs" | "consecutiveFailures"> & {
  readonly recentFailuresMs: readonly number[];
};

/** How every breaker begins, and what it becomes once its destination answers. */
export const CLOSED = { breaker: "closed", openForMs: 0, probeAtMs: null, consecutiveFailures: 0 } as const;

const RESET: BreakerPart = { ...CLOSED, recentFailuresMs: [] };

/** An attempt that has ended. */
export interface Ended {
  readonly outcome: Outcome;
  /** When the attempt began. */
  readonly startedAtMs: number;
  readonly nowMs: number;
}

/**
 * The breaker after an attempt. Closed, it opens after five failures in a row (network, time-out, server error) within
 * two minutes. Open, it takes notice of its probe alone: an attempt that began before says nothing new. A probe that
 * fails opens it for twice as long, fifteen minutes at most. A rate limit never counts: it has a pause of its own.
 */
export function breakerAfter(before: BreakerPart, { outcome, startedAtMs, nowMs }: Ended): BreakerPart {
  const sign = signOf(outcome);
  if (before.breaker === "closed") {
    if (sign === "answers") return before.consecutiveFailures === 0 ? before : RESET;
    return sign === "fails" ? failed(before, nowMs) : before;
  }
  if (startedAtMs < (before.probeAtMs ?? 0) || sign === "nothing") return before;
  if (sign === "answers" || sign === "limits") return RESET;
  return opened({ ...before, consecutiveFailures: before.consecutiveFailures + 1 }, before.openForMs * 2, nowMs);
}

function failed(before: BreakerPart, nowMs: number): BreakerPart {
  const recentFailuresMs = [...before.recentFailuresMs, nowMs].slice(-OPENS_AFTER);
  const after = { ...before, recentFailuresMs, consecutiveFailures: before.consecutiveFailures + 1 };
  const [first = nowMs] = recentFailuresMs;
  const opens = recentFailuresMs.length === OPENS_AFTER && nowMs - first <= WINDOW_MS;
  return opens ? opened(after, FIRST_OPENING_MS, nowMs) : after;
}

function opened(before: BreakerPart, forMs: number, nowMs: number): BreakerPart {
  const openForMs = Math.min(forMs, LONGEST_OPENING_MS);
  return { ...before, breaker: "open", openForMs, probeAtMs: nowMs + openForMs, recentFailuresMs: [] };
}

/** Until when nothing is sent; null when something may be. A probe further off than any opening means a clock set back. */
export function openUntilMs(health: Pick<DestinationHealth, "breaker" | "probeAtMs">, nowMs: number): number | null {
  const { breaker, probeAtMs } = health;
  if (breaker === "closed" || probeAtMs === null) return null;
  return probeAtMs > nowMs && probeAtMs - nowMs <= LONGEST_OPENING_MS ? probeAtMs : null;
}
