import type { Clock } from "../base/clock.ts";
import { messageOf } from "../base/errors.ts";
import type { Logger } from "../base/logger.ts";
import { redact } from "../base/redactor.ts";
import type { LockManager } from "./lock-manager.ts";
import { deadline, type LockWait, memoryLocks } from "./memory-locks.ts";

/** A lock whose holder does not renew it for this long is free: its process has died. Milliseconds. */
export const LOCK_LASTS_MS = 30_000;
/** A holder may miss two renewals before it loses its locks. */
const RENEW_EVERY_MS = 10_000;
/** How often a lock that another process holds is asked for. */
const POLL_MS = 50;

/** Where locks lie that several processes see. All instants are wall clock, epoch milliseconds. */
export interface LockRows {
  /** In one step: takes the lock if it is free, has run out at `nowMs`, or is the holder's own already. */
  take(name: string, holder: string, nowMs: number, untilMs: number): Promise<boolean>;
  /** False when the lock is no longer the holder's. */
  renew(name: string, holder: string, untilMs: number): Promise<boolean>;
  /** Does nothing when the lock is not the holder's. */
  release(name: string, holder: string): Promise<void>;
  /** Who holds the lock; null when nobody does. */
  holder(name: string, nowMs: number): Promise<string | null>;
}

export interface SharedLocksOptions {
  readonly rows: LockRows;
  readonly clock: Clock;
  readonly log: Logger;
}

/**
 * Locks between processes. Within this process they are handed over at once; other processes are asked every 50 ms.
 * Held locks are renewed while the process lives; those of a process that died are free after 30 s.
 */
export function openSharedLocks({ rows, clock, log }: SharedLocksOptions): LockManager {
  const local = memoryLocks(clock);
  /** Held by this process: holders by name. */
  const mine = new Map<string, string>();
  let timer: Disposable | undefined;

  const renewOne = async (name: string, holder: string): Promise<void> => {
    const fields = { lock: redact(name), holder };
    try {
      if (mine.get(name) !== holder || (await rows.renew(name, holder, clock.now() + LOCK_LASTS_MS))) return;
      // Given back while it was being renewed?
      if (mine.get(name) === holder) log.warn("a lock was lost: this process stood still for too long", fields);
    } catch (error) {
      log.warn("a lock could not be renewed", { ...fields, error: redact(messageOf(error)) });
    }
  };

  const renewAll = async (): Promise<void> => {
    await Promise.all(Array.from(mine, ([name, holder]) => renewOne(name, holder)));
    timer = undefined;
    keepRenewing();
  };

  const keepRenewing = (): void => {
    if (mine.size === 0 || timer !== undefined) return;
    timer = clock.timer(RENEW_EVERY_MS, () => void renewAll(), { keepAlive: false });
  };

  const poll = async (name: string, isDone: () => Promise<boolean>, wait: LockWait): Promise<void> => {
    const limit = deadline(clock, name, wait);
    wait.signal?.throwIfAborted();
    while (!(await isDone())) await clock.sleep(Math.min(POLL_MS, limit.left()), wait.signal);
  };

  /** What is left of the time after the wait inside this process. */
  const rest = (wait: LockWait, sinceMs: number): LockWait =>
    wait.timeoutMs === undefined
      ? wait
      : { ...wait, timeoutMs: Math.max(0, wait.timeoutMs - (clock.monotonic() - sinceMs)) };

  return {
    acquire: async (name, holder, wait = {}) => {
      const sinceMs = clock.monotonic();
      const isRepeated = mine.get(name) === holder;
      await local.acquire(name, holder, wait);
      const take = () => rows.take(name, holder, clock.now(), clock.now() + LOCK_LASTS_MS);
      try {
        await poll(name, take, rest(wait, sinceMs));
      } catch (error) {
        if (!isRepeated) await local.release(name, holder);
        throw error;
      }
      mine.set(name, holder);
      keepRenewing();
    },
    release: async (name, holder) => {
      if (mine.get(name) !== holder) return;
      mine.delete(name);
      if (mine.size === 0) {
        timer?.[Symbol.dispose]();
        timer = undefined;
      }
      try {
        await rows.release(name, holder);
      } finally {
        // What could not be given back runs out by itself.
        await local.release(name, holder);
      }
    },
    waitFor: async (name, wait = {}) => {
      const sinceMs = clock.monotonic();
      await local.waitFor(name, wait);
      await poll(name, async () => (await rows.holder(name, clock.now())) === null, rest(wait, sinceMs));
    },
    isHolder: async (name, holder) => (await rows.holder(name, clock.now())) === holder,
  };
}
