import type { LogFields, Logger } from "../../src/base/logger.ts";
import type { OpenOptions } from "../../src/transactions/open-options.ts";
import { OpenTransaction } from "../../src/transactions/open-transaction.ts";
import { runTransaction } from "../../src/transactions/run-transaction.ts";
import type { Transaction, TransactionHook, TransactionOptions } from "../../src/transactions/transaction.ts";
import { MemoryLocks, MemoryRecords } from "../support/memory-records.ts";

export interface Line {
  readonly level: keyof Logger;
  readonly message: string;
  readonly fields: LogFields;
}

type Block<T> = (txn: Transaction) => T | PromiseLike<T>;

interface Transact {
  <T>(block: Block<T>): Promise<T>;
  <T>(options: TransactionOptions, block: Block<T>): Promise<T>;
}

/** What one test works with: a store, a log, and hooks that note that they ran. */
export class Kit {
  readonly locks = new MemoryLocks();
  readonly records = new MemoryRecords(this.locks);
  readonly lines: Line[] = [];
  /** Names of hooks in the order in which they started. */
  readonly ran: string[] = [];
  readonly log: Logger = {
    debug: this.#line("debug"),
    info: this.#line("info"),
    warn: this.#line("warn"),
    error: this.#line("error"),
  };

  /** `transaction()` with this store and this log. */
  readonly transaction: Transact = async <T>(...given: [Block<T>] | [TransactionOptions, Block<T>]): Promise<T> =>
    given.length === 1 ? runTransaction(this, {}, given[0]) : runTransaction(this, ...given);

  hook(name: string, failure?: Error): TransactionHook {
    const hook = (): void => {
      this.ran.push(name);
      if (failure !== undefined) throw failure;
    };
    return Object.defineProperty(hook, "name", { value: name });
  }

  messages(level: keyof Logger): string[] {
    return this.lines.filter((line) => line.level === level).map((line) => line.message);
  }

  open(options: Partial<OpenOptions> = {}): OpenTransaction {
    return new OpenTransaction({ key: null, records: null, log: this.log, ...options });
  }

  /** One attempt of a task that returns. */
  async task(
    name: string,
    hooks: { readonly commit?: Error; readonly rollback?: Error } = {},
    options: Partial<OpenOptions> = {},
  ): Promise<OpenTransaction> {
    const txn = this.open({ name, ...options });
    await txn.begin();
    await txn.within(async () => {
      await Promise.resolve();
      txn.stage(name, {
        onCommitHooks: [this.hook(`commit ${name}`, hooks.commit)],
        onRollbackHooks: [this.hook(`undo ${name}`, hooks.rollback)],
      });
    });
    await txn.close();
    return txn;
  }

  /** One attempt of a task that throws. */
  async failingTask(error: Error, options: { readonly propagate: boolean } = { propagate: true }): Promise<never> {
    const txn = this.open({ name: "failing" });
    await txn.begin();
    await txn.fail(options);
    throw error;
  }

  #line(level: keyof Logger) {
    return (message: string, fields: LogFields = {}): void => void this.lines.push({ level, message, fields });
  }
}
