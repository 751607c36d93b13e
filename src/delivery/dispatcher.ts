import { messageOf } from "../base/errors.ts";
import { newId } from "../base/ids.ts";
import { killPoint } from "../base/kill-points.ts";
import { redact } from "../base/redactor.ts";
import type { Deliver } from "./attempt.ts";
import { type Alerting, healthRules } from "./destination-watch.ts";
import { DestinationRun, type RunEnd } from "./destination-run.ts";
import { type DrainOptions, type DrainReport, drain } from "./drain.ts";
import { Forgotten } from "./forgotten.ts";
import { nextCheckMs } from "./health.ts";
import { SettleQueue, type StoreAccess, type Traffic } from "./settle-queue.ts";
import { storeBackoffMs } from "./store-backoff.ts";
import type { TokenBucket } from "./token-bucket.ts";
import { startWakeHeap, type WakePort } from "./wake-heap.ts";

export type { DrainOptions, DrainReport } from "./drain.ts";

/**
 * Destinations worked on at the same time, those that answer slowly not counted. Where each has a few messages, what all of
 * them claim, and later their results, is one transaction each.
 */
const DEFAULT_CONCURRENCY = 128;

/** A destination whose attempt has been out for longer gives its place to another one. */
const SLOW_MS = 1_000;

/** How often waiting destinations look for such a place. */
const PLACE_CHECK_MS = 250;

/** Destinations worked on at most, slow ones counted: each may hold sockets. */
const MOST_DESTINATIONS = 1_024;

/** What attempts that are out may still take when the dispatcher is closed, before they are broken off. */
const GRACE_MS = 500;

/** Longest pause between looks at destinations that another process works on. */
const LONGEST_RESCAN_MS = 2_000;

/** After a destination that others hold a part of, the store is asked what is due; this long at least between two questions. */
const NEXT_RESCAN_MS = 100;

/** Share of the time that such questions may take: one in this many milliseconds. */
const RESCAN_SHARE = 20;

export interface DispatcherParts extends StoreAccess {
  readonly deliver: Deliver;
  /** Lease of this process; claims are in its name. */
  readonly leaseId: string;
  /** Destinations worked on at the same time. Default 128. */
  readonly concurrency?: number;
  /** How trouble of destinations is noticed and who is told. Default: after 15 minutes; events only. */
  readonly alerting?: Alerting;
  /** Ids of deliveries made here: fallbacks, messages about trouble. Default: UUIDv7. */
  readonly newId?: () => string;
  /** Told when there begins to be something to send, now or later, and when there is nothing any more. */
  readonly onBusy?: (isBusy: boolean) => void;
}

/**
 * Sends what is in the outbox: per destination in order of subject, destinations independently of each other.
 * Closing it ends what is out, gives back what has not started, and leaves the rest to the next process.
 */
export interface Dispatcher extends AsyncDisposable {
  /** Looks at this destination at this instant, epoch milliseconds. */
  wake(destination: string, atMs: number): void;
  /** Reads from the store what is due, e.g. after another process left deliveries. Never rejects. */
  rescan(): Promise<void>;
  /** Waits until nothing is due before the deadline, or until the deadline. Holds the process open meanwhile. */
  drain(options: DrainOptions): Promise<DrainReport>;
}

/** Starts with whatever is due in the store, and is woken by every commit of this process that enqueues. */
export function startDispatcher(parts: DispatcherParts): Dispatcher {
  const dispatcher = new InProcessDispatcher(parts);
  void dispatcher.rescan();
  void dispatcher.watchTroubled();
  return dispatcher;
}

