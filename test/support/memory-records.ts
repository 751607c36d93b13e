import type { LockManager } from "../../src/results/lock-manager.ts";
import type { RecordStore, ResultRecord } from "../../src/results/record-store.ts";

/** Locks in memory, given to those who wait in the order in which they came. Nothing times out. */
export class MemoryLocks implements LockManager {
  readonly #holders = new Map<string, string>();
  readonly #waiting: { readonly key: string; readonly go: () => void }[] = [];

  get held(): readonly string[] {
    return [...this.#holders.keys()];
  }

  /** How many wait for a lock now. */
  get waiting(): number {
    return this.#waiting.length;
  }

  async acquire(key: string, holder: string, { signal }: { readonly signal?: AbortSignal } = {}): Promise<void> {
    for (let by = this.#holders.get(key); by !== undefined && by !== holder; by = this.#holders.get(key)) {
      await this.#turn(key, signal);
    }
    this.#holders.set(key, holder);
  }

  async release(key: string, holder: string): Promise<void> {
    await Promise.resolve();
    if (this.#holders.get(key) !== holder) return;
    this.#holders.delete(key);
    for (const entry of this.#waiting.filter((one) => one.key === key)) {
      this.#waiting.splice(this.#waiting.indexOf(entry), 1);
      entry.go();
    }
  }

  async waitFor(key: string, { signal }: { readonly signal?: AbortSignal } = {}): Promise<void> {
    while (this.#holders.has(key)) await this.#turn(key, signal);
  }

  async isHolder(key: string, holder: string): Promise<boolean> {
    return this.#holders.get(key) === holder;
  }

  #turn(key: string, signal: AbortSignal | undefined): Promise<void> {
    return new Promise((resolve, reject) => {
      const entry = { key, go: resolve };
      this.#waiting.push(entry);
      signal?.addEventListener("abort", () => {
        this.#waiting.splice(this.#waiting.indexOf(entry), 1);
        reject(signal.reason);
      });
    });
  }
}

/** Records in memory; what a test wants to go wrong is set from outside. */
export class MemoryRecords implements RecordStore {
  readonly records = new Map<string, ResultRecord>();
  /** Keys in the order in which they were written. */
  readonly written: string[] = [];
  failure: Error | null = null;
  readonly locks: MemoryLocks | null;

  constructor(locks: MemoryLocks | null = null) {
    this.locks = locks;
  }

  async read(key: string): Promise<ResultRecord | null> {
    return this.records.get(key) ?? null;
  }

  async exists(key: string): Promise<boolean> {
    if (this.failure !== null) throw this.failure;
    return this.records.has(key);
  }

  async write(key: string, record: ResultRecord): Promise<void> {
    await Promise.resolve();
    if (this.failure !== null) throw this.failure;
    this.records.set(key, record);
    this.written.push(key);
  }
}
