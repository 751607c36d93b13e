import { systemClock } from "../base/clock.ts";
import { BellhopError } from "../base/errors.ts";
import { microsToDate } from "../base/instant.ts";
import type { JsonObject } from "../base/json.ts";
import { readRuntimeEnv } from "../config/runtime-env.ts";
import type { FlowRunRecord, TaskRunRecord } from "../runs/flow-run.ts";
import type { RunStore } from "../runs/run-store.ts";
import { type ActiveRun, currentFrame } from "./active-run.ts";
import { currentRunSource, type RunSource } from "./run-source.ts";
import { attributes, type Getters } from "./runtime-attributes.ts";

/** Facts about a flow run. Where there is none: null, an empty list or object, 0, now. */
export interface FlowRunFacts {
  readonly id: string | null;
  readonly name: string | null;
  readonly flowName: string | null;
  readonly flowVersion: string | null;
  readonly tags: string[];
  /** As the body gets them, not as stored; from `load()`, as stored. */
  readonly parameters: Readonly<Record<string, unknown>>;
  /** When the run was expected to start. */
  readonly scheduledStartTime: Date;
  /** Attempts begun, this one included. */
  readonly runCount: number;
  /** The flow run that started this one. */
  readonly parentFlowRunId: string | null;
  /** The outermost flow run; a root is its own. */
  readonly rootFlowRunId: string | null;
  /** Null where there are no deployments. */
  readonly parentDeploymentId: string | null;
  readonly apiUrl: string | null;
  readonly uiUrl: string | null;
  /** What the infrastructure of the run was told; null where there is none. */
  readonly jobVariables: JsonObject | null;
}

/** What code may ask about the flow run around it. */
export interface FlowRunRuntime extends FlowRunFacts {
  /**
   * The same facts as they are now; outside of a run, those of the run that `BELLHOP__FLOW_RUN_ID` names, from the store.
   * @throws run_not_found, the store's codes
   */
  load(): Promise<FlowRunFacts>;
}

/** The same about the task run around the code; empty in a flow's own body. */
export interface TaskRunRuntime {
  readonly id: string | null;
  readonly name: string | null;
  readonly taskName: string | null;
  readonly tags: string[];
  readonly parameters: Readonly<Record<string, unknown>>;
  readonly runCount: number;
  readonly apiUrl: string | null;
  readonly uiUrl: string | null;
  /** Which call of the body this is, counted by the signal LOOP; from 1. 0 outside of a task. */
  readonly loopCount: number;
  /** What the call before gave to the signal LOOP. */
  readonly loopResult: unknown;
  /** True in a body that is called again after a pause. */
  readonly resumed: boolean;
}

/** The deployment that the flow run around the code belongs to; without deployments, all null. */
export interface DeploymentRuntime {
  readonly id: string | null;
  readonly name: string | null;
  readonly version: string | null;
  readonly flowRunId: string | null;
  readonly parameters: Readonly<Record<string, unknown>>;
}

/** What the getters of a flow run answer from. */
interface FlowSource {
  readonly id: string | null;
  readonly record: FlowRunRecord | null;
  readonly parameters: Readonly<Record<string, unknown>>;
  readonly rootId: string | null;
  readonly nowMicros: () => number;
  readonly urls: Pick<RunSource, "apiUrl" | "uiUrl"> | null;
}

const currentRun = (): ActiveRun | null => currentFrame()?.run ?? null;

/** The run that a supervisor told this process to run. */
const givenId = (): string | null => readRuntimeEnv("BELLHOP__FLOW_RUN_ID") ?? null;

function flowAround(): FlowSource {
  const run = currentRun();
  const flow = run?.flow ?? null;
  const record = flow?.subject.kind === "flow" ? flow.subject.record : null;
  return {
    id: run === null ? givenId() : (record?.id ?? null),
    record,
    parameters: flow?.parameters ?? {},
    rootId: rootOf(flow)?.record.id ?? null,
    nowMicros: () => (run?.engine.clock ?? systemClock).nowMicros(),
    urls: flow?.engine ?? null,
  };
}

function rootOf(flow: ActiveRun | null): ActiveRun | null {
  let root = flow;
  for (let outer = root?.caller?.run.flow ?? null; outer !== null; outer = outer.caller?.run.flow ?? null) root = outer;
  return root;
}

const link = (base: string | null | undefined, kind: "flow" | "task", id: string | undefined): string | null =>
  base == null || id === undefined ? null : `${base}/${kind}-runs/${kind}-run/${id}`;

