import type { Clock } from "../base/clock.ts";
import { errorCode, messageOf } from "../base/errors.ts";
import { killPoint } from "../base/kill-points.ts";
import type { Logger } from "../base/logger.ts";
import type { Random } from "../base/random.ts";
import { redact } from "../base/redactor.ts";
import type { DestinationHealth, Settlement } from "./delivery.ts";
import type { OutboxStore } from "./outbox-store.ts";
import { storeBackoffMs } from "./store-backoff.ts";

/** Most results in one transaction, so that one batch never blocks other writers for long. */
const LARGEST_BATCH = 512;

/**
 * While other attempts are out, results gather for this long before they are written, or until there are so many: a commit
 * costs a flush of the disk, and writes whole pages. Nothing waits for it but the next message of the same subject.
 */
const GATHER = { ms: 20, enough: 256 } as const;

/**
 * The same while this many destinations are worked on, which have enough claimed to go on with: what they write lies on
 * more pages, and the more of it shares a transaction, the fewer pages are written twice.
 */
const MANY_DESTINATIONS = 32;
const GATHER_OF_MANY = { ms: 50, enough: 512 } as const;

/** Tries per result when the dispatcher stops; what is left then stays `sending`, and is recovered as uncertain. */
const LAST_TRIES = 3;
const LAST_TRY_WAIT_MS = 20;

interface Entry {
  readonly settlement: Settlement;
  /** Of the destination, after this result. */
  readonly health: DestinationHealth | undefined;
  /** Counts up in the order of the results. */
  readonly order: number;
  readonly done: (written: boolean) => void;
}

interface HealthWrite {
  readonly health: DestinationHealth;
  readonly order: number;
}

/** What goes on in this process. */
export interface Traffic {
  /** Attempts that are out. */
  out: number;
  /** Destinations that are worked on. */
  destinations: number;
}

export interface StoreAccess {
  readonly outbox: OutboxStore;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
}

/**
 * Writes results in batches: while one transaction runs, the next batch gathers. A result that cannot be written stays
 * here and is tried again, so that a busy store delays a delivery and never repeats it.
 */
export class SettleQueue implements AsyncDisposable {
  readonly #parts: StoreAccess & { readonly traffic: Traffic; readonly leaseId: string };
  readonly #closing = new AbortController();
  #waiting: Entry[] = [];
  #batchSize = LARGEST_BATCH;
  #failures = 0;
  #writing: Promise<void> | undefined;
  /** Resolved to end the gathering early. */
  #gathered: PromiseWithResolvers<void> | undefined;
  #order = 0;
  /** Order of the newest health that was written of a destination: a result that comes late brings an older one. */
  readonly #healthOrders = new Map<string, number>();

  constructor(parts: StoreAccess & { readonly traffic: Traffic; readonly leaseId: string }) {
    this.#parts = parts;
  }

