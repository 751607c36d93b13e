import { AsyncLocalStorage } from "node:async_hooks";
import { redact } from "../base/redactor.ts";
import type { ResultRecord } from "../results/record-store.ts";
import { deepCopy } from "./deep-copy.ts";
import { KeyedRecord } from "./keyed-record.ts";
import type { OpenOptions } from "./open-options.ts";
import { errorOf, type HookCall, HookLists, type StageHooks } from "./staged-hook.ts";
import type { CommitMode, IsolationLevel, Transaction, TransactionState } from "./transaction.ts";
import { ConfigurationError, TransactionReenteredError, UnknownTransactionValueError } from "./transaction-errors.ts";
import { TreeLocks } from "./tree-locks.ts";

const scope = new AsyncLocalStorage<OpenTransaction | null>();
const outside = <T>(fn: () => T): T => scope.run(null, fn);

/** The innermost transaction around this code. */
export const innermost = (): OpenTransaction | null => scope.getStore() ?? null;

const NO_CHILDREN: readonly OpenTransaction[] = [];

/**
 * A transaction as whoever runs its block sees it. The order of calls is `begin`, `within`, then `close`, `fail` or
 * `abandon`. Those return undefined, and no promise, when there is nothing to wait for.
 */
export class OpenTransaction implements Transaction {
  readonly key: string | null;
  readonly commitMode: CommitMode;
  readonly isolationLevel: IsolationLevel;
  /** What was found under the key. The transaction is committed then, and the work need not be done. */
  found: ResultRecord | null = null;
  readonly #options: OpenOptions;
  readonly #parent: OpenTransaction | null;
  #record: KeyedRecord | null = null;
  #state: TransactionState = "PENDING";
  #isEntered = false;
  #isClosed = false;
  /** A commit or rollback under way. One asked for meanwhile, by a hook for instance, is refused: it would wait for itself. */
  #ending: Promise<boolean> | "starting" | null = null;
  /** It was rolled back because it could not be committed. */
  #isUncommittable = false;
  #children: OpenTransaction[] | null = null;
  #values: Map<string, unknown> | null = null;
  #staged: ResultRecord | null = null;
  /** False: what was staged is not for others. */
  #isKept = true;
  #hooks: HookLists | null = null;
  /** Of the whole tree; only the outermost transaction has them. */
  #locks: TreeLocks | null = null;

  constructor(options: OpenOptions) {
    const parent = innermost();
    this.#parent = parent;
    this.#options = options;
    this.key = options.key;
    this.commitMode = options.commitMode ?? parent?.commitMode ?? "LAZY";
    this.isolationLevel = options.isolationLevel ?? parent?.isolationLevel ?? "READ_COMMITTED";
  }

  get state(): TransactionState {
    return this.#state;
  }

  get children(): readonly OpenTransaction[] {
    return this.#children ?? NO_CHILDREN;
  }

  isPending(): boolean {
    return this.#state === "PENDING";
  }

  isActive(): boolean {
    return this.#state === "ACTIVE";
  }

  isStaged(): boolean {
    return this.#state === "STAGED";
  }

  isCommitted(): boolean {
    return this.#state === "COMMITTED";
  }

  isRolledBack(): boolean {
    return this.#state === "ROLLED_BACK";
  }

  getParent(): OpenTransaction | null {
    return this.#parent;
  }

