import type { Clock } from "../../base/clock.ts";
import { BellhopError } from "../../base/errors.ts";
import { killPoint } from "../../base/kill-points.ts";
import type { Logger } from "../../base/logger.ts";
import type { Random } from "../../base/random.ts";
import { BUSY_BUDGET_MS, busyWaitMs } from "./busy.ts";
import type { Database } from "./database.ts";
import type { LogFlush } from "./log-flush.ts";
import { isBusy, stopsStore, storeError } from "./sqlite-error.ts";

/** Most units in one transaction, so that one batch blocks the event loop and other processes for about 10 ms at most. */
export const LARGEST_BATCH = 500;
/** Latest instant at which what was appended is written, milliseconds. */
const WRITE_BEHIND_MS = 50;
/** After a failed write nobody waits for: time to the next try, milliseconds. */
const RETRY_MS = 1_000;
/** A flow that never lets the event loop turn is written for at every this many appended units; keeps memory flat. */
const INLINE_EVERY = 1_000;
/** How long an exiting process blocks for a lock, milliseconds. */
const EXIT_LOCK_MS = 2_000;

/** One attempt to store units in one transaction. Another attempt is another object. */
export interface Batch {
  /** Number of the last unit in it; it holds every unit up to there that is not stored yet. */
  readonly through: number;
}

/** Writes with the statements of one connection; runs again from the start when its transaction is taken back. */
export type Work<T> = (db: Database) => T;

/** Work that wants to know what else is in its transaction. */
export type BatchWork<T> = (db: Database, batch: Batch) => T;

interface Waiter {
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: BellhopError) => void;
}

interface Unit {
  /** Counts up in the order of the calls. */
  readonly number: number;
  readonly work: BatchWork<unknown>;
  /** Absent: written behind its caller, stays queued until it is stored. */
  readonly waiter?: Waiter;
  /** Called after the commit, before the waiter. */
  readonly committed?: (value: unknown) => void;
}

/** The value a unit's own work returned comes back to its own callback; the queue between them does not look at it. */
const told = (committed: ((value: never) => void) | undefined): Pick<Unit, "committed"> =>
  committed === undefined ? {} : { committed: (value) => committed(value as never) };

type Result = { readonly value: unknown } | { readonly refused: BellhopError };

interface QueueParts {
  readonly db: Database;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  /** Puts commits on the disk. Absent: a commit is as durable as it will be acknowledged. */
  readonly logFlush?: LogFlush | undefined;
}

/**
 * Every write of this process, in the order of the calls. What waits in one turn of the event loop becomes one
 * transaction (group commit), and nobody is told before it is committed and flushed. The next transaction does not wait
 * for the flush of the one before. A transaction never outlives the turn it began in, so no two of them mix.
 */
export class CommitQueue {
  readonly #db: Database;
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #log: Logger;
  readonly #logFlush: LogFlush | undefined;
  #units: Unit[] = [];
  #nextNumber = 0;
  /** How many of the units nobody waits for. */
  #appended = 0;
  #pumping = false;
  #timer: Disposable | undefined;
  #closed = false;
  /** An appended unit the database will never take; told once, to the next `flush`. */
  #refused: BellhopError | undefined;
  #lastFailure: BellhopError | undefined;

  constructor({ db, clock, random, log, logFlush }: QueueParts) {
    this.#db = db;
    this.#clock = clock;
    this.#random = random;
    this.#log = log;
    this.#logFlush = logFlush;
  }

  /** Units not yet committed. */
  get size(): number {
    return this.#units.length;
  }

  /** The number that the next unit gets. */
  get nextNumber(): number {
    return this.#nextNumber;
  }

  /** Units nobody waits for; a read must let them be written first. */
  get appended(): number {
    return this.#appended;
  }

  /** Why the last transaction failed; undefined after one that succeeded. */
  get lastFailure(): BellhopError | undefined {
    return this.#lastFailure;
  }

