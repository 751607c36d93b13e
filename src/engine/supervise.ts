import type { ActiveRun } from "./active-run.ts";
import { interruptInside, interruptTree, processEnding, untrack } from "./active-runs.ts";
import { interruptByDefect } from "./attempt.ts";
import { watcher } from "./crash.ts";
import type { Ended } from "./definition.ts";
import { crashAfter } from "./end.ts";
import { interruptedByAbort, interruptedByEndAround } from "./interruption.ts";
import { leavesRunAsItIs } from "./leaving.ts";

/**
 * Runs the life of a tracked run and cleans up after it. Whatever goes wrong outside user code, such as a store that
 * cannot be reached, ends the run as Crashed.
 */
export async function supervise(
  run: ActiveRun,
  signal: AbortSignal | undefined,
  live: () => Promise<Ended>,
): Promise<Ended> {
  const onAbort = (): void => void interruptTree(run, interruptedByAbort(signal?.reason));
  signal?.addEventListener("abort", onAbort, { once: true });
  if (signal?.aborted === true) run.interrupt(interruptedByAbort(signal.reason));
  try {
    return await live();
  } catch (error) {
    if (!leavesRunAsItIs(error) && !run.record.state.isFinal()) {
      interruptByDefect(run, error);
      if (run.interruption !== null) {
        await interruptInside(run, interruptedByEndAround(run.interruption));
        await crashAfter(run, run.interruption);
      }
    }
    throw error;
  } finally {
    signal?.removeEventListener("abort", onAbort);
    // Code of it that goes on all the same cannot start anything in a run that is over.
    run.frame?.abandon(run.record.state.name, { kind: "interrupted" });
    untrack(run, watcher);
    // While the process is being ended, its outermost code does not go on; that could end it in another way.
    if (run.caller === null) await (run.interruption?.hold ?? processEnding());
  }
}
