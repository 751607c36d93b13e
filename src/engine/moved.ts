import { BellhopError } from "../base/errors.ts";
import { State } from "../states/state.ts";

/** The state that somebody else moved the run to, when a commit was refused for that reason; else null. */
export function movedTo(error: unknown): State | null {
  if (!BellhopError.is(error) || error.code !== "run_moved") return null;
  // The code's details carry the state; the union of all details does not know which code it is.
  const { current } = error.details as BellhopError<"run_moved">["details"];
  return State.fromWire(current);
}