  /** Resolves with true when the result is durable; with false when the store refused it, or the queue was closed first. */
  push(settlement: Settlement, health?: DestinationHealth): Promise<boolean> {
    this.#order += 1;
    const order = this.#order;
    return new Promise((done) => {
      this.#waiting.push({ settlement, health, order, done });
      if (!this.#expectsMore()) this.flush();
      this.#writing ??= this.#writeAll();
    });
  }

  /** Resolves when results are written next, in the same turn; at once when none gather. */
  async nextWrite(): Promise<void> {
    await this.#gathered?.promise;
  }

  /** Writes what has gathered in this turn: whoever writes anyway lets the results share the transaction. */
  flush(): void {
    this.#gathered?.resolve();
  }

  /** Results that come later are still taken, and tried a few times each. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#failures = 0;
    this.#closing.abort();
    this.flush();
    await this.#writing;
  }

  async #writeAll(): Promise<void> {
    // What is settled in the same turn goes into the same transaction.
    await Promise.resolve();
    while (this.#waiting.length > 0) {
      await this.#gather();
      await this.#writeBatch();
      if (this.#failures === 0) continue;
      if (this.#closing.signal.aborted && this.#failures >= LAST_TRIES * this.#waiting.length) this.#giveUp();
      else await this.#pauseAfterFailure();
    }
    this.#writing = undefined;
  }

  async #gather(): Promise<void> {
    const { clock } = this.#parts;
    if (!this.#expectsMore() || this.#failures > 0 || this.#closing.signal.aborted) return;
    this.#gathered = Promise.withResolvers();
    using _timer = clock.timer(this.#gathering.ms, this.#gathered.resolve);
    await this.#gathered.promise;
    this.#gathered = undefined;
  }

  #expectsMore(): boolean {
    return this.#parts.traffic.out > 0 && this.#waiting.length < this.#gathering.enough;
  }

  get #gathering(): typeof GATHER | typeof GATHER_OF_MANY {
    return this.#parts.traffic.destinations < MANY_DESTINATIONS ? GATHER : GATHER_OF_MANY;
  }

  async #writeBatch(): Promise<void> {
    const batch = this.#waiting.slice(0, this.#batchSize);
    const settlements = batch.map((entry) => entry.settlement);
    const newest = this.#newestHealth(batch);
    try {
      killPoint("settle:before");
      await this.#parts.outbox.settle(
        settlements,
        this.#parts.leaseId,
        newest?.map(({ health }) => health),
      );
      killPoint("settle:after");
    } catch (error) {
      this.#onFailure(error);
      return;
    }
    for (const { health, order } of newest ?? []) this.#healthOrders.set(health.destination, order);
    this.#failures = 0;
    this.#batchSize = Math.min(LARGEST_BATCH, this.#batchSize * 2);
    this.#waiting = this.#waiting.slice(batch.length);
    for (const entry of batch) entry.done(true);
  }

  /** The last health of each destination in the batch; undefined when no result changed any. */
  #newestHealth(batch: readonly Entry[]): readonly HealthWrite[] | undefined {
    let newest: Map<string, HealthWrite> | undefined;
    for (const { health, order } of batch) {
      if (health === undefined) continue;
      newest ??= new Map();
      const { destination } = health;
      const known = Math.max(newest.get(destination)?.order ?? 0, this.#healthOrders.get(destination) ?? 0);
      if (order > known) newest.set(destination, { health, order });
    }
    return newest === undefined ? undefined : [...newest.values()];
  }

  #onFailure(error: unknown): void {
    const { log } = this.#parts;
    const [first, ...others] = this.#waiting;
    if (this.#batchSize === 1 && first !== undefined) {
      if (errorCode(error) === "delivery_move_refused") {
        // This process was taken for dead and the delivery was queued again: the result comes too late.
        const { deliveryId } = first.settlement.attempt;
        log.warn("the result of an attempt was refused", { deliveryId, error: redact(messageOf(error)) });
        this.#waiting = others;
        this.#failures = 0;
        first.done(false);
        return;
      }
      // Last from now on: a single bad result must not hold up the others.
      this.#waiting = [...others, first];
    }
    this.#failures += 1;
    this.#batchSize = 1;
    const fields = { count: this.#waiting.length, tries: this.#failures, error: redact(messageOf(error)) };
    log.warn("results of deliveries could not be written", fields);
  }

  async #pauseAfterFailure(): Promise<void> {
    const { clock, random } = this.#parts;
    const { signal } = this.#closing;
    if (signal.aborted) return clock.sleep(LAST_TRY_WAIT_MS);
    // An abort only ends the wait early: the last tries come now.
    await clock.sleep(storeBackoffMs(this.#failures, random), signal).catch(() => undefined);
  }

  #giveUp(): void {
    this.#parts.log.error("results of deliveries were left unwritten", { count: this.#waiting.length });
    for (const entry of this.#waiting) entry.done(false);
    this.#waiting = [];
  }
}
