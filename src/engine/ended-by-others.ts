import { errorCode } from "../base/errors.ts";
import { CancelledRun, CrashedRun, FailedRun } from "../states/run-errors.ts";
import type { State } from "../states/state.ts";
import type { ActiveRun } from "./active-run.ts";
import { mirrorMoved } from "./enter.ts";
import { type Interruption, interruptedByOthers } from "./interruption.ts";
import { follow } from "./move-flow-run.ts";

/** What the caller of a run gets that somebody else ended. */
export function endedByOthers(state: State): Interruption {
  const message = state.message ?? `Somebody else ended the run as ${state.name}.`;
  if (state.isCancelled()) return interruptedByOthers(new CancelledRun({ message }));
  return interruptedByOthers(state.isFailed() ? new FailedRun({ message }) : new CrashedRun({ message }));
}

/**
 * Takes over how somebody else ended the flow run, when that is why the store refused a state of it; without hooks, as
 * nobody runs functions for what ended elsewhere.
 *
 * @returns null when the failure is another one
 */
export async function followEnded(run: ActiveRun, failure: unknown): Promise<Interruption | null> {
  const { record, engine } = run;
  if (record.kind !== "flow-run" || errorCode(failure) !== "run_superseded") return null;
  const stored = await engine.runs.readFlowRun(record.id);
  if (stored?.state.isFinal() !== true) return null;
  follow(record, stored);
  mirrorMoved(run);
  return endedByOthers(stored.state);
}
