import { formatMicros } from "../../base/instant.ts";
import type { JsonObject, JsonValue } from "../../base/json.ts";
import type { FlowRunRecord, TaskRunRecord } from "../../runs/flow-run.ts";
import type { HookOutcome, StoredState } from "../../runs/run-store.ts";
import type { StateType } from "../../states/state-type.ts";
import { State, type StateWire } from "../../states/state.ts";

/** Columns that make a state, under the names of `STATE_COLUMNS`. */
export interface StateColumns {
  readonly stateId: string;
  readonly stateType: StateType;
  readonly stateName: string;
  readonly stateTimestampMicros: number;
  readonly stateMessage: string | null;
  readonly stateDetails: string;
  readonly stateData: string | null;
}

export const STATE_COLUMNS = `s.id as stateId, s.type as stateType, s.name as stateName,
  s.timestamp_micros as stateTimestampMicros, s.message as stateMessage, s.details as stateDetails, s.data as stateData`;

interface Json {
  readonly tags: string;
  readonly labels: string;
  readonly empiricalPolicy: string;
}

export type FlowRunRow = Omit<FlowRunRecord, "kind" | "state" | keyof Json | "parameters"> &
  Json & { readonly parameters: string } & StateColumns;

export type TaskRunRow = Omit<TaskRunRecord, "kind" | "state" | "taskInputs" | keyof Json> &
  Json & { readonly taskInputs: string } & StateColumns;

export interface FeedRow extends StateColumns {
  readonly seq: number;
  readonly flowRunId: string | null;
  readonly taskRunId: string | null;
  readonly follows: string | null;
}

export type HookRow = Omit<HookOutcome, "error"> & { readonly error: string | null };

// Every JSON column was written by toJson() from a value of the type it is read back as; that is the reason of each cast
// in this file.

export const toWire = (row: StateColumns): StateWire => ({
  id: row.stateId,
  type: row.stateType,
  name: row.stateName,
  timestamp: formatMicros(row.stateTimestampMicros),
  message: row.stateMessage,
  state_details: JSON.parse(row.stateDetails) as StateWire["state_details"],
  data: row.stateData === null ? null : (JSON.parse(row.stateData) as JsonValue),
});

const sharedFields = (row: FlowRunRow | TaskRunRow) => ({
  id: row.id,
  name: row.name,
  tags: JSON.parse(row.tags) as string[],
  labels: JSON.parse(row.labels) as Record<string, string>,
  state: State.fromWire(toWire(row)),
  runCount: row.runCount,
  expectedStartMicros: row.expectedStartMicros,
  nextScheduledStartMicros: row.nextScheduledStartMicros,
  startMicros: row.startMicros,
  endMicros: row.endMicros,
  totalRunTimeMicros: row.totalRunTimeMicros,
  createdMicros: row.createdMicros,
  empiricalPolicy: JSON.parse(row.empiricalPolicy) as JsonObject,
  leaseId: row.leaseId,
});

export const toFlowRun = (row: FlowRunRow): FlowRunRecord => ({
  kind: "flow-run",
  ...sharedFields(row),
  flowName: row.flowName,
  flowVersion: row.flowVersion,
  parameters: JSON.parse(row.parameters) as JsonObject,
  parentTaskRunId: row.parentTaskRunId,
  parentFlowRunId: row.parentFlowRunId,
});

export const toTaskRun = (row: TaskRunRow): TaskRunRecord => ({
  kind: "task-run",
  ...sharedFields(row),
  flowRunId: row.flowRunId,
  taskName: row.taskName,
  taskKey: row.taskKey,
  dynamicKey: row.dynamicKey,
  flowRunRunCount: row.flowRunRunCount,
  taskInputs: JSON.parse(row.taskInputs) as JsonObject,
});

export const toStoredState = (row: FeedRow): StoredState => ({
  seq: row.seq,
  flowRunId: row.flowRunId,
  taskRunId: row.taskRunId,
  follows: row.follows,
  state: toWire(row),
});

export const toHookOutcome = (row: HookRow): HookOutcome => ({
  ...row,
  error: row.error === null ? null : (JSON.parse(row.error) as HookOutcome["error"]),
});
