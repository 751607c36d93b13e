import type { Clock } from "../base/clock.ts";
import { messageOf } from "../base/errors.ts";
import type { Logger, LogFields } from "../base/logger.ts";
import type { Random } from "../base/random.ts";
import { redact } from "../base/redactor.ts";

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

const MOST_TRIES = 5;

interface Insisting {
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  /** Logged for each failure. */
  readonly message: string;
  readonly fields: LogFields;
}

/**
 * Writes, and tries again a few times if the store fails. Never rejects: what still fails then is a claim that stays, and
 * claims are recovered when the lease of their process ends.
 */
export async function insist(
  { clock, random, log, message, fields }: Insisting,
  write: () => Promise<unknown>,
): Promise<void> {
  for (let tries = 1; tries <= MOST_TRIES; tries += 1) {
    try {
      await write();
      return;
    } catch (error) {
      log.warn(message, { ...fields, tries, error: redact(messageOf(error)) });
      if (tries < MOST_TRIES) await clock.sleep(storeBackoffMs(tries, random));
    }
  }
}