  /** Stores a unit; resolves with its value when it is durable. `committed` runs just before that. */
  submit<T>(work: BatchWork<T>, committed?: (value: T) => void): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      this.#refuseWhenClosed();
      // As in told().
      this.#push({ work, waiter: { resolve: (value) => resolve(value as T), reject }, ...told(committed) });
      this.#wake();
    });
  }

  /** Stores a unit behind the caller: with the next commit, and after 50 ms at the latest. */
  append<T>(work: BatchWork<T>, committed?: (value: T) => void): void {
    this.#refuseWhenClosed();
    this.#push({ work, ...told(committed) });
    this.#appended += 1;
    if (this.#units.length % INLINE_EVERY === 0) this.#drainNow();
    else this.#writeWithin(WRITE_BEHIND_MS);
  }

  /** Resolves when everything queued so far is durable. */
  async flush(): Promise<void> {
    if (this.#units.length > 0) await this.submit(() => undefined);
    else await this.flushed();
    const refused = this.#refused;
    this.#refused = undefined;
    if (refused !== undefined) throw refused;
  }

  /** Resolves when everything committed so far is durable, or is known not to be. */
  async flushed(): Promise<void> {
    await this.#logFlush?.settled();
  }

  /** Stores everything queued, then `work`, before it returns. Blocks for a lock; only for a process that is exiting. */
  writeSync(work: BatchWork<void>): void {
    this.#refuseWhenClosed();
    let failure: BellhopError | undefined;
    this.#push({ work, waiter: { resolve: () => undefined, reject: (error) => (failure = error) } });
    this.#db.blockForLock(EXIT_LOCK_MS);
    try {
      const stopped = this.#drainNow();
      if (stopped !== undefined) this.#fail(this.#toCoded(stopped, EXIT_LOCK_MS));
      this.#logFlush?.flushNow();
    } finally {
      this.#db.blockForLock(0);
    }
    if (failure !== undefined) throw failure;
  }

  /** Takes no more units. Flush first. */
  close(): void {
    this.#closed = true;
    this.#timer?.[Symbol.dispose]();
    this.#timer = undefined;
  }

  #push(unit: Omit<Unit, "number">): void {
    this.#units.push({ number: this.#nextNumber, ...unit });
    this.#nextNumber += 1;
  }

  #refuseWhenClosed(): void {
    if (this.#closed) throw new BellhopError("store_unavailable", { path: this.#db.path, reason: "it was closed" });
  }

  #wake(): void {
    if (this.#pumping) return;
    this.#pumping = true;
    this.#timer?.[Symbol.dispose]();
    this.#timer = undefined;
    // At the end of the turn, so that everyone who writes in this turn is in the same transaction.
    setImmediate(() => void this.#pump());
  }

  #writeWithin(ms: number): void {
    if (this.#pumping || this.#closed || this.#timer !== undefined) return;
    this.#timer = this.#clock.timer(
      ms,
      () => {
        this.#timer = undefined;
        this.#wake();
      },
      { keepAlive: false },
    );
  }

  /** Writes until the queue is empty or the store cannot take more. Never rejects. */
  async #pump(): Promise<void> {
    let startedMs = this.#clock.monotonic();
    let tries = 0;
    while (this.#units.length > 0) {
      const stopped = this.#writeBatch();
      if (stopped === undefined) {
        tries = 0;
        if (this.#units.length > 0) await new Promise<void>((resolve) => setImmediate(resolve));
        startedMs = this.#clock.monotonic();
        continue;
      }
      const waitedMs = this.#clock.monotonic() - startedMs;
      if (!isBusy(stopped) || waitedMs >= BUSY_BUDGET_MS) {
        this.#fail(this.#toCoded(stopped, waitedMs));
        break;
      }
      tries += 1;
      await this.#clock.sleep(busyWaitMs(tries, this.#random));
    }
    this.#pumping = false;
    if (this.#units.length > 0) this.#writeWithin(RETRY_MS);
  }

  /** As many batches as the queue holds, without waiting for a lock; what stopped it, if anything. */
  #drainNow(): unknown {
    while (this.#units.length > 0) {
      const stopped = this.#writeBatch();
      if (stopped !== undefined) {
        this.#writeWithin(RETRY_MS);
        return stopped;
      }
    }
    return undefined;
  }

  /** One transaction. Returns the error that keeps the store from taking it; then nothing was written or told. */
  #writeBatch(): unknown {
    const batch = this.#units.slice(0, LARGEST_BATCH);
    let results: readonly Result[];
    try {
      killPoint("commit:before");
      results = this.#apply(batch);
      killPoint("commit:after");
    } catch (error) {
      return error;
    }
    this.#units.splice(0, batch.length);
    for (const unit of batch) if (unit.waiter === undefined) this.#appended -= 1;
    this.#whenDurable((failure) => {
      this.#lastFailure = failure;
      batch.forEach((unit, index) => this.#tell(unit, failure === undefined ? results[index] : { refused: failure }));
    });
    return undefined;
  }

  #whenDurable(told: (failure: BellhopError | undefined) => void): void {
    if (this.#logFlush === undefined) told(undefined);
    else this.#logFlush.after((error) => told(error === undefined ? undefined : storeError(error, this.#db.path)));
  }

  /** Without savepoints first, which cost a tenth of a unit each; with them only if a unit was refused. */
  #apply(batch: readonly Unit[]): readonly Result[] {
    const db = this.#db;
    const whole: Batch = { through: batch.at(-1)?.number ?? 0 };
    try {
      return db.transaction(() => {
        const results = batch.map((unit) => ({ value: unit.work(db, whole) }));
        killPoint("commit:inside");
        return results;
      });
    } catch (error) {
      if (stopsStore(error)) throw error;
    }
    return db.transaction(() => batch.map((unit) => this.#applyAlone(unit)));
  }

  #applyAlone(unit: Unit): Result {
    try {
      // Each may be taken back alone, so none may count on the others.
      const alone: Batch = { through: unit.number };
      return { value: this.#db.savepoint(() => unit.work(this.#db, alone)) };
    } catch (error) {
      if (stopsStore(error)) throw error;
      return { refused: storeError(error, this.#db.path) };
    }
  }

  #tell(unit: Unit, result: Result | undefined): void {
    if (result === undefined) return;
    if ("refused" in result) {
      if (unit.waiter !== undefined) return unit.waiter.reject(result.refused);
      // Only a defect leads here: its values were checked when it was queued. It must not hold up what follows it.
      this.#refused = result.refused;
      this.#log.error("a queued record was refused by the store", {
        code: result.refused.code,
        error: result.refused.message,
      });
      return;
    }
    try {
      unit.committed?.(result.value);
    } catch (error) {
      this.#log.error("a listener of the store threw", { error: storeError(error, this.#db.path).message });
    }
    unit.waiter?.resolve(result.value);
  }

  /** Tells everyone who waits; what nobody waits for stays queued, in order. */
  #fail(failure: BellhopError): void {
    const waiting = this.#units.filter((unit) => unit.waiter !== undefined);
    this.#units = this.#units.filter((unit) => unit.waiter === undefined);
    if (waiting.length === 0 && this.#lastFailure?.code !== failure.code) {
      this.#log.warn("the store takes no writes", { code: failure.code, queued: this.#units.length });
    }
    this.#lastFailure = failure;
    for (const unit of waiting) unit.waiter?.reject(failure);
  }

  #toCoded(error: unknown, waitedMs: number): BellhopError {
    const { path } = this.#db;
    return isBusy(error)
      ? new BellhopError("store_busy", { path, waitedMs }, { cause: error })
      : storeError(error, path);
  }
}
