import { BellhopError } from "../base/errors.ts";
import { Cancelling } from "../states/constructors.ts";
import type { State } from "../states/state.ts";
import { type Mover, moveFlowRun } from "./move-flow-run.ts";

/**
 * Asks for the end of a flow run. What runs nowhere is Cancelled at once; a run under way becomes Cancelling, and the
 * process that runs it finds that within a quarter of a second, runs its `onCancellation` hooks and ends it as
 * Cancelled. Asking again changes nothing.
 *
 * @returns The state the run is in now.
 * @throws run_not_found; transition_refused when the run has ended
 * @see Prefect 3, "Cancel running workflows"
 */
export async function cancelFlowRun(
  mover: Mover,
  id: string,
  options: { readonly message?: string } = {},
): Promise<State> {
  const { message = "Cancellation was asked for" } = options;
  const verdict = await moveFlowRun(mover, id, Cancelling({ message }));
  if (verdict.status === "abort") throw new BellhopError("transition_refused", { reason: verdict.reason ?? "" });
  return verdict.run.state;
}
