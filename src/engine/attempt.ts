import {
  describe,
  stateFromReturn,
  stateFromThrown,
  stateFromTimeout,
  type RunLabel,
} from "../orchestration/final-state.ts";
import { TimeoutError } from "../states/run-errors.ts";
import { isSignal, type Signal } from "../states/signals.ts";
import { type ActiveRun, inFrame, interruptAround } from "./active-run.ts";
import { interruptInside } from "./active-runs.ts";
import { callBody } from "./body.ts";
import type { BodyOutcome } from "./body-outcome.ts";
import type { Ended } from "./definition.ts";
import { endInterrupted } from "./end.ts";
import { offer } from "./handlers.ts";
import { leavesRunAsItIs } from "./leaving.ts";
import { Pause } from "./pause-errors.ts";
import { futuresToStates } from "./upstream.ts";
import { waitForCode } from "./user-code.ts";
import { interruptedByEndAround, interruptedByExit, interruptedByTimeout, isSystemExit } from "./interruption.ts";

export const labelOf = (run: ActiveRun): RunLabel => (run.subject.kind === "flow" ? "Flow run" : "Task run");

/**
 * Runs the body once. The state it leads to is not entered yet: handlers may replace it, and a failure may become a
 * retry.
 *
 * @throws what interrupted the run, once it has ended
 */
export async function attempt(run: ActiveRun): Promise<Ended> {
  if (run.interruption !== null) return endInterrupted(run);
  const { id, name, runCount } = run.record;
  run.engine.log.debug("attempt begins", { run: id, name, attempt: runCount });
  const pending = callBody(run, run.begin());
  const outcome = pending instanceof Promise ? await pending : pending;
  if (outcome.kind === "threw" && run.interruption === null && isSystemExit(outcome.error)) {
    run.interrupt(interruptedByExit(outcome.error));
  }
  if (outcome.kind !== "timed-out" && run.interruption === null) {
    const submitted = run.insideIfAny?.settled();
    if (submitted !== undefined) await submitted;
  }
  // Interrupted from outside, those inside have ended before; by what came out of the body, they have not.
  if (run.interruption !== null) return outcome.kind === "interrupted" ? endInterrupted(run) : endWithInside(run);
  // Suspended by its own code, which may have swallowed the error: somebody else starts it again.
  if (isSuspended(run)) throw new Pause({ run: run.record.name, state: run.record.state.name });
  return judge(run, outcome);
}

/** Ends what is under way inside the run, then the run. */
async function endWithInside(run: ActiveRun): Promise<never> {
  const { interruption } = run;
  if (interruption !== null && !leavesRunAsItIs(interruption.error))
    await interruptInside(run, interruptedByEndAround(interruption));
  return endInterrupted(run);
}

const isSuspended = ({ subject, record: { state } }: ActiveRun): boolean =>
  subject.kind === "flow" && state.isPaused() && state.stateDetails.pauseReschedule === true;

async function judge(run: ActiveRun, outcome: BodyOutcome): Promise<Ended> {
  const label = labelOf(run);
  if (outcome.kind === "returned") {
    const replaced = futuresToStates(outcome.value, () => run.signal);
    const value = replaced === null ? outcome.value : await replaced;
    return { state: stateFromReturn(value, label), returned: { value }, thrown: null };
  }
  if (outcome.kind === "threw") return fromThrown(run, outcome.error);
  const seconds = run.subject.object.timeoutSeconds;
  const error = new TimeoutError({ run: `${label} "${run.record.name}"`, seconds });
  run.abort(error);
  await interruptInside(run, interruptedByTimeout(error));
  await run.frame?.undo();
  return { state: stateFromTimeout(error, label, seconds), returned: null, thrown: { error } };
}

/** A signal stands for its state; anything else that was thrown is a failure. */
export function fromThrown(run: ActiveRun, error: unknown): Ended {
  if (!isSignal(error)) return { state: stateFromThrown(error, labelOf(run)), returned: null, thrown: { error } };
  const state = error.toState({ nowMs: run.engine.clock.now(), runCount: run.record.runCount });
  countFrom(run, error);
  return { state, returned: null, thrown: state.isFailed() ? { error } : null };
}

/** RETRY may say how many attempts there were. */
export function countFrom({ record }: ActiveRun, signal: Signal): void {
  if (signal.runCount !== null && signal.runCount !== undefined) record.runCount = signal.runCount;
}

/** The run failed before its body was called. */
export const failedBefore = (run: ActiveRun, error: unknown): Ended => ({
  state: stateFromThrown(error, labelOf(run)),
  returned: null,
  thrown: { error },
});

/**
 * As {@link failedBefore}, after the handlers have had their say; nothing retries it.
 *
 * @throws what interrupted the run, such as an exit that was asked for, once it has ended
 */
export async function refuse(run: ActiveRun, error: unknown): Promise<Ended> {
  if (run.interruption === null && isSystemExit(error)) run.interrupt(interruptedByExit(error));
  if (run.interruption !== null) return endInterrupted(run);
  const own = failedBefore(run, error);
  if (run.handlers.length === 0) return own;
  const { object } = run.subject;
  const pending = inFrame(run.hookFrame, offer, run.handlers, object, run.record.state, own.state, run);
  const { state } = pending instanceof Promise ? await waitForCode(run, pending) : pending;
  return state === own.state || !state.isFinal() ? own : { state, returned: null, thrown: null };
}

/** What went wrong outside user code, as an interruption of this run and those around it. */
export function interruptByDefect(run: ActiveRun, error: unknown): void {
  if (run.interruption !== null) return;
  run.interruption = { error, message: `crashed: ${describe(error)}` };
  interruptAround(run.caller, run.interruption);
}
