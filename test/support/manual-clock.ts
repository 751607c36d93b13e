import type { Clock } from "../../src/base/clock.ts";

/** Turns of the event loop given to promises and group commits after each timer. */
const TURNS_PER_TIMER = 4;

/** Turns that `until` waits for real input and output before it calls a test stuck. */
const STUCK_AFTER_TURNS = 100_000;

type Timer = { readonly dueMs: number; readonly order: number; readonly fn: () => void; readonly keepAlive: boolean };

/** Whether something is being read or written: it takes as many turns as the disk needs. */
const isDiskBusy = (): boolean => process.getActiveResourcesInfo().includes("FSReqCallback");

/** One turn of the event loop; every promise that can settle without time passing settles. */
const turn = () => new Promise<void>((resolve) => setImmediate(resolve));

/**
 * A clock that stands still until a test advances it. Timers run in the order in which they are due,
 * those due together in the order in which they were set.
 */
export class ManualClock implements Clock {
  readonly #startMs: number;
  #elapsedMs = 0;
  #lastMicros = 0;
  #order = 0;
  readonly #timers = new Set<Timer>();

  /** @param startMs Wall clock at the start, epoch milliseconds. Default 2026-01-01T00:00:00Z. */
  constructor(startMs = Date.UTC(2026, 0, 1)) {
    this.#startMs = startMs;
  }

  now(): number {
    return this.#startMs + Math.floor(this.#elapsedMs);
  }

  nowMicros(): number {
    const micros = Math.floor((this.#startMs + this.#elapsedMs) * 1_000);
    this.#lastMicros = micros > this.#lastMicros ? micros : this.#lastMicros + 1;
    return this.#lastMicros;
  }

  monotonic(): number {
    return this.#elapsedMs;
  }

  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      if (signal?.aborted === true) {
        reject(signal.reason);
        return;
      }
      const onAbort = () => {
        timer[Symbol.dispose]();
        reject(signal?.reason);
      };
      const timer = this.timer(ms, () => {
        signal?.removeEventListener("abort", onAbort);
        resolve();
      });
      signal?.addEventListener("abort", onAbort, { once: true });
    });
  }

  timer(ms: number, fn: () => void, options?: { readonly keepAlive?: boolean }): Disposable {
    const timer: Timer = {
      dueMs: this.#elapsedMs + Math.max(0, ms),
      order: this.#order++,
      fn,
      keepAlive: options?.keepAlive !== false,
    };
    this.#timers.add(timer);
    return { [Symbol.dispose]: () => void this.#timers.delete(timer) };
  }

  /** Timers that have neither run nor been cancelled; `keepAlive` counts those that hold a real process open. */
  get pending(): { readonly all: number; readonly keepAlive: number } {
    return { all: this.#timers.size, keepAlive: [...this.#timers].filter((timer) => timer.keepAlive).length };
  }

  /** Milliseconds until the next timer is due; null when none is set. */
  get nextDueMs(): number | null {
    const next = this.#next();
    return next === null ? null : next.dueMs - this.#elapsedMs;
  }

  /** Moves time forward by `ms`, runs what becomes due on the way, and lets promises settle after each timer. */
  async advance(ms: number): Promise<void> {
    const untilMs = this.#elapsedMs + ms;
    await this.settle();
    for (let next = this.#next(); next !== null && next.dueMs <= untilMs; next = this.#next()) {
      this.#timers.delete(next);
      this.#elapsedMs = Math.max(this.#elapsedMs, next.dueMs);
      next.fn();
      await this.settle();
    }
    this.#elapsedMs = untilMs;
  }

  /** Lets promises settle without moving time. A commit that is being flushed counts as one of them. */
  async settle(turns = TURNS_PER_TIMER): Promise<void> {
    for (let done = 0; done < turns; done += 1) {
      await turn();
      if (isDiskBusy()) done = -1;
    }
  }

  /** Waits, without moving time, until real input or output has made `condition` true. */
  async until(condition: () => boolean, what = "the condition"): Promise<void> {
    for (let turns = 0; !condition(); turns += 1) {
      if (turns >= STUCK_AFTER_TURNS) throw new Error(`${what} did not come true while time stood still`);
      await turn();
    }
  }

  /** Moves time from timer to timer until `condition` holds; fails when no timer is left to run. */
  async advanceUntil(condition: () => boolean, what = "the condition"): Promise<void> {
    await this.settle();
    while (!condition()) {
      const waitMs = this.nextDueMs;
      if (waitMs === null) throw new Error(`${what} did not come true and no timer is set`);
      await this.advance(waitMs);
    }
  }

  #next(): Timer | null {
    let next: Timer | null = null;
    for (const timer of this.#timers) {
      if (next === null || timer.dueMs < next.dueMs || (timer.dueMs === next.dueMs && timer.order < next.order))
        next = timer;
    }
    return next;
  }
}
