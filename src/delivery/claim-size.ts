import type { OpenDestination } from "./attempt.ts";
import { ruleOf } from "./conclude.ts";
import type { Traffic } from "./settle-queue.ts";

/** Attempts of one destination at the same time, each about another subject. */
export const PARALLEL = 16;

/**
 * Most deliveries of a destination that are claimed. After a crash, all that were claimed count as uncertain, and claiming
 * many holds up the process; so all of these are modest.
 */
const CLAIM = 96;

/**
 * The same where one destination is all there is to do, shared by those that are: its messages lie side by side in the store,
 * and a larger claim means fewer commits. With more destinations it is the claims that share commits, and need not be large.
 */
const CLAIM_OF_FEW = 256;

/**
 * Most deliveries that are claimed of all destinations together, but for one round of attempts each: half a claim for each
 * of the 128 destinations that are worked on at once.
 */
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
  const whole = Math.max(CLAIM, Math.floor(CLAIM_OF_FEW / destinations));
  return Math.max(PARALLEL, Math.min(whole, Math.floor(CLAIM_OF_ALL / destinations)));
}