const FLOW_RUN: Getters<FlowRunFacts, FlowSource> = {
  id: ({ id }) => id,
  name: ({ record }) => record?.name ?? null,
  flowName: ({ record }) => record?.flowName ?? null,
  flowVersion: ({ record }) => record?.flowVersion ?? null,
  tags: ({ record }) => [...(record?.tags ?? [])],
  parameters: ({ parameters }) => parameters,
  scheduledStartTime: ({ record, nowMicros }) => microsToDate(record?.expectedStartMicros ?? nowMicros()),
  runCount: ({ record }) => record?.runCount ?? 0,
  parentFlowRunId: ({ record }) => record?.parentFlowRunId ?? null,
  rootFlowRunId: ({ rootId }) => rootId,
  parentDeploymentId: () => null,
  apiUrl: ({ urls, record }) => link(urls?.apiUrl, "flow", record?.id),
  uiUrl: ({ urls, record }) => link(urls?.uiUrl, "flow", record?.id),
  jobVariables: () => null,
};

const currentTask = (): ActiveRun | null => {
  const run = currentRun();
  return run?.subject.kind === "task" ? run : null;
};

const recordOf = (run: ActiveRun | null): TaskRunRecord | null =>
  run?.subject.kind === "task" ? run.subject.record : null;

const TASK_RUN: Getters<TaskRunRuntime, ActiveRun | null> = {
  id: (run) => recordOf(run)?.id ?? null,
  name: (run) => recordOf(run)?.name ?? null,
  taskName: (run) => recordOf(run)?.taskName ?? null,
  tags: (run) => [...(recordOf(run)?.tags ?? [])],
  parameters: (run) => run?.parameters ?? {},
  runCount: (run) => recordOf(run)?.runCount ?? 0,
  apiUrl: (run) => link(run?.engine.apiUrl, "task", recordOf(run)?.id),
  uiUrl: (run) => link(run?.engine.uiUrl, "task", recordOf(run)?.id),
  loopCount: (run) => (run === null ? 0 : (run.loop?.count ?? 1)),
  loopResult: (run) => run?.loop?.result ?? null,
  resumed: (run) => run?.resumed ?? false,
};

const DEPLOYMENT: Getters<DeploymentRuntime, FlowSource> = {
  id: () => null,
  name: () => null,
  version: () => null,
  flowRunId: ({ id }) => id,
  parameters: () => ({}),
};

async function load(): Promise<FlowRunFacts> {
  const id = givenId();
  const source = currentRun() === null && id !== null ? await storedFlow(id) : flowAround();
  return { ...attributes("FLOW_RUN", FLOW_RUN, () => source) };
}

async function storedFlow(id: string): Promise<FlowSource> {
  const { runs, clock, apiUrl, uiUrl } = await currentRunSource();
  const record = await runs.readFlowRun(id);
  if (record === null) throw new BellhopError("run_not_found", { run: id });
  return {
    id: record.id,
    record,
    parameters: record.parameters,
    rootId: await storedRoot(runs, record),
    nowMicros: () => clock.nowMicros(),
    urls: { apiUrl, uiUrl },
  };
}

async function storedRoot(runs: RunStore, record: FlowRunRecord): Promise<string> {
  let root = record;
  while (root.parentFlowRunId !== null) {
    // oxlint-disable-next-line no-await-in-loop -- each run names the next one
    const parent = await runs.readFlowRun(root.parentFlowRunId);
    if (parent === null) return root.parentFlowRunId;
    root = parent;
  }
  return root.id;
}

/**
 * Facts about the run around the code that asks, in bodies and hooks alike.
 * For tests, `BELLHOP__RUNTIME__FLOW_RUN__<NAME>`, `BELLHOP__RUNTIME__TASK_RUN__<NAME>` and
 * `BELLHOP__RUNTIME__DEPLOYMENT__<NAME>` override a value, in the type of the real one.
 *
 * @example
 * runtime.flowRun.name; // "brisk-otter"
 *
 * @throws invalid_definition for an unknown attribute, an override of a list or object, or one of the wrong type
 * @see Prefect 3, `prefect.runtime`
 */
export const runtime: {
  readonly flowRun: FlowRunRuntime;
  readonly taskRun: TaskRunRuntime;
  readonly deployment: DeploymentRuntime;
} = Object.freeze({
  flowRun: attributes("FLOW_RUN", FLOW_RUN, flowAround, { load }),
  taskRun: attributes("TASK_RUN", TASK_RUN, currentTask),
  deployment: attributes("DEPLOYMENT", DEPLOYMENT, flowAround),
});
