import type { Outcome } from "./outcome.ts";

/** Least wait after a 429 without a delay. */
const RATE_LIMIT_FLOOR_MS = 5_000;
/** A longer wait is not a pause but an exhausted quota. */
const LONGEST_PAUSE_MS = 3_600_000;
/** No delivery is parked longer than this, whatever the server asks for. */
const LONGEST_PARK_MS = 86_400_000;

const SECONDS = /^[+-]?\d+(?:\.\d+)?$/;

/**
 * Milliseconds from now that a `Retry-After` value asks for: seconds (decimals tolerated) or an HTTP date.
 * Instants in the past and negative numbers are 0; undefined when it is neither.
 *
 * @see RFC 9110, section 10.2.3.
 */
export function parseRetryAfter(value: string, nowMs: number): number | undefined {
  const text = value.trim();
  if (SECONDS.test(text)) return Math.max(0, Math.ceil(Number(text) * 1_000));
  // Date.parse takes bare numbers and other shapes that are no HTTP date; those begin with a day name.
  const at = /^[A-Za-z]{3}/.test(text) ? Date.parse(text) : Number.NaN;
  return Number.isNaN(at) ? undefined : Math.max(0, at - nowMs);
}

/**
 * Adds the server's delay to a retry that has none yet. A 429 waits at least 5 s when the server does not say how long;
 * more than one hour is a quota, and at most one day is waited.
 */
export function withServerDelay(
  outcome: Outcome,
  response: { readonly status: number; readonly headers: Readonly<Record<string, string>> },
  nowMs: number,
): Outcome {
  if (outcome.kind !== "retry") return outcome;
  const header = response.headers["retry-after"];
  const asked = outcome.afterMs ?? (header === undefined ? undefined : parseRetryAfter(header, nowMs));
  const afterMs = asked ?? (response.status === 429 ? RATE_LIMIT_FLOOR_MS : undefined);
  if (afterMs === undefined) return outcome;
  if (afterMs <= LONGEST_PAUSE_MS) return { ...outcome, afterMs };
  return { ...outcome, reason: "quota", afterMs: Math.min(afterMs, LONGEST_PARK_MS) };
}
