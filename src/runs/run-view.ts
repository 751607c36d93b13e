import { inspect } from "node:util";
import { microsToDate, type Micros } from "../base/instant.ts";
import type { JsonObject } from "../base/json.ts";
import type { State } from "../states/state.ts";
import type { StateType } from "../states/state-type.ts";
import type { FlowRunRecord, RunRecord, TaskRunRecord } from "./flow-run.ts";

const MICROS_PER_SECOND = 1_000_000;

const dateOf = (micros: Micros | null): Date | null => (micros === null ? null : microsToDate(micros));

/** What flow runs and task runs show alike. Always current: the run moves on under it. */
class RunView<T extends RunRecord> {
  protected readonly record: T;

  constructor(record: T) {
    this.record = record;
    // Enumerable state would be printed and compared; the view has none of its own.
    Object.defineProperty(this, "record", { enumerable: false });
  }

  /** UUIDv7. */
  get id(): string {
    return this.record.id;
  }
  get name(): string {
    return this.record.name;
  }
  get tags(): string[] {
    return [...this.record.tags];
  }
  get labels(): Readonly<Record<string, string>> {
    return this.record.labels;
  }
  /** The state the run is in; in a hook the very object that the hook was given. */
  get state(): State {
    return this.record.state;
  }
  get stateId(): string {
    return this.record.state.id;
  }
  get stateType(): StateType {
    return this.record.state.type;
  }
  get stateName(): string {
    return this.record.state.name;
  }
  /** Attempts begun, the current one included. */
  get runCount(): number {
    return this.record.runCount;
  }
  get created(): Date {
    return microsToDate(this.record.createdMicros);
  }
  get expectedStartTime(): Date | null {
    return dateOf(this.record.expectedStartMicros);
  }
  /** Set while the run waits for a time. */
  get nextScheduledStartTime(): Date | null {
    return dateOf(this.record.nextScheduledStartMicros);
  }
  get startTime(): Date | null {
    return dateOf(this.record.startMicros);
  }
  get endTime(): Date | null {
    return dateOf(this.record.endMicros);
  }
  /** Seconds spent running, waits between attempts left out. */
  get totalRunTime(): number {
    return this.record.totalRunTimeMicros / MICROS_PER_SECOND;
  }
  get empiricalPolicy(): JsonObject {
    return this.record.empiricalPolicy;
  }
}

/** A run of a flow, as hooks and callers see it. */
export class FlowRun extends RunView<FlowRunRecord> {
  get flowName(): string {
    return this.record.flowName;
  }
  get flowVersion(): string | null {
    return this.record.flowVersion;
  }
  /** As stored: secrets masked, values that JSON does not know as `<TypeName>`. */
  get parameters(): JsonObject {
    return this.record.parameters;
  }
  /** The task run that stands for this run in its parent. */
  get parentTaskRunId(): string | null {
    return this.record.parentTaskRunId;
  }
  get parentFlowRunId(): string | null {
    return this.record.parentFlowRunId;
  }
  override toString(): string {
    return `<FlowRun: ${this.name}>`;
  }
  [inspect.custom](): string {
    return `FlowRun { id: '${this.id}', name: '${this.name}', state: ${String(this.state)} }`;
  }
}

/** A run of a task, as hooks and callers see it. */
export class TaskRun extends RunView<TaskRunRecord> {
  /** Null outside a flow. */
  get flowRunId(): string | null {
    return this.record.flowRunId;
  }
  get taskName(): string {
    return this.record.taskName;
  }
  get taskKey(): string {
    return this.record.taskKey;
  }
  /** Tells runs of one task in one flow run apart. */
  get dynamicKey(): string {
    return this.record.dynamicKey;
  }
  /** Attempts of the flow run when this run began. */
  get flowRunRunCount(): number {
    return this.record.flowRunRunCount;
  }
  override toString(): string {
    return `<TaskRun: ${this.name}>`;
  }
  [inspect.custom](): string {
    return `TaskRun { id: '${this.id}', name: '${this.name}', state: ${String(this.state)} }`;
  }
}
