/** Time as the product sees it. Everything that waits takes a `Clock`, so tests advance it by hand. */
export interface Clock {
  /** Wall clock, epoch milliseconds. */
  now(): number;
  /** Wall clock, epoch microseconds (integer); two calls in one process never return the same value. */
  nowMicros(): number;
  /** Milliseconds on a clock that never goes back; only differences mean anything. */
  monotonic(): number;
  /** Resolves after `ms`; rejects with the signal's reason as soon as it is aborted. Keeps the process alive. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
  /** Calls `fn` once after `ms`. Disposing cancels it. With `keepAlive: false` it does not hold the process open. */
  timer(ms: number, fn: () => void, options?: { readonly keepAlive?: boolean }): Disposable;
}

/** setTimeout overflows to 1 ms above this. Source: Node.js documentation, "Timers", setTimeout. */
const LONGEST_TIMEOUT_MS = 2_147_483_647;

let lastMicros = 0;

/** `performance` would say the same, but Node loads a library of its own at the first mention of it. */
function monotonicMs(): number {
  const [seconds, nanoseconds] = process.hrtime();
  return seconds * 1_000 + nanoseconds / 1_000_000;
}

export const systemClock: Clock = {
  now: () => Date.now(),
  nowMicros: () => {
    const now = Math.floor((performance.timeOrigin + performance.now()) * 1_000);
    lastMicros = now > lastMicros ? now : lastMicros + 1;
    return lastMicros;
  },
  monotonic: monotonicMs,
  sleep: (ms, signal) =>
    new Promise((resolve, reject) => {
      if (signal?.aborted === true) {
        reject(signal.reason);
        return;
      }
      const onAbort = () => {
        timer[Symbol.dispose]();
        reject(signal?.reason);
      };
      const timer = systemClock.timer(ms, () => {
        signal?.removeEventListener("abort", onAbort);
        resolve();
      });
      signal?.addEventListener("abort", onAbort, { once: true });
    }),
  timer: (ms, fn, options) => {
    const due = monotonicMs() + ms;
    let handle: NodeJS.Timeout;
    const arm = () => {
      const left = due - monotonicMs();
      handle = left > LONGEST_TIMEOUT_MS ? setTimeout(arm, LONGEST_TIMEOUT_MS) : setTimeout(fn, Math.max(0, left));
      if (options?.keepAlive === false) handle.unref();
    };
    arm();
    return { [Symbol.dispose]: () => clearTimeout(handle) };
  },
};
