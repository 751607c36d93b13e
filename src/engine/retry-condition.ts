import { messageOf } from "../base/errors.ts";
import { redact } from "../base/redactor.ts";
import { FlowRun, TaskRun } from "../runs/run-view.ts";
import type { State } from "../states/state.ts";
import { type ActiveRun, inFrame } from "./active-run.ts";
import { isThenable } from "./thenable.ts";
import { waitForCode } from "./user-code.ts";

/**
 * What `retryConditionFn` says about a failure that could be retried: an error is logged and
 * means no. Source: Prefect 3, task_engine.py, can_retry.
 */
export async function mayRetry(run: ActiveRun, failed: State): Promise<boolean> {
  try {
    const may = inFrame(run.hookFrame, ask, run, failed);
    return Boolean(isThenable(may) ? await waitForCode(run, may) : may);
  } catch (error) {
    if (run.interruption !== null) throw error;
    run.engine.log.error("retryConditionFn failed, so the run is not retried", {
      run: run.record.id,
      error: redact(messageOf(error)),
    });
    return false;
  }
}

function ask({ subject, view }: ActiveRun, failed: State): unknown {
  if (subject.kind === "flow" && view instanceof FlowRun)
    return subject.object.retryConditionFn?.(subject.object, view, failed);
  if (subject.kind === "task" && view instanceof TaskRun)
    return subject.object.retryConditionFn?.(subject.object, view, failed);
  return false;
}
