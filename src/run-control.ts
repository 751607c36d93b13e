import type { z } from "zod";
import { checkBoundary, currentFrame } from "./engine/active-run.ts";
import { cancelFlowRun as cancel } from "./engine/cancel.ts";
import type { Mover } from "./engine/move-flow-run.ts";
import { suspendFlowRun as suspend, type SuspendOptions } from "./engine/pause.ts";
import { resumeFlowRun as resume, type ResumeOptions } from "./engine/resume.ts";
import { currentHub } from "./hub.ts";
import type { State } from "./states/state.ts";

/** Inside a run its own engine, else that of the current hub. */
async function mover(): Promise<Mover> {
  const frame = currentFrame();
  if (frame === undefined) return (await currentHub()).engine;
  checkBoundary(frame);
  return frame.run.engine;
}

/**
 * Asks for the end of a flow run, in whatever process it runs. What runs nowhere is Cancelled at once; a run under way
 * becomes Cancelling, its `onCancellation` hooks run, children first, and it ends as Cancelled. Asking again changes
 * nothing.
 *
 * @returns The state the run is in now.
 * @throws run_not_found; transition_refused when the run has ended
 */
export const cancelFlowRun = async (id: string): Promise<State> => cancel(await mover(), id);

/**
 * Lets a paused flow run go on, in whatever process it waits.
 *
 * @returns The state the run is in now.
 * @throws run_not_found, not_paused; resume_refused: the run stays paused; pause_timeout: it has become Failed
 */
export const resumeFlowRun = async (id: string, options: ResumeOptions = {}): Promise<State> =>
  resume(await mover(), id, options);

/**
 * Suspends a flow run: its process ends, and a resume starts it again from the top. The run needs a deployment for that,
 * because somebody has to start it; without one it is refused.
 *
 * @throws flow_paused for the run that this code is in; missing_context; run_not_found; transition_refused
 */
export const suspendFlowRun = async <S extends z.ZodType>(
  options: SuspendOptions<S> = {},
): Promise<z.output<S> | undefined> => suspend(options, await mover());
