import type { LockManager } from "./lock-manager.ts";

/** A record as it is stored: sealed, beside what is needed to open it. */
export interface StoredRecord {
  /** Type of the serializer that wrote it. */
  readonly serializer: string;
  readonly writtenAtMs: number;
  /** Epoch milliseconds; null never expires. */
  readonly expiresAtMs: number | null;
  readonly payload: Uint8Array;
}

/** Where sealed records lie: a table, or a folder. */
export interface RecordRows {
  /** Also an expired one. @throws result_unreadable when what is there is no record; the store's codes */
  read(key: string): Promise<StoredRecord | null>;
  /** Replaces what is there; resolves when it is durable. */
  write(key: string, record: StoredRecord): Promise<void>;
}

/** One storage of results, with the locks that all its users share. */
export interface RecordPlace {
  readonly rows: RecordRows;
  readonly locks: LockManager;
}
