import type { Clock } from "../base/clock.ts";

/** Something under way that can be stopped from outside. */
export interface Stoppable {
  /** On the monotonic clock, milliseconds. */
  readonly deadlineMs: number;
  readonly signal: AbortSignal | undefined;
  stop(by: "deadline" | "caller" | "shutdown"): void;
}

/**
 * Stops exchanges when their time is over, or when their caller gives up. One timer and one listener per signal serve all
 * of them: made for each, they take a tenth of the time of a request to this machine.
 */
export class ExchangeWatch {
  readonly #clock: Clock;
  readonly #all = new Set<Stoppable>();
  readonly #bySignal = new Map<AbortSignal, { readonly exchanges: Set<Stoppable>; readonly onAbort: () => void }>();
  #timer: { readonly atMs: number; readonly handle: Disposable } | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  add(exchange: Stoppable): void {
    this.#all.add(exchange);
    this.#arm(exchange.deadlineMs);
    const { signal } = exchange;
    if (signal === undefined) return;
    const known = this.#bySignal.get(signal);
    if (known === undefined) this.#listen(signal, exchange);
    else known.exchanges.add(exchange);
  }

  remove(exchange: Stoppable): void {
    this.#all.delete(exchange);
    // A timer that outlives the exchange it was made for serves the next one, but holds no idle process open.
    if (this.#all.size === 0) this.#disarm();
    const { signal } = exchange;
    const known = signal === undefined ? undefined : this.#bySignal.get(signal);
    if (signal === undefined || known === undefined) return;
    known.exchanges.delete(exchange);
    if (known.exchanges.size > 0) return;
    signal.removeEventListener("abort", known.onAbort);
    this.#bySignal.delete(signal);
  }

  stopAll(by: "shutdown"): void {
    for (const exchange of this.#all) exchange.stop(by);
  }

  #listen(signal: AbortSignal, first: Stoppable): void {
    const exchanges = new Set([first]);
    const onAbort = (): void => {
      for (const exchange of exchanges) exchange.stop("caller");
    };
    signal.addEventListener("abort", onAbort, { once: true });
    this.#bySignal.set(signal, { exchanges, onAbort });
  }

  #arm(atMs: number): void {
    if (this.#timer !== undefined && this.#timer.atMs <= atMs) return;
    this.#disarm();
    const handle = this.#clock.timer(atMs - this.#clock.monotonic(), () => this.#ring());
    this.#timer = { atMs, handle };
  }

  #disarm(): void {
    this.#timer?.handle[Symbol.dispose]();
    this.#timer = undefined;
  }

  #ring(): void {
    this.#timer = undefined;
    const nowMs = this.#clock.monotonic();
    let nextMs = Infinity;
    for (const exchange of this.#all) {
      if (exchange.deadlineMs <= nowMs) exchange.stop("deadline");
      else nextMs = Math.min(nextMs, exchange.deadlineMs);
    }
    if (nextMs < Infinity) this.#arm(nextMs);
  }
}