  isInside(other: unknown): boolean {
    for (let around = this.#parent; around !== null; around = around.#parent) if (around === other) return true;
    return false;
  }

  set(name: string, value: unknown): void {
    this.#values ??= new Map();
    this.#values.set(name, value);
  }

  get<T = unknown>(name: string, ...fallback: [] | [fallback: T]): T {
    const found = this.#valueOf(name);
    // What a name stands for is agreed between those who set and get it.
    if (found !== undefined) return deepCopy(found.value) as T;
    if (fallback.length === 0) throw new UnknownTransactionValueError({ name });
    return fallback[0];
  }

  stage(value: unknown, options: StageHooks = {}): void {
    if (this.#state === "COMMITTED") return;
    // A block that goes on although it was rolled back may stage; that is undone when the block ends.
    if (this.#state !== "ROLLED_BACK") this.#state = "STAGED";
    else if (this.#isClosed) return;
    if (this.#record !== null) {
      this.#staged = { value, expiresAtMs: options.expiresAtMs ?? null };
      this.#isKept = options.isKept ?? true;
    }
    if ((options.onCommitHooks?.length ?? 0) + (options.onRollbackHooks?.length ?? 0) === 0) return;
    this.#hooks ??= new HookLists();
    this.#hooks.add(options);
  }

  async read(): Promise<ResultRecord | null> {
    return this.#record === null ? null : this.#record.read();
  }

  async commit(): Promise<boolean> {
    return this.#commit();
  }

  async rollback(): Promise<boolean> {
    return this.#rollBack();
  }

  /**
   * Takes the lock and looks for the record. A failure ends the transaction and concerns no other one.
   *
   * @param signal Ends waiting for the lock.
   * @throws transaction_reentered, isolation_unsupported, lock_timeout, and what the record store throws
   */
  begin(signal?: AbortSignal): void | Promise<void> {
    if (this.#state !== "PENDING") throw this.#reentered();
    const { key, records, overwrite = false } = this.#options;
    const isSerial = this.isolationLevel === "SERIALIZABLE";
    if (isSerial && records?.locks === null) throw new ConfigurationError({ level: this.isolationLevel });
    this.#state = "ACTIVE";
    if (key === null || records === null) return undefined;
    this.#record = new KeyedRecord({ key, records, user: this, tree: this.#treeLocks() });
    return overwrite && !isSerial ? undefined : this.#begin(this.#record, signal);
  }

  /** Runs the block with this as the innermost transaction. @throws transaction_reentered */
  within<T>(fn: () => T): T {
    if (this.#isEntered) throw this.#reentered();
    this.#isEntered = true;
    return scope.run(this, fn);
  }

  /** The block ended normally. */
  close(): void | Promise<void> {
    this.#isClosed = true;
    const waits = this.#windUp();
    return waits === undefined ? this.#close() : waits.then(() => this.#close());
  }

  /**
   * The block threw.
   *
   * @param propagate Rolls back the transactions around it too; false for an attempt that is followed by another.
   */
  fail({ propagate }: { readonly propagate: boolean }): void | Promise<void> {
    this.#isClosed = true;
    const waits = this.#windUp();
    return waits === undefined ? this.#fail(propagate) : waits.then(() => this.#fail(propagate));
  }

  /** The block was given up and cannot end it any more. Waits for an end under way; never rejects. */
  async undo(): Promise<void> {
    if (this.#ending instanceof Promise) await this.#ending;
    await this.#rollBack();
  }

  /** Ends it without running a hook, and gives its locks back: others have to deal with what was done. */
  abandon(): void | Promise<void> {
    this.#isClosed = true;
    if (this.#isOver() || this.#ending !== null) return undefined;
    this.#state = "ROLLED_BACK";
    this.#hooks = null;
    const waits = this.children.map((child) => child.abandon()).filter((wait) => wait instanceof Promise);
    if (this.#isLocked()) waits.push(this.#unlock());
    return waits.length === 0 ? undefined : Promise.all(waits).then(nothing);
  }

  async #begin(record: KeyedRecord, signal: AbortSignal | undefined): Promise<void> {
    try {
      if (this.isolationLevel === "SERIALIZABLE") await record.lock(signal);
      if (this.#options.overwrite !== true) this.found = await record.find(signal);
    } catch (error) {
      this.#state = "ROLLED_BACK";
      await this.#unlock();
      throw error;
    }
    if (this.found === null) return;
    this.#state = "COMMITTED";
    await this.#unlock();
  }

  /** Here, else around here. */
  #valueOf(name: string): { readonly value: unknown } | undefined {
    if (this.#values?.has(name) === true) return { value: this.#values.get(name) };
    return this.#parent === null ? undefined : this.#parent.#valueOf(name);
  }

  /** What was begun inside the block and not waited for, or came too late. */
  #windUp(): Promise<void> | undefined {
    return this.#ending === null && (this.#state !== "ROLLED_BACK" || this.#hooks === null)
      ? undefined
      : this.#windUpLater();
  }

  async #windUpLater(): Promise<void> {
    if (this.#ending instanceof Promise) await this.#ending;
    if (this.#state !== "ROLLED_BACK" || this.#hooks === null) return;
    this.#warn("work was staged in a transaction that had been rolled back, so it is undone");
    await this.#undo();
  }

  #close(): void | Promise<void> {
    const parent = this.#parent;
    if (parent === null) return quiet(this.commitMode === "OFF" ? this.#rollBack() : this.#commit());
    const committed = this.commitMode === "EAGER" ? quiet(this.#commit()) : undefined;
    return committed === undefined ? this.#handOver(parent) : committed.then(() => this.#handOver(parent));
  }

  #fail(propagate: boolean): void | Promise<void> {
    const parent = propagate ? this.#parent : null;
    const undone = quiet(this.#rollBack());
    // What was thrown concerns the parent, also when a commit by hand had failed before.
    this.#isUncommittable = false;
    if (parent === null) return undone;
    return undone === undefined ? this.#handOver(parent) : undone.then(() => this.#handOver(parent));
  }

  /** From here on the parent decides, unless it has decided already. One that is ending takes it along. */
  #handOver(parent: OpenTransaction): void | Promise<void> {
    parent.#adopt(this);
    if (this.#state === "ROLLED_BACK") return this.#isUncommittable ? undefined : quiet(parent.#rollBack());
    return parent.#ending === null ? parent.#settleLate(this) : undefined;
  }

  #adopt(child: OpenTransaction): void {
    this.#children ??= [];
    this.#children.push(child);
  }

  /** Does to a child what was done to this transaction before the child's block had ended. */
  #settleLate(child: OpenTransaction): void | Promise<void> {
    if (child.#isOver()) return undefined;
    if (this.#state === "COMMITTED") return quiet(child.#commit());
    if (this.#state !== "ROLLED_BACK") return undefined;
    child.#warn("the transaction around this one had been rolled back, so it is rolled back too");
    return quiet(child.#rollBack());
  }

  #commit(): boolean | Promise<boolean> {
    if (this.#isOver() || this.#ending !== null) return false;
    if (this.#children === null && this.#hooks === null && this.#record === null) {
      this.#state = "COMMITTED";
      return true;
    }
    return this.#end(() => this.#commitAll());
  }

  #rollBack(): boolean | Promise<boolean> {
    if (this.#isOver() || this.#ending !== null) return false;
    if (this.#children === null && this.#hooks === null && !this.#isLocked()) {
      this.#state = "ROLLED_BACK";
      return true;
    }
    return this.#end(() => this.#undoAll());
  }

  #end(work: () => Promise<boolean>): Promise<boolean> {
    // Set before the first hook is called, which happens before `work` returns.
    this.#ending = "starting";
    const ending = work();
    this.#ending = ending;
    return ending;
  }

  async #commitAll(): Promise<boolean> {
    const count = this.children.length;
    try {
      for (const child of this.children.slice(0, count)) await child.#commit();
      await this.#hooks?.runCommit(this.#hookCall());
      if (this.#record !== null && this.#isKept && this.#options.writeOnCommit !== false)
        await this.#record.write(this.#staged ?? { value: undefined, expiresAtMs: null });
    } catch (error) {
      await this.#giveUp(error);
      return false;
    }
    this.#state = "COMMITTED";
    this.#hooks = null;
    await this.#finish(count);
    return true;
  }

  /** It failed to commit, which concerns no other transaction; but the one around it says so in its log. */
  async #giveUp(error: unknown): Promise<void> {
    const fields = { transaction: this.#label(), error: errorOf(error) };
    this.#options.log.error("the transaction could not be committed, so it is rolled back", fields);
    this.#isUncommittable = true;
    await this.#undoAll();
    const parent = this.#parent;
    if (parent === null) return;
    const child = { transaction: parent.#label(), child: this.#label() };
    parent.#options.log.error("a transaction inside this one could not be committed", child);
  }

  async #undoAll(): Promise<boolean> {
    let isClean = await this.#undo();
    this.#state = "ROLLED_BACK";
    const count = this.children.length;
    for (const child of this.children.slice(0, count).toReversed()) {
      if (child.#isOver() || child.#ending !== null) continue;
      if (!(await child.#rollBack())) isClean = false;
    }
    await this.#finish(count);
    return isClean;
  }

  async #undo(): Promise<boolean> {
    const isClean = (await this.#hooks?.runRollback(this.#hookCall())) ?? true;
    this.#hooks = null;
    return isClean;
  }

  /** Gives the lock back and takes along the children that arrived since it began to end. */
  async #finish(settled: number): Promise<void> {
    await this.#unlock();
    for (let at = settled; at < this.children.length; at += 1) {
      const child = this.children[at];
      if (child !== undefined) await this.#settleLate(child);
    }
    this.#ending = null;
  }

  #hookCall(): HookCall {
    return { txn: this, label: this.#label(), log: this.#options.log, outside };
  }

  #isLocked(): boolean {
    return this.#record?.isLocked === true;
  }

  async #unlock(): Promise<void> {
    try {
      await this.#record?.unlock();
    } catch (error) {
      const fields = { transaction: this.#label(), error: errorOf(error) };
      this.#options.log.error("the lock of a transaction could not be given back", fields);
    }
  }

  #warn(message: string): void {
    this.#options.log.warn(message, { transaction: this.#label() });
  }

  #label(): string {
    return redact(this.#options.name ?? this.key ?? "(without a key)");
  }

  #isOver(): boolean {
    return this.#state === "COMMITTED" || this.#state === "ROLLED_BACK";
  }

  #treeLocks(): TreeLocks {
    if (this.#parent !== null) return this.#parent.#treeLocks();
    this.#locks ??= new TreeLocks();
    return this.#locks;
  }

  #reentered(): TransactionReenteredError {
    return new TransactionReenteredError({ transaction: this.#label() });
  }
}

const nothing = (): void => undefined;

/** Drops the answer of something that may have to be waited for. */
const quiet = (done: boolean | Promise<boolean>): void | Promise<void> =>
  typeof done === "boolean" ? undefined : done.then(nothing);
