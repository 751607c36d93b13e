import { DatabaseSync } from "node:sqlite";
import type { Clock } from "../../base/clock.ts";

/** How long the write lock is asked for, milliseconds; others hold it for a millisecond at a time. */
const WAIT_MS = 1_000;

/** Holds the write lock of the store, as a backup or a person at a prompt would. False when it was not to be had. */
export async function lockStore(path: string, forMs: number, clock: Clock, signal: AbortSignal): Promise<boolean> {
  const db = new DatabaseSync(path, { timeout: WAIT_MS });
  try {
    db.exec("begin immediate");
    // An abort only ends the wait early.
    await clock.sleep(forMs, signal).catch(() => undefined);
    db.exec("rollback");
    return true;
  } catch {
    // SQLITE_BUSY: somebody else was quicker.
    return false;
  } finally {
    db.close();
  }
}
