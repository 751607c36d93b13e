/*
 * What makes a delivery that belongs to no state one that is made once, and what it shows of where the delivery comes from.
 * Those of hooks begin with the id of their state.
 */

const FALLBACK = "fallback/";
const HEALTH = "health/";

/** Of the message in place of a delivery that was given up. */
export const fallbackKey = (id: string): string => `${FALLBACK}${id}`;

/** Id of the delivery in whose place this one was made; null for any other. */
export const replacedBy = (dedupKey: string): string | null =>
  dedupKey.startsWith(FALLBACK) ? dedupKey.slice(FALLBACK.length) : null;

/** Of a message about the trouble of a destination; `what` tells it from the others about it. */
export const healthKey = (destination: string, what: string): string => `${HEALTH}${destination}/${what}`;

export const isHealthKey = (dedupKey: string): boolean => dedupKey.startsWith(HEALTH);
