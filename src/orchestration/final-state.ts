import { Completed, Failed, state as makeState } from "../states/constructors.ts";
import { isState, keepThrown, keepValue, type State } from "../states/state.ts";
import { membersOf, typeName } from "../states/state-error.ts";
import type { StateType } from "../states/state-type.ts";

/** How messages name the run. */
export type RunLabel = "Flow run" | "Task run";

/** Types that a body may end in by returning such a state; the others would run it again. */
const RETURNABLE: ReadonlySet<StateType> = new Set([
  "COMPLETED",
  "FAILED",
  "CRASHED",
  "CANCELLED",
  "CANCELLING",
  "PAUSED",
]);

const isCommitted = (state: State): boolean =>
  state.stateDetails.flowRunId != null || state.stateDetails.taskRunId != null;

/** The state that a returned value ends the run in. Generators must have been drained before. */
export function stateFromReturn(value: unknown, label: RunLabel): State {
  if (isState(value) && !isCommitted(value)) return fromOwnState(value, label);
  const states = isState(value) ? [value] : membersOf(value, isState);
  const final = states === undefined ? Completed() : aggregate(states);
  keepValue(final, value);
  return final;
}

function fromOwnState(returned: State, label: RunLabel): State {
  if (!RETURNABLE.has(returned.type)) {
    const final = Failed({ message: `${label} returned a ${returned.name} state, and a run cannot end in one.` });
    keepValue(final, undefined);
    return final;
  }
  // A state made by hand that carries nothing has the result undefined, like a body that returns nothing.
  if (returned.isFinal() && returned.data === undefined) keepValue(returned, undefined);
  return returned;
}

/** One cancelled child outweighs any number of failed ones. Source: Prefect 3, return_value_to_state. */
function aggregate(states: readonly State[]): State {
  const total = states.length;
  const count = (matches: (state: State) => boolean): number => states.filter(matches).length;
  if (count((state) => state.isCompleted()) === total) return Completed({ message: "All states completed." });
  const cancelled = count((state) => state.isCancelled());
  if (cancelled > 0) return makeState({ type: "CANCELLED", message: `${cancelled}/${total} states cancelled.` });
  const paused = count((state) => state.isPaused());
  if (paused > 0) return makeState({ type: "PAUSED", message: `${paused}/${total} states paused.` });
  const failed = count((state) => state.isFailed() || state.isCrashed());
  if (failed > 0) return Failed({ message: `${failed}/${total} states failed.` });
  return Failed({ message: `${count((state) => !state.isFinal())}/${total} states are not final.` });
}

/** The state that something thrown by user code leads to. */
export function stateFromThrown(thrown: unknown, label: RunLabel): State {
  const failed = isTimeout(thrown)
    ? Failed({ name: "TimedOut", message: `${label} timed out with ${describe(thrown)}` })
    : Failed({ message: `${label} failed with ${describe(thrown)}` });
  keepThrown(failed, thrown);
  return failed;
}

/** The state after the engine's own timeout. */
export function stateFromTimeout(error: Error, label: RunLabel, seconds: number): State {
  const failed = Failed({ name: "TimedOut", message: `${label} exceeded timeout of ${seconds} second(s)` });
  keepThrown(failed, error);
  return failed;
}

const isTimeout = (thrown: unknown): boolean => thrown instanceof Error && thrown.name === "TimeoutError";

/** `TypeError: meh`; also for values that are not errors, and for errors whose getters throw. */
export function describe(thrown: unknown): string {
  try {
    if (thrown instanceof Error) return `${thrown.name}: ${thrown.message}`;
    return `${typeName(thrown)}: ${String(thrown)}`;
  } catch {
    // A value that cannot be turned into text, such as an object without a prototype.
    return typeName(thrown);
  }
}
