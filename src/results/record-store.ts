import type { LockManager } from "./lock-manager.ts";

/** A value kept under a key. */
export interface ResultRecord {
  readonly value: unknown;
  /** Epoch milliseconds; null never expires. */
  readonly expiresAtMs: number | null;
}

/** Results under keys: what caching reads, and what transactions write when they commit. */
export interface RecordStore {
  /** Null: nothing there, expired, or not readable (which is logged); the work is then done again. */
  read(key: string): Promise<ResultRecord | null>;
  /** True when `read` could give a record. */
  exists(key: string): Promise<boolean>;
  /** Replaces what is there. Resolves when it is durable. */
  write(key: string, record: ResultRecord): Promise<void>;
  /** Null: no locking, so transactions on this store cannot be SERIALIZABLE. */
  readonly locks: LockManager | null;
}
