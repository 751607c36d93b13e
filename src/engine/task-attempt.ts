import { Completed } from "../states/constructors.ts";
import { keepValue, type State } from "../states/state.ts";
import { OpenTransaction } from "../transactions/open-transaction.ts";
import { type ActiveRun, inFrame } from "./active-run.ts";
import { attempt } from "./attempt.ts";
import type { Attempted } from "./drive.ts";
import { endInterrupted } from "./end.ts";
import { enterSilently } from "./enter.ts";
import { logOfRun } from "./run-logger.ts";

/**
 * Runs the body of a task once, as a transaction of its own. A result that is kept already takes the place of the body.
 *
 * @throws what interrupted the run, once it has ended
 */
export async function attemptTask(run: ActiveRun): Promise<Attempted> {
  if (run.interruption !== null) return endInterrupted(run);
  const txn = openFor(run);
  try {
    const begun = txn.begin(run.results === null ? undefined : run.signal);
    if (begun !== undefined) {
      await begun;
      if (run.interruption !== null) return await endInterrupted(run);
    }
    if (txn.found !== null) return cached(run, txn, txn.found.value);
    const ended = await txn.within(() => attempt(run));
    return settledOnce({ ...ended, keep: () => keep(run, txn), drop: (isFinal) => txn.fail({ propagate: isFinal }) });
  } catch (error) {
    await txn.fail({ propagate: true });
    if (run.interruption !== null && !run.record.state.isFinal()) return endInterrupted(run);
    throw error;
  }
}

/** What was kept is not dropped as well, and the other way round. */
function settledOnce({ keep: keepIt, drop, ...ended }: Attempted): Attempted {
  let isSettled = false;
  const once = (settle: () => void | Promise<void> | undefined): void | Promise<void> => {
    if (isSettled) return undefined;
    isSettled = true;
    return settle();
  };
  return { ...ended, keep: () => once(() => keepIt?.()), drop: (isFinal) => once(() => drop?.(isFinal)) };
}

function openFor(run: ActiveRun): OpenTransaction {
  const { results, record, participants, engine } = run;
  // Without results and hooks of its own a transaction has nothing to say.
  const isQuiet = results === null && participants.commitHooks.length + participants.rollbackHooks.length === 0;
  const log = isQuiet ? engine.log : logOfRun(run);
  if (results === null) return new OpenTransaction({ key: null, records: null, log, name: record.name });
  // A result that is never looked up has its id as key, and what is there, if anything, is not its own.
  const overwrite = results.refresh || results.key === null;
  return new OpenTransaction({ key: results.storageKey, records: results.store, overwrite, log, name: record.name });
}

/** The body is not called: what it gave before counts. */
function cached(run: ActiveRun, txn: OpenTransaction, value: unknown): Attempted {
  run.kept = txn.found;
  const state = Completed({ name: "Cached", message: "A kept result was used." });
  keepValue(state, value);
  return { state, returned: { value }, thrown: null, keep: () => txn.close() };
}

function keep(run: ActiveRun, txn: OpenTransaction): void | Promise<void> {
  const { commitHooks, rollbackHooks } = run.participants;
  // Handlers may have replaced what the body gave, so the state stored has the value.
  const { state } = run.record;
  const value = state.peek();
  // With nobody around it and nothing to do, a transaction cannot be rolled back any more.
  const isAlone = txn.getParent() === null && run.results === null && commitHooks.length === 0;
  if (isAlone && txn.children.length === 0) txn.stage(value);
  else {
    const onRollbackHooks = [{ name: "RolledBack", log: false, call: () => rolledBack(run) }, ...rollbackHooks];
    // A failure made by hand counts as work, but must not be found in place of work.
    const isKept = state.isCompleted();
    const expiresAtMs = run.kept?.expiresAtMs ?? null;
    const options = { expiresAtMs, isKept, onCommitHooks: commitHooks, onRollbackHooks };
    // Hooks keep the context in which they are staged: that of the run.
    inFrame(run.hookFrame, () => txn.stage(value, options));
  }
  return txn.close();
}

/** The history then says that the work was undone; hooks for states do not run. */
function rolledBack(run: ActiveRun): void {
  const { state } = run.record;
  if (state.isCompleted() && state.name !== "RolledBack") enterSilently(run, undone());
}

const undone = (): State => Completed({ name: "RolledBack", message: "The task was rolled back." });
