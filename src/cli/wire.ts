import { formatMicros, type Micros } from "../base/instant.ts";
import type { JsonObject, JsonValue } from "../base/json.ts";
import type { BlockSummary } from "../block/list-blocks.ts";
import type { InboxMessage } from "../channel/inbox-store.ts";
import type { Attempt, Delivery } from "../delivery/delivery.ts";
import type { FlowRunRecord, RunFields, TaskRunRecord } from "../runs/flow-run.ts";
import type { HookOutcome, StoredState } from "../runs/run-store.ts";
import { isInPart } from "./delivery/outcome-text.ts";

/*
 * Records as `--json` prints them: the field names of the REST API, snake_case, instants as ISO 8601 in UTC.
 */

const instant = (micros: Micros | null): string | null => (micros === null ? null : formatMicros(micros));
const fromMs = (ms: number): string => formatMicros(Math.round(ms * 1_000));

function runFields(run: RunFields): Record<string, JsonValue> {
  return {
    id: run.id,
    created: instant(run.createdMicros),
    name: run.name,
    tags: run.tags,
    labels: run.labels,
    state_id: run.state.id,
    state_type: run.state.type,
    state_name: run.state.name,
    state: stateJson(run.state.toWire()),
    run_count: run.runCount,
    expected_start_time: instant(run.expectedStartMicros),
    next_scheduled_start_time: instant(run.nextScheduledStartMicros),
    start_time: instant(run.startMicros),
    end_time: instant(run.endMicros),
    total_run_time: run.totalRunTimeMicros / 1_000_000,
  };
}

function stateJson({ state_details: details, ...state }: StoredState["state"]): JsonObject {
  const present: Record<string, JsonValue> = {};
  for (const [name, value] of Object.entries(details)) if (value !== undefined) present[name] = value;
  return { ...state, state_details: present };
}

export const flowRunJson = (run: FlowRunRecord): JsonObject => ({
  ...runFields(run),
  flow_name: run.flowName,
  flow_version: run.flowVersion,
  parameters: run.parameters,
  empirical_policy: run.empiricalPolicy,
  parent_task_run_id: run.parentTaskRunId,
});

export const taskRunJson = (run: TaskRunRecord): JsonObject => ({
  ...runFields(run),
  flow_run_id: run.flowRunId,
  task_name: run.taskName,
  task_key: run.taskKey,
  dynamic_key: run.dynamicKey,
  empirical_policy: run.empiricalPolicy,
  flow_run_run_count: run.flowRunRunCount,
  task_inputs: run.taskInputs ?? {},
});

export const storedStateJson = (stored: StoredState): JsonObject => ({
  ...stateJson(stored.state),
  seq: stored.seq,
  flow_run_id: stored.flowRunId,
  task_run_id: stored.taskRunId,
  follows: stored.follows,
});

export const hookOutcomeJson = (outcome: HookOutcome): JsonObject => ({
  flow_run_id: outcome.flowRunId,
  task_run_id: outcome.taskRunId,
  state_id: outcome.stateId,
  event: outcome.event,
  hook: outcome.hook,
  status: outcome.status,
  started: instant(outcome.startedMicros),
  duration_ms: outcome.durationMicros / 1_000,
  error: outcome.error === null ? null : { ...outcome.error },
});

export const deliveryJson = (delivery: Delivery): JsonObject => ({
  id: delivery.id,
  created: fromMs(delivery.createdAtMs),
  updated: fromMs(delivery.updatedAtMs),
  destination: delivery.destination,
  subject: delivery.subject,
  origin: delivery.origin,
  severity: delivery.severity,
  status: delivery.status,
  attempts: delivery.attempts,
  next_attempt: delivery.status === "queued" ? fromMs(delivery.nextAttemptAtMs) : null,
  expires: delivery.expiresAtMs === null ? null : fromMs(delivery.expiresAtMs),
  reason: delivery.reason,
  detail: delivery.detail,
  provider_id: delivery.providerId,
  uncertain: delivery.uncertain,
  flow_run_id: delivery.flowRunId,
  task_run_id: delivery.taskRunId,
  state_id: delivery.stateId,
  dedup_key: delivery.dedupKey,
  payload: delivery.payload,
});

export const attemptJson = (attempt: Attempt): JsonObject => ({
  number: attempt.number,
  started: fromMs(attempt.startedAtMs),
  duration_ms: attempt.durationMs,
  outcome: attempt.outcome.kind,
  reason: attempt.outcome.kind === "delivered" ? null : attempt.outcome.reason,
  detail: attempt.outcome.kind === "delivered" ? null : attempt.outcome.detail,
  retry_after_ms: attempt.outcome.kind === "retry" ? (attempt.outcome.afterMs ?? null) : null,
  status: attempt.status,
  ambiguous: attempt.outcome.kind === "retry" && attempt.outcome.ambiguous,
  in_part: isInPart(attempt.outcome),
  warnings: attempt.outcome.kind === "delivered" ? (attempt.outcome.warnings ?? []) : [],
  remaining: attempt.outcome.kind === "delivered" ? (attempt.outcome.remaining?.targets ?? []) : [],
});

export const inboxMessageJson = (message: InboxMessage): JsonObject => ({
  id: message.id,
  inbox: message.inbox,
  title: message.title,
  body: message.body,
  received: fromMs(message.receivedAtMs),
});

export const blockJson = (block: BlockSummary): JsonObject => ({
  id: block.id,
  ref: block.ref,
  block_type_slug: block.type,
  block_type_name: block.typeName,
  name: block.name,
  is_anonymous: block.isAnonymous,
  revision: block.revision,
  status: block.status,
  data: block.data,
  labels: block.labels,
  created: block.created,
  updated: block.updated,
});
