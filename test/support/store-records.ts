import { newId } from "../../src/base/ids.ts";
import type { Attempt, Delivery, Settlement } from "../../src/delivery/delivery.ts";
import type { DeliveryRequest } from "../../src/runs/delivery-request.ts";
import type { FlowRunRecord, TaskRunRecord } from "../../src/runs/flow-run.ts";
import type { RunChange } from "../../src/runs/run-store.ts";
import { State, type StateInit } from "../../src/states/state.ts";

/** 2026-01-01T00:00:00Z, where the manual clock starts too. */
export const START_MS = Date.UTC(2026, 0, 1);
export const START_MICROS = START_MS * 1_000;

export const aState = (init: Partial<StateInit> = {}): State =>
  new State({ type: "RUNNING", timestampMicros: START_MICROS, ...init });

export const aFlowRun = (values: Partial<FlowRunRecord> = {}): FlowRunRecord => ({
  kind: "flow-run",
  id: newId(),
  name: "brave-otter",
  tags: ["nightly"],
  labels: { team: "data" },
  state: aState(),
  runCount: 1,
  expectedStartMicros: START_MICROS,
  nextScheduledStartMicros: null,
  startMicros: START_MICROS,
  endMicros: null,
  totalRunTimeMicros: 0,
  createdMicros: START_MICROS,
  flowName: "load",
  flowVersion: "1",
  parameters: { day: "monday" },
  parentTaskRunId: null,
  parentFlowRunId: null,
  empiricalPolicy: { retries: 1, retry_delay: 0 },
  leaseId: null,
  ...values,
});

export const aTaskRun = (values: Partial<TaskRunRecord> = {}): TaskRunRecord => ({
  kind: "task-run",
  id: newId(),
  name: "extract-0",
  tags: [],
  labels: {},
  state: aState(),
  runCount: 1,
  expectedStartMicros: START_MICROS,
  nextScheduledStartMicros: null,
  startMicros: START_MICROS,
  endMicros: null,
  totalRunTimeMicros: 0,
  createdMicros: START_MICROS,
  flowRunId: null,
  taskName: "extract",
  taskKey: "extract-abc",
  dynamicKey: "0",
  empiricalPolicy: { retries: 0 },
  flowRunRunCount: 1,
  leaseId: null,
  ...values,
});

/** A change of the run to a state, `afterMicros` later than the run's state. */
export function aChange(
  run: FlowRunRecord | TaskRunRecord,
  state: State = run.state,
  values: Partial<RunChange> = {},
): RunChange {
  const follows = state === run.state ? null : run.state.id;
  return { run: { ...run, state }, state, follows, requests: [], ...values };
}

export const aRequest = (values: Partial<DeliveryRequest> = {}): DeliveryRequest => {
  const id = newId();
  return {
    id,
    dedupKey: `${id}/0/slack-webhook/ops`,
    destination: "slack-webhook/ops",
    subject: `flow-run/${id}`,
    severity: "error",
    flowRunId: null,
    taskRunId: null,
    stateId: null,
    payload: { template: "run-failed" },
    createdAtMs: START_MS,
    expiresAtMs: null,
    coalesce: null,
    ...values,
  };
};

export const aDelivery = (values: Partial<Omit<Delivery, "seq">> = {}): Omit<Delivery, "seq"> => ({
  ...aRequest(),
  origin: "notify",
  status: "delivered",
  attempts: 1,
  nextAttemptAtMs: START_MS,
  leaseId: null,
  reason: null,
  detail: null,
  providerId: null,
  uncertain: false,
  updatedAtMs: START_MS,
  ...values,
});

export const anAttempt = (deliveryId: string, values: Partial<Attempt> = {}): Attempt => ({
  deliveryId,
  number: 1,
  startedAtMs: START_MS,
  durationMs: 12,
  outcome: { kind: "delivered" },
  status: 200,
  ...values,
});

export const aSettlement = (deliveryId: string, values: Partial<Settlement> = {}): Settlement => ({
  attempt: anAttempt(deliveryId),
  to: "delivered",
  nextAttemptAtMs: START_MS,
  reason: null,
  detail: null,
  providerId: null,
  uncertain: false,
  ...values,
});
