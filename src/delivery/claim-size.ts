import type { OpenDestination } from "./attempt.ts";
import { ruleOf } from "./conclude.ts";
import type { Traffic } from "./settle-queue.ts";

/** Attempts of one destination at the same time, each about another subject. */
export const PARALLEL = 16;

/**
 * Most deliveries of a destination that are claimed, and of all destinations together, at least one round of attempts each.
 * After a crash, all that were claimed count as uncertain, and claiming many holds up the process; so both are modest.
 * The sum is a whole claim for each of 64 destinations, and half a claim for each of the 128 that are worked on at once.
 */
const CLAIM = 96;
const CLAIM_OF_ALL = 6_144;

/** Claim again when fewer than this share of a whole claim wait, so that sending does not pause for the store. */
export const LOW_WATER = 0.25;

/** Deliveries that wait here and, about, elsewhere, from which on a claim can wait for the next writing of results. */
export const JOINS_AT = 128;

/**
 * Most deliveries of this destination that may be claimed and not started. Each counts as one that may have arrived, should
 * the process be killed.
 */
export function mostClaimed(opened: OpenDestination | undefined, { destinations }: Traffic): number {
  const isSentAgain = opened === undefined || ruleOf(opened) === "retry";
  if (!isSentAgain) return PARALLEL;
  return Math.max(PARALLEL, Math.min(CLAIM, Math.floor(CLAIM_OF_ALL / destinations)));
}
