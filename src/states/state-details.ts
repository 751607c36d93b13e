import { z } from "zod";
import { dateToMicros, formatMicros, microsToDate, parseMicros } from "../base/instant.ts";

/** Facts that rules, hooks and clients need beside type and name. Absent means null, or false for the two flags. */
export interface StateDetails {
  /** Filled when the state is committed. A state with neither run id was made by hand. */
  readonly flowRunId?: string | null;
  readonly taskRunId?: string | null;
  /** On a parent's tracking task run: the flow run it stands for. */
  readonly childFlowRunId?: string | null;
  /** When a SCHEDULED state is to start; copied to PENDING. */
  readonly scheduledTime?: Date | null;
  readonly cacheKey?: string | null;
  readonly cacheExpiration?: Date | null;
  readonly refreshCache?: boolean | null;
  /** A background task. */
  readonly deferred?: boolean | null;
  /** The result is a shared singleton, so lineage cannot be traced by it. */
  readonly untrackableResult?: boolean;
  /** After this instant a paused run cannot be resumed. */
  readonly pauseTimeout?: Date | null;
  /** True for a suspended run: its process is gone. */
  readonly pauseReschedule?: boolean;
  readonly pauseKey?: string | null;
  readonly runInputKeyset?: RunInputKeyset | null;
  /** False: a failure that is never turned into a retry. */
  readonly retriable?: boolean | null;
  /** Makes a repeated proposal harmless. */
  readonly transitionId?: string | null;
  readonly taskParametersId?: string | null;
  /** W3C trace context at creation. */
  readonly traceparent?: string | null;
  readonly deploymentConcurrencyLeaseId?: string | null;
}

const RunInputKeyset = z.object({ description: z.string(), response: z.string(), schema: z.string() });
type RunInputKeyset = z.infer<typeof RunInputKeyset>;

/** ISO 8601 with an offset. */
const WireInstant = z.iso.datetime({ offset: true });

export const StateDetailsWire = z.object({
  flow_run_id: z.uuid().nullish(),
  task_run_id: z.uuid().nullish(),
  child_flow_run_id: z.uuid().nullish(),
  scheduled_time: WireInstant.nullish(),
  cache_key: z.string().nullish(),
  cache_expiration: WireInstant.nullish(),
  refresh_cache: z.boolean().nullish(),
  deferred: z.boolean().nullish(),
  untrackable_result: z.boolean().optional(),
  pause_timeout: WireInstant.nullish(),
  pause_reschedule: z.boolean().optional(),
  pause_key: z.string().nullish(),
  run_input_keyset: RunInputKeyset.nullish(),
  retriable: z.boolean().nullish(),
  transition_id: z.uuid().nullish(),
  task_parameters_id: z.uuid().nullish(),
  traceparent: z.string().nullish(),
  deployment_concurrency_lease_id: z.uuid().nullish(),
});
export type StateDetailsWire = z.infer<typeof StateDetailsWire>;

/** Fields that are the same on both sides but for their spelling. */
const PLAIN = [
  ["childFlowRunId", "child_flow_run_id"],
  ["cacheKey", "cache_key"],
  ["refreshCache", "refresh_cache"],
  ["deferred", "deferred"],
  ["pauseKey", "pause_key"],
  ["runInputKeyset", "run_input_keyset"],
  ["transitionId", "transition_id"],
  ["taskParametersId", "task_parameters_id"],
  ["traceparent", "traceparent"],
  ["deploymentConcurrencyLeaseId", "deployment_concurrency_lease_id"],
] as const satisfies readonly (readonly [keyof StateDetails, keyof StateDetailsWire])[];

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

const iso = (date: Date | null | undefined): string | null => (date == null ? null : formatMicros(dateToMicros(date)));

/** Rarely used fields appear only when they are set. */
export function detailsToWire(details: StateDetails): StateDetailsWire {
  const wire: Mutable<StateDetailsWire> = {
    flow_run_id: details.flowRunId ?? null,
    task_run_id: details.taskRunId ?? null,
    scheduled_time: iso(details.scheduledTime),
    pause_timeout: iso(details.pauseTimeout),
    pause_reschedule: details.pauseReschedule ?? false,
    retriable: details.retriable ?? null,
    untrackable_result: details.untrackableResult ?? false,
  };
  for (const [from, to] of PLAIN) {
    const value = details[from];
    if (value != null) Object.assign(wire, { [to]: value });
  }
  if (details.cacheExpiration != null) wire.cache_expiration = iso(details.cacheExpiration);
  return wire;
}

const date = (text: string): Date | null => {
  const micros = parseMicros(text);
  return micros === undefined ? null : microsToDate(micros);
};

/** Only what is set comes over, so that `{}` stays `{}`. */
export function detailsFromWire(wire: StateDetailsWire): StateDetails {
  const details: Mutable<StateDetails> = {};
  if (wire.flow_run_id != null) details.flowRunId = wire.flow_run_id;
  if (wire.task_run_id != null) details.taskRunId = wire.task_run_id;
  if (wire.scheduled_time != null) details.scheduledTime = date(wire.scheduled_time);
  if (wire.cache_expiration != null) details.cacheExpiration = date(wire.cache_expiration);
  if (wire.pause_timeout != null) details.pauseTimeout = date(wire.pause_timeout);
  if (wire.pause_reschedule === true) details.pauseReschedule = true;
  if (wire.untrackable_result === true) details.untrackableResult = true;
  if (wire.retriable != null) details.retriable = wire.retriable;
  for (const [to, from] of PLAIN) {
    const value = wire[from];
    if (value != null) Object.assign(details, { [to]: value });
  }
  return details;
}