class InProcessDispatcher implements Dispatcher {
  readonly #parts: DispatcherParts;
  readonly #concurrency: number;
  readonly #heap: WakePort;
  /** Looks at the health of destinations; nothing to send, so it does not count as busy. */
  readonly #checks: WakePort;
  readonly #settle: SettleQueue;
  readonly #forgotten: Forgotten;
  readonly #subscription: Disposable;
  readonly #runs = new Map<string, DestinationRun>();
  readonly #ended = new Map<string, Promise<void>>();
  /** Woken while they run. */
  readonly #woken = new Set<string>();
  /** Due, and waiting for a place. */
  readonly #queue = new Set<string>();
  readonly #traffic: Traffic = { out: 0, destinations: 0 };
  readonly #buckets = new Map<string, TokenBucket>();
  readonly #abort = new AbortController();
  readonly #totals = { delivered: 0, dead: 0, settled: 0 };
  #placeCheck: Disposable | undefined;
  #rescanTimer: { readonly atMs: number; readonly handle: Disposable } | undefined;
  #rescanCostMs = 0;
  #fruitless = 0;
  #isBusy = false;
  #closed = false;

  constructor(parts: DispatcherParts) {
    this.#parts = parts;
    this.#concurrency = parts.concurrency ?? DEFAULT_CONCURRENCY;
    this.#heap = startWakeHeap({ clock: parts.clock, onDue: (destination) => this.#onDue(destination) });
    this.#checks = startWakeHeap({ clock: parts.clock, onDue: (destination) => this.#onDue(destination) });
    this.#settle = new SettleQueue({ ...parts, traffic: this.#traffic });
    this.#forgotten = new Forgotten(parts);
    this.#subscription = parts.outbox.onEnqueued((destinations) => {
      for (const destination of destinations) this.#onDue(destination);
    });
  }

  wake(destination: string, atMs: number): void {
    if (this.#closed) return;
    this.#heap.wake(destination, atMs);
    this.#tellBusy();
  }

  async rescan(): Promise<void> {
    const { outbox, log, clock } = this.#parts;
    if (this.#closed) return;
    await this.#forgotten.giveBack(this.#runs.keys());
    const startedAtMs = clock.monotonic();
    try {
      const due = await outbox.due();
      this.#rescanCostMs = clock.monotonic() - startedAtMs;
      for (const { destination, dueAtMs } of due) this.wake(destination, dueAtMs);
    } catch (error) {
      log.warn("due deliveries could not be read", { error: redact(messageOf(error)) });
      this.#rescanAfterNothing();
    }
  }

  /** Looks after the destinations that were in trouble when an earlier process ended. */
  async watchTroubled(): Promise<void> {
    const { outbox, log, alerting = {} } = this.#parts;
    try {
      for (const health of await outbox.listHealth()) {
        const atMs = nextCheckMs(health, healthRules(health.destination, alerting));
        if (atMs !== null) this.#checkAt(health.destination, atMs);
      }
    } catch (error) {
      log.warn("the health of destinations could not be read", { error: redact(messageOf(error)) });
    }
  }

  drain(options: DrainOptions): Promise<DrainReport> {
    return drain(options, {
      ...this.#parts,
      wake: (destination) => this.#onDue(destination),
      idle: () => this.#idle(),
      totals: () => ({ ...this.#totals }),
      inFlight: () => this.#inFlight(),
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    killPoint("close:before");
    this.#subscription[Symbol.dispose]();
    this.#heap[Symbol.dispose]();
    this.#checks[Symbol.dispose]();
    this.#placeCheck?.[Symbol.dispose]();
    this.#rescanTimer?.handle[Symbol.dispose]();
    this.#queue.clear();
    for (const run of this.#runs.values()) run.stop();
    const ending = new DOMException("the process is ending", "AbortError");
    using _grace = this.#parts.clock.timer(GRACE_MS, () => this.#abort.abort(ending));
    // From here on a result that the store refuses is tried a few times only, so that the runs end all the same.
    await this.#settle[Symbol.asyncDispose]();
    await this.#idle();
    killPoint("close:after");
    this.#tellBusy();
  }

  #tellBusy(): void {
    const isBusy = this.#runs.size + this.#queue.size + this.#heap.size > 0;
    if (isBusy === this.#isBusy) return;
    this.#isBusy = isBusy;
    this.#parts.onBusy?.(isBusy);
  }

  #inFlight(): number {
    let count = 0;
    for (const run of this.#runs.values()) count += run.inFlight;
    return count;
  }

  /** Resolves when no destination is worked on or waits for a place. */
  async #idle(): Promise<void> {
    while (this.#ended.size > 0) await Promise.all(this.#ended.values());
  }

  #onDue(destination: string): void {
    if (this.#closed) return;
    if (this.#runs.has(destination)) this.#woken.add(destination);
    // Who waits already goes first.
    else if (this.#queue.size === 0 && this.#hasPlace()) this.#start(destination);
    else this.#enqueue(destination);
    this.#tellBusy();
  }

  #hasPlace(): boolean {
    if (this.#runs.size < this.#concurrency) return true;
    if (this.#runs.size >= MOST_DESTINATIONS) return false;
    const nowMs = this.#parts.clock.monotonic();
    let quick = 0;
    for (const run of this.#runs.values()) if (run.busyMs(nowMs) < SLOW_MS) quick += 1;
    return quick < this.#concurrency;
  }

  #enqueue(destination: string): void {
    this.#queue.add(destination);
    this.#placeCheck ??= this.#parts.clock.timer(
      PLACE_CHECK_MS,
      () => {
        this.#placeCheck = undefined;
        this.#startQueued();
        const [next] = this.#queue;
        if (next !== undefined) this.#enqueue(next);
      },
      { keepAlive: false },
    );
  }

  #startQueued(): void {
    for (const destination of this.#queue) {
      if (!this.#hasPlace()) return;
      this.#queue.delete(destination);
      this.#start(destination);
    }
  }

  #checkAt(destination: string, atMs: number): void {
    if (!this.#closed) this.#checks.wake(destination, atMs);
  }

  #start(destination: string): void {
    this.#forgotten.onStart(destination);
    const run = new DestinationRun(destination, {
      ...this.#parts,
      settle: this.#settle,
      signal: this.#abort.signal,
      traffic: this.#traffic,
      buckets: this.#buckets,
      newId: this.#parts.newId ?? newId,
      alerting: this.#parts.alerting ?? {},
      wake: (atMs) => this.wake(destination, atMs),
      checkAt: (atMs) => this.#checkAt(destination, atMs),
      takeWake: () => this.#woken.delete(destination),
      onSettled: ({ to }) => {
        this.#totals.settled += 1;
        if (to === "delivered" || to === "dead") this.#totals[to] += 1;
      },
      onLost: () => {
        for (const each of this.#runs.values()) each.forget();
      },
    });
    this.#runs.set(destination, run);
    this.#traffic.destinations = this.#runs.size;
    const onBug = (error: unknown) => {
      this.#parts.log.error("dispatcher run failed", { destination, error: redact(messageOf(error)) });
      return "nothing" as const;
    };
    const ended = run.run().catch(onBug);
    this.#ended.set(
      destination,
      ended.then((end) => this.#onEnded(destination, end)),
    );
  }

  #onEnded(destination: string, end: RunEnd): void {
    this.#runs.delete(destination);
    this.#traffic.destinations = this.#runs.size;
    this.#ended.delete(destination);
    if (this.#closed) return;
    if (end === "nothing") this.#rescanAfterNothing();
    else this.#fruitless = 0;
    if (end === "rest") this.#rescanWithin(Math.max(NEXT_RESCAN_MS, this.#rescanCostMs * RESCAN_SHARE));
    if (this.#woken.delete(destination)) this.#onDue(destination);
    this.#startQueued();
    this.#tellBusy();
  }

  /** A destination was due and gave nothing: another process works on it. Looks again, more and more rarely. */
  #rescanAfterNothing(): void {
    this.#fruitless += 1;
    this.#rescanWithin(Math.min(LONGEST_RESCAN_MS, storeBackoffMs(this.#fruitless, this.#parts.random)));
  }

  #rescanWithin(ms: number): void {
    const { clock } = this.#parts;
    const atMs = clock.monotonic() + ms;
    if (this.#rescanTimer !== undefined && this.#rescanTimer.atMs <= atMs) return;
    this.#rescanTimer?.handle[Symbol.dispose]();
    const onTime = () => {
      this.#rescanTimer = undefined;
      void this.rescan();
    };
    this.#rescanTimer = { atMs, handle: clock.timer(ms, onTime, { keepAlive: false }) };
  }
}
