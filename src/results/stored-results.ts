import type { FlowRunRecord, RunRecord, TaskRunRecord } from "../runs/flow-run.ts";
import type { RunStore } from "../runs/run-store.ts";
import { loadResultWith, type State } from "../states/state.ts";
import type { ResultServices } from "./result-services.ts";

/** Lets the state fetch its stored result when it is asked for. Returns the state. */
export function withStoredResult<S extends State>(state: S, services: Pick<ResultServices, "load">): S {
  loadResultWith(state, (metadata, tries) => services.load(metadata, tries));
  return state;
}

/** A run store whose runs can fetch their stored results. */
export function withStoredResults(runs: RunStore, services: Pick<ResultServices, "load">): RunStore {
  const one = <R extends RunRecord>(run: R | null): R | null => {
    if (run !== null) withStoredResult(run.state, services);
    return run;
  };
  const all = <R extends RunRecord>(list: R[]): R[] => {
    for (const run of list) withStoredResult(run.state, services);
    return list;
  };
  return {
    ...runs,
    readFlowRun: async (id): Promise<FlowRunRecord | null> => one(await runs.readFlowRun(id)),
    readTaskRun: async (id): Promise<TaskRunRecord | null> => one(await runs.readTaskRun(id)),
    findFlowRun: async (idOrName) => one(await runs.findFlowRun(idOrName)),
    listFlowRuns: async (filter) => all(await runs.listFlowRuns(filter)),
    listTaskRuns: async (flowRunId) => all(await runs.listTaskRuns(flowRunId)),
    listOpenRuns: async (leaseId) => all(await runs.listOpenRuns(leaseId)),
  };
}
