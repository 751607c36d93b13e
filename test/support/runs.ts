import type { HookOutcome, RunStore } from "../../src/runs/run-store.ts";
import type { FlowRunRecord, TaskRunRecord } from "../../src/runs/flow-run.ts";
import { type TestHub, openTestHub } from "./hub.ts";

/** What the store holds about flow runs, read back in the form that tests compare. */
export class StoredRuns {
  readonly #runs: RunStore;

  constructor(runs: RunStore) {
    this.#runs = runs;
  }

  /** The newest flow run of this flow. */
  async flowRun(flowName: string): Promise<FlowRunRecord> {
    const [newest] = await this.#runs.listFlowRuns({ flowName });
    if (newest === undefined) throw new Error(`no run of ${flowName} is stored`);
    return newest;
  }

  async flowStates(flowName: string): Promise<string[]> {
    const states = await this.#runs.listStates({ flowRunId: (await this.flowRun(flowName)).id });
    return states.map(({ state }) => state.name);
  }

  async taskRuns(flowName: string): Promise<TaskRunRecord[]> {
    const runs = await this.#runs.listTaskRuns((await this.flowRun(flowName)).id);
    return runs.toSorted((a, b) => a.createdMicros - b.createdMicros);
  }

  /** State names of the first task run of the flow run. */
  async taskStates(flowName: string): Promise<string[]> {
    const [first] = await this.taskRuns(flowName);
    if (first === undefined) throw new Error(`${flowName} has no task run`);
    const states = await this.#runs.listStates({ taskRunId: first.id });
    return states.map(({ state }) => state.name);
  }

  async hooks(flowName: string): Promise<HookOutcome[]> {
    return this.#runs.listHookOutcomes((await this.flowRun(flowName)).id);
  }
}

/** A hub of its own for a test file, and what its store holds. */
export async function openRuns(
  ...args: Parameters<typeof openTestHub>
): Promise<TestHub & { readonly stored: StoredRuns }> {
  const test = await openTestHub(...args);
  return { ...test, stored: new StoredRuns(test.hub.engine.runs) };
}
