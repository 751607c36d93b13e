import { closeSync, fdatasync, fdatasyncSync, openSync } from "node:fs";
import type { Clock } from "../../base/clock.ts";

/**
 * A flush that has not ended after so long, milliseconds, may wait for one of Node's four threads, which the program keeps
 * busy; then it is done on the main thread.
 */
const PATIENCE_MS = 1_000;

/** Called when what was committed is on the disk, or with the reason why it may not be. */
type Told = (error: unknown) => void;

interface FlushParts {
  /** SQLite's log. It is there once something was committed, and for as long as the database is open. */
  readonly path: string;
  /** Moves the log into the database and flushes both; false when somebody else is in the way. */
  readonly checkpoint: () => boolean;
  readonly clock: Clock;
  /** Default: the system's. */
  readonly flush?: (descriptor: number, ended: (error: Error | null) => void) => void;
}

/**
 * Flushes SQLite's log off the main thread, once for everything that was committed meanwhile. SQLite itself would flush
 * inside each commit and block the event loop for as long as the disk takes.
 *
 * A flush that fails says nothing about what the next one may promise: the system may have dropped the pages it could not
 * write. Then only a checkpoint counts, which writes all of it again, elsewhere.
 */
export class LogFlush {
  readonly #parts: FlushParts;
  readonly #flush: NonNullable<FlushParts["flush"]>;
  #waiting: Told[] = [];
  #running: Promise<void> | undefined;
  /** The latest flush. */
  #flushing: Promise<unknown> | undefined;
  #descriptor: number | undefined;
  /** Why the log may lack something that was committed. */
  #doubt: unknown;

  constructor(parts: FlushParts) {
    this.#parts = parts;
    this.#flush = parts.flush ?? fdatasync;
  }

  /** Calls back once everything committed so far is on the disk, in the order of the calls. */
  after(told: Told): void {
    this.#waiting.push(told);
    this.#running ??= this.#flushAll();
  }

  /** Resolves when everything committed so far is on the disk, or is known not to be; not for what is committed later. */
  async settled(): Promise<void> {
    if (this.#waiting.length > 0) await new Promise<void>((resolve) => this.#waiting.push(() => resolve()));
    else await this.#flushing;
  }

  /** Flushes before it returns; blocks the process. */
  flushNow(): void {
    if (this.#waiting.length === 0 && this.#running === undefined) return;
    tell(this.#take(), this.#verdict(this.#flushHere()));
  }

  /** Flush first. */
  close(): void {
    const descriptor = this.#descriptor;
    this.#descriptor = undefined;
    if (descriptor === undefined) return;
    if (this.#running === undefined) closeSync(descriptor);
    else void this.#running.then(() => closeSync(descriptor));
  }

  async #flushAll(): Promise<void> {
    while (this.#waiting.length > 0) {
      const waiting = this.#take();
      this.#flushing = this.#flushed();
      tell(waiting, this.#verdict(await this.#flushing));
    }
    this.#running = undefined;
  }

  #take(): readonly Told[] {
    const waiting = this.#waiting;
    this.#waiting = [];
    return waiting;
  }

  async #flushed(): Promise<unknown> {
    const { promise, resolve } = Promise.withResolvers<unknown>();
    const onLong = () => resolve(this.#flushHere());
    using _patience = this.#parts.clock.timer(PATIENCE_MS, onLong, { keepAlive: false });
    try {
      this.#flush(this.#open(), (error) => {
        // Also when nobody waits for it any more: the system tells of an error once.
        this.#doubt ??= error ?? undefined;
        resolve(error);
      });
    } catch (error) {
      // ENOENT, EACCES, EMFILE: the log cannot be opened a second time.
      resolve(error);
    }
    return await promise;
  }

  /** What kept it from being flushed. */
  #flushHere(): unknown {
    try {
      fdatasyncSync(this.#open());
      return undefined;
    } catch (error) {
      return error;
    }
  }

  #open(): number {
    // For writing, because Windows flushes no file that is open for reading.
    this.#descriptor ??= openSync(this.#parts.path, "r+");
    return this.#descriptor;
  }

  /** Why what was committed may not be on the disk; undefined when it is. */
  #verdict(error: unknown): unknown {
    this.#doubt ??= error ?? undefined;
    if (this.#doubt === undefined) return undefined;
    try {
      if (this.#parts.checkpoint()) this.#doubt = undefined;
    } catch {
      // The disk takes this no better; whoever waits gets the first error.
    }
    return this.#doubt;
  }
}

function tell(waiting: readonly Told[], error: unknown): void {
  for (const told of waiting) told(error);
}
