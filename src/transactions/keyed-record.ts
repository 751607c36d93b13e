import type { RecordStore, ResultRecord } from "../results/record-store.ts";
import type { LockUser, TreeLocks } from "./tree-locks.ts";

/** The record of one transaction, and the lock on it. */
export class KeyedRecord {
  readonly #key: string;
  readonly #records: RecordStore;
  readonly #user: LockUser;
  readonly #tree: TreeLocks;
  #isLocked = false;

  /** @param tree Locks of the outermost transaction. */
  constructor(init: {
    readonly key: string;
    readonly records: RecordStore;
    readonly user: LockUser;
    readonly tree: TreeLocks;
  }) {
    this.#key = init.key;
    this.#records = init.records;
    this.#user = init.user;
    this.#tree = init.tree;
  }

  get isLocked(): boolean {
    return this.#isLocked;
  }

  /** @throws lock_timeout */
  async lock(signal: AbortSignal | undefined): Promise<void> {
    const { locks } = this.#records;
    if (locks === null) return;
    await this.#tree.take(locks, this.#key, this.#user, signal);
    this.#isLocked = true;
  }

  async unlock(): Promise<void> {
    const { locks } = this.#records;
    if (locks === null || !this.#isLocked) return;
    this.#isLocked = false;
    await this.#tree.drop(locks, this.#key, this.#user);
  }

  /** What is there now; waits for its writer only when there is something. */
  async find(signal: AbortSignal | undefined): Promise<ResultRecord | null> {
    return (await this.#records.exists(this.#key)) ? this.read(signal) : null;
  }

  /** Waits until nobody else holds the lock. @throws lock_timeout */
  async read(signal?: AbortSignal): Promise<ResultRecord | null> {
    await this.#waitForOthers(signal);
    return this.#records.read(this.#key);
  }

  /** Waits until nobody else holds the lock. @throws lock_timeout */
  async write(record: ResultRecord): Promise<void> {
    await this.#waitForOthers();
    await this.#records.write(this.#key, record);
  }

  async #waitForOthers(signal?: AbortSignal): Promise<void> {
    const { locks } = this.#records;
    if (locks === null || this.#tree.holds(locks, this.#key)) return;
    await locks.waitFor(this.#key, signal === undefined ? {} : { signal });
  }
}
