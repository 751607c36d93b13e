import type { Clock } from "../../base/clock.ts";
import { BellhopError } from "../../base/errors.ts";
import type { Random } from "../../base/random.ts";
import { isBusy, storeError } from "./sqlite-error.ts";

/** How long a locked store is asked again before the caller is told, milliseconds. */
export const BUSY_BUDGET_MS = 10_000;

/** A group commit takes about a millisecond, so the first waits are of that size. */
const FIRST_WAIT_MS = 1;
const LONGEST_WAIT_MS = 50;

export interface Waiting {
  readonly clock: Clock;
  readonly random: Random;
}

/**
 * Wait before asking a locked store again: doubling with full jitter, so that processes do not meet again and again.
 *
 * @param tries 1 after the first refusal.
 * @returns Milliseconds in [0, 50].
 */
export const busyWaitMs = (tries: number, random: Random): number =>
  random() * Math.min(LONGEST_WAIT_MS, FIRST_WAIT_MS * 2 ** Math.min(tries, 16));

/**
 * Runs `fn` until it is not refused for a lock.
 *
 * @throws store_busy after 10 s of waiting; store_full, store_corrupt, store_unavailable at once
 */
export async function untilUnlocked<T>(path: string, { clock, random }: Waiting, fn: () => T): Promise<T> {
  const startedMs = clock.monotonic();
  for (let tries = 1; ; tries += 1) {
    try {
      return fn();
    } catch (error) {
      const waitedMs = clock.monotonic() - startedMs;
      if (!isBusy(error)) throw storeError(error, path);
      if (waitedMs >= BUSY_BUDGET_MS) throw new BellhopError("store_busy", { path, waitedMs }, { cause: error });
    }
    await clock.sleep(busyWaitMs(tries, random));
  }
}
