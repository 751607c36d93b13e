import type { Random } from "../base/random.ts";

const FIRST_MS = 50;
const LONGEST_MS = 5_000;

/**
 * Wait before the store is asked again after `failures` errors in a row: doubling, half of it random so that processes
 * which failed together do not come back together.
 *
 * @param failures 1 after the first error.
 * @returns Milliseconds in [25, 5,000].
 */
export function storeBackoffMs(failures: number, random: Random): number {
  const whole = Math.min(LONGEST_MS, FIRST_MS * 2 ** Math.min(failures - 1, 16));
  return whole / 2 + (random() * whole) / 2;
}
