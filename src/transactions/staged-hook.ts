import { AsyncLocalStorage } from "node:async_hooks";
import { messageOf } from "../base/errors.ts";
import type { Logger } from "../base/logger.ts";
import { redact } from "../base/redactor.ts";
import { typeName } from "../states/state-error.ts";
import type { Transaction, TransactionHook } from "./transaction.ts";

/** A hook as the engine gives it. */
export interface StagedHook {
  /** For the log. */
  readonly name: string;
  /** False for the engine's own: no lines at start and end, and it runs wherever the transaction ends. */
  readonly log: boolean;
  readonly call: TransactionHook;
}

/** Hooks as the engine stages them, or plain functions. */
export interface StageHooks {
  /** Epoch milliseconds; null never expires. Default null. */
  readonly expiresAtMs?: number | null;
  /** False: the value counts for this run only, and no record is written. Default true. */
  readonly isKept?: boolean;
  readonly onCommitHooks?: readonly (TransactionHook | StagedHook)[];
  readonly onRollbackHooks?: readonly (TransactionHook | StagedHook)[];
}

/** Runs a function in the async context in which a hook was staged. */
type Within = <T>(fn: () => T) => T;

/** A hook that waits for its transaction's end. */
interface WaitingHook extends StagedHook {
  readonly within: Within | null;
}

export type HookKind = "commit" | "rollback";

/** How hooks are called: outside of all transactions, with these. */
export interface HookCall {
  readonly txn: Transaction;
  /** How the log names the transaction. */
  readonly label: string;
  readonly log: Logger;
  /** Leaves the transaction that the hook was staged in. */
  readonly outside: Within;
}

/** The hooks of one transaction. Each leaves its list as it starts, so that none runs twice. */
export class HookLists {
  readonly #commit: WaitingHook[] = [];
  readonly #rollback: WaitingHook[] = [];

  /** A snapshot of the context costs microseconds, so one serves all hooks of a call, and only hooks that need it. */
  add({ onCommitHooks = [], onRollbackHooks = [] }: StageHooks): void {
    let within: Within | null = null;
    const keep = (given: TransactionHook | StagedHook): WaitingHook => {
      const { name, log, call } = typeof given === "function" ? fromFunction(given) : given;
      if (log) within ??= AsyncLocalStorage.snapshot();
      return { name, log, call, within: log ? within : null };
    };
    this.#commit.push(...onCommitHooks.map(keep));
    this.#rollback.push(...onRollbackHooks.map(keep));
  }

  /** In order. @throws what the first failing hook throws; those after it do not run */
  async runCommit(how: HookCall): Promise<void> {
    for (let hook = this.#commit.shift(); hook !== undefined; hook = this.#commit.shift()) {
      await run(hook, "commit", how);
    }
  }

  /** In reverse order. False when a hook failed; the others have run all the same. */
  async runRollback(how: HookCall): Promise<boolean> {
    let isClean = true;
    for (let hook = this.#rollback.pop(); hook !== undefined; hook = this.#rollback.pop()) {
      try {
        await run(hook, "rollback", how);
      } catch {
        // Logged where it was called.
        isClean = false;
      }
    }
    return isClean;
  }
}

function fromFunction(hook: TransactionHook): StagedHook {
  const name = hook.name.replace(/^(bound )+/, "");
  return { name: name === "" ? "<anonymous>" : name, log: true, call: hook };
}

async function run(hook: WaitingHook, kind: HookKind, { txn, label, log, outside }: HookCall): Promise<void> {
  const fields = { kind, hook: redact(hook.name), transaction: label };
  if (hook.log) log.info("transaction hook started", fields);
  try {
    const { within } = hook;
    await (within === null ? hook.call(txn) : within(() => outside(() => hook.call(txn))));
  } catch (error) {
    log.error("transaction hook failed", { ...fields, error: errorOf(error) });
    throw error;
  }
  if (hook.log) log.info("transaction hook finished", fields);
}

/** Anything thrown, as the log shows it. */
export function errorOf(error: unknown): { readonly name: string; readonly message: string; readonly stack?: string } {
  const message = redact(textOf(error));
  if (!(error instanceof Error)) return { name: typeName(error), message };
  return { name: error.name, message, ...(error.stack === undefined ? {} : { stack: redact(error.stack) }) };
}

function textOf(error: unknown): string {
  try {
    return messageOf(error);
  } catch {
    // A value that cannot be turned into text, such as an object without a prototype.
    return typeName(error);
  }
}
