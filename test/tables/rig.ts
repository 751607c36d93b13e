import { newId } from "../../src/base/ids.ts";
import { NOBODY } from "../../src/engine/definition.ts";
import type { AnyFlow } from "../../src/engine/definition.ts";
import type { EngineContext } from "../../src/engine/engine-context.ts";
import type { Mover } from "../../src/engine/move-flow-run.ts";
import { runFlow } from "../../src/engine/run-flow.ts";
import { advance, UNTOUCHED } from "../../src/orchestration/bookkeeping.ts";
import type { FlowRunRecord, TaskRunRecord } from "../../src/runs/flow-run.ts";
import { acceptState, type State } from "../../src/states/state.ts";
import { flowRun } from "../delivery/rig.ts";
import { openTimedRuns, type TimedRuns } from "../hooks/handlers/timed-runs.ts";

/** Real runs in a real store, on a clock that stands still. */
export interface Rig extends TimedRuns {
  readonly engine: EngineContext;
  /** As a hub with deployments would: a suspended run can be started again. */
  readonly deployed: EngineContext & Mover;
}

export async function openRig(): Promise<Rig> {
  const test = await openTimedRuns();
  const { engine } = test.hub;
  return { ...test, engine, deployed: { ...engine, hasDeployment: () => true } };
}

/** Runs the flow on another engine than that of the hub; rejects as its caller would see it. */
export const runOn = (engine: EngineContext, flow: AnyFlow) =>
  runFlow({ engine, flow, participants: NOBODY, args: [], options: {} });

/** A flow run that nobody executes, stored in this state. */
export async function storeFlowRun({ engine, clock }: Rig, state: State): Promise<FlowRunRecord> {
  const id = newId();
  const timestampMicros = clock.nowMicros();
  acceptState(state, { timestampMicros, flowRunId: id, taskRunId: null });
  const run = flowRun({ ...advance(UNTOUCHED, null, state), id, state, createdMicros: timestampMicros });
  await engine.runs.commit({ run, state, follows: null, requests: [] });
  return run;
}

/** A task run that nobody executes, stored in this state. */
export async function storeTaskRun({ engine, clock }: Rig, state: State): Promise<TaskRunRecord> {
  const id = newId();
  const timestampMicros = clock.nowMicros();
  acceptState(state, { timestampMicros, flowRunId: null, taskRunId: id });
  const run: TaskRunRecord = {
    kind: "task-run",
    id,
    name: "deferred",
    tags: [],
    labels: {},
    state,
    ...advance(UNTOUCHED, null, state),
    createdMicros: timestampMicros,
    flowRunId: null,
    taskName: "deferred",
    taskKey: "deferred",
    dynamicKey: "0",
    empiricalPolicy: {},
    flowRunRunCount: 0,
    leaseId: null,
  };
  engine.runs.record({ run, state, follows: null, requests: [] });
  await engine.runs.flush();
  return run;
}
