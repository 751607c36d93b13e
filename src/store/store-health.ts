import type { ErrorCode } from "../base/error-table.ts";

/** What can be said about a store without touching its contents; `bellhop doctor` shows it. */
export interface StoreHealth {
  readonly path: string;
  /** Version of SQLite. */
  readonly engine: string;
  readonly schemaVersion: number;
  /** `wal`, unless somebody changed it. */
  readonly journalMode: string;
  readonly durability: "full" | "normal";
  readonly fileBytes: number;
  /** Log that is not yet part of the file. */
  readonly logBytes: number;
  /** Writes of this process that are not stored yet. */
  readonly queuedWrites: number;
  /** Why the last write failed; null after one that succeeded. */
  readonly lastFailure: ErrorCode | null;
  /** What an integrity check found; null when none was asked for, empty when all is well. */
  readonly problems: readonly string[] | null;
}
