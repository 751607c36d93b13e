import { BellhopError } from "../base/errors.ts";
import { checkInput } from "../runs/run-input.ts";
import type { FlowRunRecord } from "../runs/flow-run.ts";
import type { RunInput } from "../runs/run-store.ts";
import { Running, Scheduled } from "../states/constructors.ts";
import type { State } from "../states/state.ts";
import { type Mover, moveFlowRun, type Verdict } from "./move-flow-run.ts";
import { sealInput } from "./sealed-input.ts";
import { FlowPauseTimeout, NotPausedError, ResumeRefusedError } from "./pause-errors.ts";

export interface ResumeOptions {
  /** What the run waits for; may be left out when its defaults will do. Becomes JSON; secrets in it are masked. */
  readonly runInput?: unknown;
}

/**
 * Lets a paused flow run go on. One that waits in its process becomes Running; a suspended one becomes Resuming and is
 * started again from the top.
 *
 * @returns The state the run is in now.
 * @throws run_not_found, not_paused; resume_refused: the run stays paused; pause_timeout: it has become Failed
 */
export async function resumeFlowRun(mover: Mover, id: string, options: ResumeOptions = {}): Promise<State> {
  const { status, reason, run } = await proposeResume(mover, id, options);
  if (status === "accept") return run.state;
  if (status === "reject" && run.state.isFailed()) throw new FlowPauseTimeout({ run: run.name });
  if (run.state.isPaused()) throw new ResumeRefusedError({ run: run.name, reason: reason ?? "" });
  throw new NotPausedError({ run: run.name, state: run.state.name });
}

/** As {@link resumeFlowRun}, with the answer of the rules instead of errors. @throws run_not_found */
export async function proposeResume(mover: Mover, id: string, { runInput }: ResumeOptions = {}): Promise<Verdict> {
  const run = await mover.runs.readFlowRun(id);
  if (run === null) throw new BellhopError("run_not_found", { run: id });
  const refused = (status: Verdict["status"], reason: string): Verdict => ({
    status,
    reason,
    run,
    written: null,
    waitMs: 0,
  });
  if (!run.state.isPaused()) return refused("abort", `the run is ${run.state.name}`);
  const checked = await inputsFor(mover, run, runInput);
  if ("reason" in checked) return refused("reject", checked.reason);
  const to = resumed(run.state, mover);
  // The input fits this pause, and no other one.
  const when = (current: FlowRunRecord): boolean => current.state.id === run.state.id;
  return moveFlowRun(mover, id, to, { when, inputs: checked.inputs });
}

function resumed(paused: State, { clock }: Mover): State {
  return paused.stateDetails.pauseReschedule === true
    ? Scheduled({ name: "Resuming", scheduledTime: new Date(clock.now()) })
    : Running();
}

async function inputsFor(
  mover: Mover,
  run: FlowRunRecord,
  given: unknown,
): Promise<{ readonly inputs: readonly RunInput[] } | { readonly reason: string }> {
  const { runInputKeyset: keyset } = run.state.stateDetails;
  if (keyset == null) return { inputs: [] };
  const checked = checkInput(await mover.runs.getInput(run.id, keyset.schema), given);
  if ("reason" in checked) return checked;
  const { response: key } = keyset;
  return { inputs: [{ key, value: await sealInput(mover, run.id, key, checked.input) }] };
}
