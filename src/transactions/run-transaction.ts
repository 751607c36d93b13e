import type { Logger } from "../base/logger.ts";
import { storedKey } from "../results/plan.ts";
import type { RecordStore } from "../results/record-store.ts";
import { CodedTypeError } from "../states/coded-type-error.ts";
import type { OpenOptions } from "./open-options.ts";
import { innermost, OpenTransaction } from "./open-transaction.ts";
import { COMMIT_MODES, ISOLATION_LEVELS, type Transaction, type TransactionOptions } from "./transaction.ts";

/** What `transaction()` takes from the place where it is called. */
export interface TransactionDefaults {
  /** That of the run, else of the process. */
  readonly log: Logger;
  /** For a key without a store. */
  readonly records: RecordStore;
  /** Throws what has interrupted the run; called around a block, since its code may have swallowed the error. */
  readonly checkBoundary?: () => void;
  /** Ends the wait for a lock. */
  readonly signal?: AbortSignal;
  /** Remembers the transaction until the result is disposed, so that it can be undone when its block is given up. */
  readonly onOpened?: (txn: { undo(): Promise<void> }) => Disposable;
}

type Defaults = () => Promise<TransactionDefaults>;

let defaults: Defaults | undefined;

/** Set once by the composition root; called in the context of each call of `transaction()`. */
export const setTransactionDefaults = (given: Defaults): void => {
  defaults = given;
};

/** The innermost transaction around this code: of the block, or of the task's attempt. Null outside, and in hooks. */
export const getTransaction = (): Transaction | null => innermost();

type Block<T> = (txn: Transaction) => T | PromiseLike<T>;

/**
 * Runs a block whose work, tasks included, is kept or undone as a whole. When the block throws, hooks of what it has
 * staged undo it in reverse order, and so do those of the transactions around it. When it ends, the outermost
 * transaction commits; `commitMode` says otherwise. Values are written under their keys only then.
 *
 * @returns what the block returns. A failure to commit is logged, not thrown.
 * @throws what the block throws; invalid_definition, isolation_unsupported, lock_timeout
 * @example
 * await transaction({ key: "import/2026-01" }, async (txn) => {
 *   if (txn.isCommitted()) return;
 *   await load(await download());
 * });
 * Source: Prefect 3, "Transactions".
 */
export function transaction<T>(block: Block<T>): Promise<T>;
export function transaction<T>(options: TransactionOptions, block: Block<T>): Promise<T>;
export async function transaction<T>(...given: [Block<T>] | [TransactionOptions, Block<T>]): Promise<T> {
  const [options, block] = given.length === 1 ? [{}, given[0]] : given;
  check(options, block);
  if (defaults === undefined) throw new Error("no hub: import from the package entry, which sets one up");
  return runTransaction(await defaults(), options, block);
}

/** The same, where the caller says what to take. */
export async function runTransaction<T>(
  { log, records, checkBoundary, signal, onOpened }: TransactionDefaults,
  options: TransactionOptions,
  block: Block<T>,
): Promise<T> {
  checkBoundary?.();
  const txn = new OpenTransaction(openOptions(options, log, records));
  await txn.begin(signal);
  using _opened = onOpened?.(txn);
  let value: T;
  try {
    checkBoundary?.();
    value = await txn.within(() => block(txn));
    checkBoundary?.();
  } catch (error) {
    await txn.fail({ propagate: true });
    throw error;
  }
  await txn.close();
  return value;
}

function openOptions(given: TransactionOptions, log: Logger, records: RecordStore): OpenOptions {
  const key = given.key === undefined ? null : storedKey(given.key);
  const { store = key === null ? null : records, overwrite = false, writeOnCommit = true } = given;
  const { commitMode, isolationLevel } = given;
  return { key, records: store, overwrite, writeOnCommit, log, commitMode, isolationLevel };
}

function check({ key, commitMode, isolationLevel }: TransactionOptions, block: unknown): void {
  if (typeof block !== "function") fail("transaction", "it needs a function, which is its block");
  if (key !== undefined && (typeof key !== "string" || key === "")) fail("key", "it must be a text that is not empty");
  if (commitMode !== undefined && !COMMIT_MODES.includes(commitMode))
    fail("commitMode", `it must be one of ${COMMIT_MODES.join(", ")}`);
  if (isolationLevel !== undefined && !ISOLATION_LEVELS.includes(isolationLevel))
    fail("isolationLevel", `it must be one of ${ISOLATION_LEVELS.join(", ")}`);
}

function fail(option: string, problem: string): never {
  throw new CodedTypeError("invalid_definition", { option, problem });
}
