import { newId } from "../../src/base/ids.ts";
import { openRawStore, type RunRows } from "./raw-store.ts";

/** The same run again under other ids, as part of that flow run. */
function copyOf({ run, states }: RunRows, flowRunId: string | null): RunRows {
  const ids = states.map(() => newId());
  return {
    run: { ...run, id: newId(), state_id: ids.at(-1) ?? "", ...(flowRunId === null ? {} : { flow_run_id: flowRunId }) },
    states: states.map((state, index) => ({ ...state, id: ids[index] ?? "", follows: ids[index - 1] ?? null })),
    outcomes: [],
  };
}

const TASK_RUNS_PER_FLOW_RUN = 9;
const FLOW_RUNS_PER_TRANSACTION = 500;

/** Fills a store with so many ended runs of these two shapes: one flow run to nine task runs. */
export function preload(path: string, count: number, flowRun: RunRows, taskRun: RunRows): void {
  using raw = openRawStore(path);
  raw.relax();
  let left = count;
  while (left > 0) {
    const flowRuns = Array.from({ length: Math.min(FLOW_RUNS_PER_TRANSACTION, Math.ceil(left / 10)) }, () =>
      copyOf(flowRun, null),
    );
    const taskRuns = flowRuns.flatMap(({ run }) =>
      Array.from({ length: TASK_RUNS_PER_FLOW_RUN }, () => copyOf(taskRun, String(run["id"]))),
    );
    raw.write("flow-run", flowRuns, flowRuns.length);
    raw.write("task-run", taskRuns, taskRuns.length);
    left -= flowRuns.length + taskRuns.length;
  }
}
