import { Paused, state as makeState } from "../states/constructors.ts";
import type { State } from "../states/state.ts";
import type { ActiveRun } from "./active-run.ts";
import { endInterrupted } from "./end.ts";
import { enter } from "./enter.ts";
import { interruptedByOthers } from "./interruption.ts";
import { moveOwnRun } from "./move-flow-run.ts";
import { targetOf, untilResumed } from "./pause.ts";
import { pauseGateOf } from "./pause-gate.ts";
import { proposeResume } from "./resume.ts";
import { MissingContextError } from "./run-context.ts";

/**
 * Holds a task run back while its flow run is paused; it waits as PAUSED `NotReady`.
 *
 * @returns undefined when the flow run goes on
 * @throws what interrupted the run
 */
export function whileFlowPauses(run: ActiveRun): Promise<void> | undefined {
  const gate = run.flow === null ? undefined : pauseGateOf(run.flow.record);
  return gate?.isClosed === true ? heldBack(run, () => gate.wait(run.signal)) : undefined;
}

async function heldBack(run: ActiveRun, opened: () => Promise<void>): Promise<void> {
  await enter(run, makeState({ type: "PAUSED", name: "NotReady", message: "The flow run is paused." }));
  try {
    await opened();
  } catch (error) {
    // A pause without a good end concerns the flow, whose own code hears of it; here the task just cannot start.
    run.interruption ??= interruptedByOthers(error);
    await endInterrupted(run);
  }
}

/** Waits, and ends the run when it is interrupted meanwhile. */
async function unlessInterrupted(run: ActiveRun, wait: () => Promise<unknown>): Promise<void> {
  try {
    await wait();
  } catch (error) {
    if (run.interruption !== null) await endInterrupted(run);
    throw error;
  }
}

/**
 * A task run that paused itself pauses its flow run too, until somebody resumes that, or its start time comes.
 *
 * @throws missing_context outside a flow without a start time, since nobody could resume it
 */
export async function pauseTaskRun(run: ActiveRun, paused: State): Promise<void> {
  const { flow, engine } = run;
  if (flow?.record.kind !== "flow-run") {
    if (paused.startTime === null) throw new MissingContextError({ wanted: "flow run that could be resumed" });
    await unlessInterrupted(run, () => engine.clock.sleep(dueIn(run, paused), run.signal));
    return;
  }
  const { record } = flow;
  const key = `${run.record.id}-${paused.id}`;
  const verdict = await moveOwnRun(engine, record, Paused({ pauseKey: key, message: paused.message }));
  if (!verdict.run.state.isPaused()) return;
  await pauseUntilResumed(run, paused);
}

/** Waits until the flow run around is resumed, or the start time of the state has come. */
export async function pauseUntilResumed(run: ActiveRun, paused: State): Promise<void> {
  const target = targetOf(run.hookFrame);
  const resumed = unlessInterrupted(run, () => untilResumed(target));
  if (paused.startTime === null) return resumed;
  const due = new AbortController();
  const wakeUp = async (): Promise<void> => {
    await run.engine.clock.sleep(dueIn(run, paused), AbortSignal.any([run.signal, due.signal]));
    await proposeResume(run.engine, target.record.id);
  };
  // Cut off when the run is resumed or interrupted first; both are seen by `resumed`.
  const waking = wakeUp().catch(() => undefined);
  try {
    await resumed;
  } finally {
    due.abort();
    await waking;
  }
}

const dueIn = (run: ActiveRun, { startTime }: State): number =>
  Math.max(0, (startTime?.getTime() ?? 0) - run.engine.clock.now());
