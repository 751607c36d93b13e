import { messageOf } from "../base/errors.ts";
import { redact } from "../base/redactor.ts";
import { Cancelled, Cancelling, Crashed } from "../states/constructors.ts";
import { keepThrown, type State } from "../states/state.ts";
import { type ActiveRun, inFrame, interruptAround } from "./active-run.ts";
import type { Ended } from "./definition.ts";
import { followEnded } from "./ended-by-others.ts";
import { adopt, enter } from "./enter.ts";
import { observe } from "./handlers.ts";
import { type Interruption, isSystemExit } from "./interruption.ts";
import { leavesRunAsItIs } from "./leaving.ts";
import { movedTo } from "./moved.ts";

/** How long the end of a run waits for handlers that can change nothing any more, milliseconds. */
const LONGEST_ANSWER_MS = 5_000;

const subjectOf = (run: ActiveRun): string => (run.subject.kind === "flow" ? "Flow run" : "Task run");

/** The state that an interruption ends a run in. */
export function endedByState(run: ActiveRun, { kind, error, message }: Interruption): State {
  // A run that is being cancelled has no other end.
  const isCancelled = kind === "cancel" || run.record.state.isCancelling();
  const state = (isCancelled ? Cancelled : Crashed)({ message: `${subjectOf(run)} ${message}` });
  if (!isCancelled) keepThrown(state, error);
  return state;
}

/**
 * Ends a run that was interrupted, with its hooks: as Crashed, or, when somebody asked for it, as Cancelled.
 *
 * @throws what interrupted the run
 */
export async function endInterrupted(run: ActiveRun): Promise<never> {
  const { interruption } = run;
  if (interruption === null) throw new Error("a run ends like this only when something interrupted it");
  if (isSystemExit(interruption.error)) interruptAround(run.caller, interruption);
  await enterInterrupted(run, interruption);
  logEnd(run);
  throw interruption.error;
}

/** Undoes open transactions first. A run that has ended already stays as it is: what is final stays. */
export async function enterInterrupted(run: ActiveRun, interruption: Interruption): Promise<void> {
  const undone = run.frame?.undo();
  if (undone !== undefined) await undone;
  if (run.record.state.isFinal() || (run.subject.kind === "flow" && leavesRunAsItIs(interruption.error))) return;
  const isCancelled = interruption.kind === "cancel" || run.record.state.isCancelling();
  if (isCancelled && run.subject.kind === "flow" && !run.record.state.isCancelling())
    await enterObserved(run, Cancelling({ message: `${subjectOf(run)} is being cancelled` }));
  // Somebody else may have ended it in the meantime.
  if (run.record.state.isFinal()) return;
  const kind = run.record.state.isCancelling() ? ({ kind: "cancel" } as const) : {};
  await enterObserved(run, endedByState(run, { ...interruption, ...kind }), interruption.error);
}

/** Handlers see how a run is ended from outside, and cannot change it. */
async function enterObserved(run: ActiveRun, to: State, error?: unknown): Promise<void> {
  if (run.handlers.length > 0) {
    const told = inFrame(run.hookFrame, observe, run.handlers, run.subject.object, run.record.state, to, run);
    if (told !== undefined) await atMost(run, told);
  }
  try {
    await enter(run, to, error);
  } catch (failure) {
    const moved = movedTo(failure);
    if (moved === null) {
      if ((await followEnded(run, failure)) === null) throw failure;
      return;
    }
    await adopt(run, moved);
    if (moved.isFinal() || moved.type === to.type) return;
    // A run that is being cancelled has no other end.
    await enter(run, moved.isCancelling() ? Cancelled({ message: to.message }) : to, error);
  }
}

/** A handler that never answers must not keep the end of its run from being stored. */
async function atMost({ engine, record }: ActiveRun, told: Promise<void>): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<"late">();
  using _timer = engine.clock.timer(LONGEST_ANSWER_MS, () => resolve("late"));
  if ((await Promise.race([told, promise])) === "late")
    engine.log.error("a state handler does not answer; the run ends without it", { run: record.id });
}

/** Enters the final state and says so. */
export async function finish(
  run: ActiveRun,
  { state, thrown }: Ended,
  between?: () => void | Promise<void>,
): Promise<void> {
  const entered = enter(run, state, thrown?.error, between);
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
  subject.object.retries > 0 && record.runCount > subject.object.retries && record.state.isFailed();

/** Ends the run as crashed after something went wrong outside user code. Never throws. */
export async function crashAfter(run: ActiveRun, interruption: Interruption): Promise<void> {
  try {
    await enterInterrupted(run, interruption);
  } catch (failure) {
    run.engine.log.error("a crash could not be stored", { run: run.record.id, error: redact(messageOf(failure)) });
  }
}
