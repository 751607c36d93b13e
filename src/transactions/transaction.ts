import type { RecordStore, ResultRecord } from "../results/record-store.ts";

/** `ACTIVE` while its block runs, `STAGED` once it has something to commit; the last two are final. */
export type TransactionState = "PENDING" | "ACTIVE" | "STAGED" | "COMMITTED" | "ROLLED_BACK";

export const COMMIT_MODES = ["LAZY", "EAGER", "OFF"] as const;

/**
 * When a transaction commits. `LAZY`: with the outermost transaction around it. `EAGER`: when its block ends.
 * `OFF`: only by hand, else it is rolled back.
 */
export type CommitMode = (typeof COMMIT_MODES)[number];

export const ISOLATION_LEVELS = ["READ_COMMITTED", "SERIALIZABLE"] as const;

/** `READ_COMMITTED`: under one key the last writer wins. `SERIALIZABLE`: one at a time, by a lock on the key. */
export type IsolationLevel = (typeof ISOLATION_LEVELS)[number];

/** Runs when a transaction commits or rolls back. It may be async; what it returns is ignored. */
export type TransactionHook = (txn: Transaction) => unknown;

export interface StageOptions {
  /** Run in order when the transaction commits, before its record is written. */
  readonly onCommitHooks?: readonly TransactionHook[];
  /** Run in reverse order when it rolls back. */
  readonly onRollbackHooks?: readonly TransactionHook[];
  /** When the record expires, epoch milliseconds. Default null: never. */
  readonly expiresAtMs?: number | null;
}

export interface TransactionOptions {
  /**
   * Where its record is kept; a record found there means that the work has been done. Default: no record. In place of a
   * key with a known secret in it, or a very long one, its hash is used.
   */
  readonly key?: string;
  /** Keeps the record. Default: where results of the run around it are kept, else the hub's store. */
  readonly store?: RecordStore;
  /** Default: that of the transaction around it, else `LAZY`. */
  readonly commitMode?: CommitMode;
  /** Default: that of the transaction around it, else `READ_COMMITTED`. */
  readonly isolationLevel?: IsolationLevel;
  /** Does the work also when a record exists. Default false. */
  readonly overwrite?: boolean;
  /** Writes the staged value under the key when it commits. Default true. */
  readonly writeOnCommit?: boolean;
}

/**
 * Work that is kept or undone as a whole: the block given to `transaction()`, or one attempt of a task.
 * Source: Prefect 3, "Transactions".
 */
export interface Transaction {
  readonly key: string | null;
  readonly state: TransactionState;
  readonly commitMode: CommitMode;
  readonly isolationLevel: IsolationLevel;
  /** Transactions whose blocks ended inside this one, in the order in which they ended. */
  readonly children: readonly Transaction[];
  isPending(): boolean;
  isActive(): boolean;
  isStaged(): boolean;
  /** Also true from the start when a record was found under its key. */
  isCommitted(): boolean;
  isRolledBack(): boolean;
  /** Keeps a value for this transaction and those inside it. It is not stored anywhere. */
  set(name: string, value: unknown): void;
  /**
   * A deep copy of a value of this transaction, else of the nearest one around it. Functions and instances of classes
   * are not copied.
   *
   * @param fallback Returned as it is when there is no such value; `undefined` and `null` count as given.
   * @throws transaction_value_unknown
   */
  get<T = unknown>(name: string, ...fallback: [] | [fallback: T]): T;
  /** What to write under the key, and what to do at the end. Hooks add up; nothing happens once it is committed. */
  stage(value: unknown, options?: StageOptions): void;
  /** The record under its key, once nobody else holds the key's lock; null when there is none. */
  read(): Promise<ResultRecord | null>;
  /**
   * Commits what ended inside it, runs its hooks, then writes its record. An error is logged and rolls this transaction
   * back; it is not thrown. A transaction inside it that fails to commit is rolled back alone.
   *
   * @returns False when it is committed or rolled back already, or failed to commit.
   */
  commit(): Promise<boolean>;
  /**
   * Undoes it, then what ended inside it and is not committed. The transactions around it follow as their blocks end.
   *
   * @returns False when it is committed or rolled back already, or when a hook failed; the others run all the same.
   */
  rollback(): Promise<boolean>;
  /** The transaction around it; null for an outermost one. Also after it has ended. */
  getParent(): Transaction | null;
}
