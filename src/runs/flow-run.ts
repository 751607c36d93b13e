import type { JsonObject } from "../base/json.ts";
import type { Micros } from "../base/instant.ts";
import type { State } from "../states/state.ts";

/** What a flow run and a task run have in common. Durations are seconds, instants are microseconds since the epoch. */
export interface RunFields {
  /** UUIDv7. */
  readonly id: string;
  name: string;
  tags: readonly string[];
  labels: Readonly<Record<string, string>>;
  state: State;
  /** Attempts begun; counts retries, not resumes. */
  runCount: number;
  expectedStartMicros: Micros | null;
  nextScheduledStartMicros: Micros | null;
  startMicros: Micros | null;
  endMicros: Micros | null;
  totalRunTimeMicros: Micros;
  createdMicros: Micros;
}

/** A run of a flow, as stored. Source of names and rules: Prefect 3, FlowRun. */
export interface FlowRunRecord extends RunFields {
  readonly kind: "flow-run";
  readonly flowName: string;
  readonly flowVersion: string | null;
  /** As given, JSON-able; other values as a `<TypeName>` text; secrets masked. */
  readonly parameters: JsonObject;
  readonly parentTaskRunId: string | null;
  readonly parentFlowRunId: string | null;
  /** Retries allowed, delay in seconds, and what resumes need later. */
  readonly empiricalPolicy: JsonObject;
  /** The process that runs it; null when none does. */
  readonly leaseId: string | null;
}

export interface TaskRunRecord extends RunFields {
  readonly kind: "task-run";
  readonly flowRunId: string | null;
  readonly taskName: string;
  readonly taskKey: string;
  readonly dynamicKey: string;
  readonly empiricalPolicy: JsonObject;
  readonly flowRunRunCount: number;
  readonly leaseId: string | null;
  /** Which runs the parameters came from, by name; stored with the first state. Default: none. */
  readonly taskInputs?: JsonObject;
}

export type RunRecord = FlowRunRecord | TaskRunRecord;
