import type { Clock } from "../base/clock.ts";
import { errorClass } from "../base/errors.ts";
import { redact } from "../base/redactor.ts";
import type { LockManager } from "./lock-manager.ts";

/** A lock was not free in time. */
export class LockTimeoutError extends errorClass("lock_timeout") {}

export interface LockWait {
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
}

/** Counts down from the call on. `left()` throws when nothing is left. */
export function deadline(clock: Clock, key: string, { timeoutMs, signal }: LockWait) {
  const startedMs = clock.monotonic();
  return {
    /** Milliseconds left; Infinity without a limit. @throws lock_timeout, the signal's reason */
    left: (): number => {
      signal?.throwIfAborted();
      const waitedMs = clock.monotonic() - startedMs;
      if (timeoutMs === undefined) return Number.POSITIVE_INFINITY;
      if (waitedMs >= timeoutMs) {
        throw new LockTimeoutError({ key: redact(key), seconds: waitedMs / 1_000 });
      }
      return timeoutMs - waitedMs;
    },
  };
}

/** Locks within this process. Whoever has waited longest gets a lock that becomes free. */
export function memoryLocks(clock: Clock): LockManager {
  const holders = new Map<string, string>();
  const waiting = new Map<string, Set<() => void>>();

  /** Resolves when the lock is given back, after `ms`, or when the signal is aborted. */
  const change = (key: string, ms: number, signal: AbortSignal | undefined): Promise<void> =>
    new Promise((resolve) => {
      const those = waiting.get(key) ?? new Set();
      waiting.set(key, those);
      const done = (): void => {
        those.delete(done);
        if (those.size === 0 && waiting.get(key) === those) waiting.delete(key);
        timer?.[Symbol.dispose]();
        signal?.removeEventListener("abort", done);
        resolve();
      };
      const timer = Number.isFinite(ms) ? clock.timer(ms, done) : undefined;
      signal?.addEventListener("abort", done, { once: true });
      those.add(done);
    });

  /** Tries again after each change. What a try does, it does in one go, so that no two waiters take the same lock. */
  const until = async (key: string, tryOnce: () => boolean, wait: LockWait): Promise<void> => {
    const limit = deadline(clock, key, wait);
    wait.signal?.throwIfAborted();
    while (!tryOnce()) await change(key, limit.left(), wait.signal);
  };

  const take = (key: string, holder: string): boolean => {
    if ((holders.get(key) ?? holder) !== holder) return false;
    holders.set(key, holder);
    return true;
  };

  return {
    acquire: (key, holder, options = {}) => until(key, () => take(key, holder), options),
    release: async (key, holder) => {
      if (holders.get(key) !== holder) return;
      holders.delete(key);
      for (const wake of waiting.get(key) ?? []) wake();
    },
    waitFor: (key, options = {}) => until(key, () => !holders.has(key), options),
    isHolder: async (key, holder) => holders.get(key) === holder,
  };
}
