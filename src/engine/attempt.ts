import { messageOf } from "../base/errors.ts";
import { redact } from "../base/redactor.ts";
import {
  describe,
  stateFromReturn,
  stateFromThrown,
  stateFromTimeout,
  type RunLabel,
} from "../orchestration/final-state.ts";
import { TimeoutError } from "../states/run-errors.ts";
import type { State } from "../states/state.ts";
import { type ActiveRun, interruptAround } from "./active-run.ts";
import { interruptInside, interruptTree, processEnding, untrack } from "./active-runs.ts";
import { callBody } from "./body.ts";
import type { BodyOutcome } from "./body-outcome.ts";
import { crashedState, watcher } from "./crash.ts";
import type { Ended } from "./definition.ts";
import { enter } from "./enter.ts";
import { interruptedByAbort, interruptedByExit, interruptedByTimeout, isSystemExit } from "./interruption.ts";

const labelOf = (run: ActiveRun): RunLabel => (run.subject.kind === "flow" ? "Flow run" : "Task run");

/**
 * Runs the body once. The state it leads to is not entered yet: a failure may become a retry.
 *
 * @throws what interrupted the run, once it has crashed
 */
export async function attempt(run: ActiveRun): Promise<Ended> {
  if (run.interruption !== null) return crash(run);
  const pending = callBody(run, run.begin());
  const outcome = pending instanceof Promise ? await pending : pending;
  if (outcome.kind === "threw" && run.interruption === null && isSystemExit(outcome.error)) {
    run.interrupt(interruptedByExit(outcome.error));
  }
  if (run.interruption !== null) return crash(run);
  return judge(run, outcome);
}

async function judge(run: ActiveRun, outcome: BodyOutcome): Promise<Ended> {
  const label = labelOf(run);
  if (outcome.kind === "returned") {
    const { value } = outcome;
    return { state: stateFromReturn(value, label), returned: { value }, thrown: null };
  }
  if (outcome.kind === "threw") {
    const { error } = outcome;
    return { state: stateFromThrown(error, label), returned: null, thrown: { error } };
  }
  const seconds = run.subject.object.timeoutSeconds;
  const error = new TimeoutError({ run: `${label} "${run.record.name}"`, seconds });
  run.abort(error);
  await interruptInside(run, interruptedByTimeout(error));
  return { state: stateFromTimeout(error, label, seconds), returned: null, thrown: { error } };
}

/** Ends the run, and marks those around it, as Crashed. @throws what interrupted the run */
export async function crash(run: ActiveRun): Promise<never> {
  const { interruption } = run;
  if (interruption === null) throw new Error("a run crashes only when something interrupted it");
  if (isSystemExit(interruption.error)) interruptAround(run.caller, interruption);
  if (!run.record.state.isFinal()) await enter(run, crashedState(run, interruption), interruption.error);
  logEnd(run);
  throw interruption.error;
}

/** Enters the final state and says so. */
export async function finish(run: ActiveRun, { state, thrown }: Ended): Promise<void> {
  const entered = enter(run, state, thrown?.error);
  if (entered !== undefined) await entered;
  logEnd(run);
}

export function logEnd(run: ActiveRun): void {
  const { log } = run.engine;
  const { id, name, state } = run.record;
  const fields = { run: id, name, state: state.name };
  if (state.isCompleted()) log.info("run finished", fields);
  else
    log.error(retriesUsedUp(run) ? "run finished, its retries are used up" : "run finished", {
      ...fields,
      message: state.message,
    });
}

const retriesUsedUp = ({ subject, record }: ActiveRun): boolean =>
  subject.object.retries > 0 && record.state.isFailed();

/**
 * Runs the life of a tracked run and cleans up after it. Whatever goes wrong outside user code, such as a store that
 * cannot be reached, ends the run as Crashed.
 */
export async function supervise(
  run: ActiveRun,
  signal: AbortSignal | undefined,
  live: () => Promise<Ended>,
): Promise<Ended> {
  const onAbort = (): void => void interruptTree(run, interruptedByAbort(signal?.reason));
  signal?.addEventListener("abort", onAbort, { once: true });
  if (signal?.aborted === true) run.interrupt(interruptedByAbort(signal.reason));
  try {
    return await live();
  } catch (error) {
    await crashAfter(run, error);
    throw error;
  } finally {
    signal?.removeEventListener("abort", onAbort);
    untrack(run, watcher);
    // While the process is being ended, its outermost code does not go on; that could end it in another way.
    if (run.caller === null) await (run.interruption?.hold ?? processEnding());
  }
}

async function crashAfter(run: ActiveRun, error: unknown): Promise<void> {
  if (run.record.state.isFinal()) return;
  if (run.interruption === null) {
    run.interruption = { error, message: `crashed: ${describe(error)}` };
    interruptAround(run.caller, run.interruption);
  }
  try {
    await enter(run, crashedState(run, run.interruption), error);
  } catch (failure) {
    run.engine.log.error("a crash could not be stored", { run: run.record.id, error: redact(messageOf(failure)) });
  }
}

/** Ends the run before its body was called. */
export async function fail(run: ActiveRun, state: State, error: unknown): Promise<Ended> {
  const ended: Ended = { state, returned: null, thrown: { error } };
  await finish(run, ended);
  return ended;
}
