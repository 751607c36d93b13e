import { errorCode } from "../base/errors.ts";

/** Errors that propagate and leave the run in the state it is in: the rules refused, or the run was suspended. */
export function leavesRunAsItIs(error: unknown): boolean {
  const code = errorCode(error);
  return code === "transition_refused" || code === "flow_paused";
}
