import { z } from "zod";
import { StateType } from "../states/state-type.ts";

/*
 * What a template about a run may name. Keys are snake_case, the words of the wire. The value is plain JSON: copied,
 * with no secret in it, made once per notification when the state is entered. Texts of users (names, messages, errors)
 * are raw; every dialect escapes them where they are printed.
 */

/** ISO 8601 in UTC. */
const Instant = z.string();

/** A map with free keys. Paths below it are not checked. */
const openMap = () => z.record(z.string(), z.json());

/** An open map whose keys may contain dots: `{{flow.labels.a.b}}` finds the key `a.b`. */
const labelMap = () => openMap().meta({ isLabels: true });

/** The state that caused the message, not the state the run has by the time it is sent. */
export const StateContext = z.strictObject({
  id: z.string(),
  name: z.string(),
  type: StateType,
  message: z.string(),
  timestamp: Instant,
  is_final: z.boolean(),
});
export type StateContext = z.infer<typeof StateContext>;

const FlowContext = z.strictObject({
  id: z.string().nullable(),
  name: z.string(),
  version: z.string().nullable(),
  tags: z.array(z.string()),
  labels: labelMap(),
  url: z.string().nullable(),
});

const FlowRunContext = z.strictObject({
  id: z.string(),
  name: z.string(),
  tags: z.array(z.string()),
  labels: labelMap(),
  /** Values under keys that look like secrets read `********`. */
  parameters: openMap(),
  state_name: z.string(),
  state_type: StateType,
  state: StateContext,
  run_count: z.int(),
  expected_start_time: Instant.nullable(),
  start_time: Instant.nullable(),
  end_time: Instant.nullable(),
  /** Since the first start, up to the state of the message; null when it never started. */
  duration_seconds: z.number().nullable(),
  lateness_seconds: z.number().nullable(),
  parent_task_run_id: z.string().nullable(),
  url: z.string().nullable(),
});

const TaskRunContext = z.strictObject({
  id: z.string(),
  name: z.string(),
  /** Name of the task. */
  task_name: z.string(),
  task_key: z.string(),
  dynamic_key: z.string(),
  tags: z.array(z.string()),
  state_name: z.string(),
  state_type: StateType,
  state: StateContext,
  run_count: z.int(),
  start_time: Instant.nullable(),
  end_time: Instant.nullable(),
  duration_seconds: z.number().nullable(),
  flow_run_id: z.string().nullable(),
  url: z.string().nullable(),
});

const RetryContext = z.strictObject({
  /** Counted from 1: the coming attempt when a retry was decided, else the one that ran last. */
  attempt: z.int(),
  /** Attempts allowed in all: retries plus one. */
  max: z.int(),
  /** null when no retry is coming. */
  next_at: Instant.nullable(),
  delay_seconds: z.number().nullable(),
});

const ErrorContext = z.strictObject({
  /** Class name, e.g. `TypeError`. */
  type: z.string(),
  message: z.string(),
  first_line: z.string(),
  /** At most 4,000 characters. */
  stack: z.string().nullable(),
  /** First frame in the user's own code, e.g. `flows/etl.ts:41:7 in load`. */
  location: z.string().nullable(),
});

export const Severity = z.enum(["info", "success", "warning", "error", "critical"]);
export type Severity = z.infer<typeof Severity>;

/** Context of the messages about runs. */
export const RunMessage = z.strictObject({
  kind: z.enum(["problem", "recovery", "info", "digest", "reminder", "escalation", "action-needed"]),
  /** Why it is sent now; `first` for hooks. */
  reason: z.string(),
  title: z.string(),
  summary: z.string(),
  severity: Severity,
  severity_emoji: z.string(),
  severity_color: z.string(),
  /** null for a task that runs outside a flow. */
  flow: FlowContext.nullable(),
  flow_run: FlowRunContext.nullable(),
  /** Set when the message is about a task run. */
  task_run: TaskRunContext.nullable(),
  state: StateContext,
  previous_state: StateContext.nullable(),
  /** null when the run has a single attempt. */
  retry: RetryContext.nullable(),
  error: ErrorContext.nullable(),
  /** null without a hub that has a public URL. */
  links: z.strictObject({
    run: z.string().nullable(),
    flow: z.string().nullable(),
    logs: z.string().nullable(),
  }),
  hub: z.strictObject({
    name: z.string(),
    url: z.string().nullable(),
    version: z.string(),
    /** e.g. `prod`; printed before titles. */
    environment: z.string().nullable(),
  }),
  now: Instant,
  /** IANA name. */
  timezone: z.string(),
  vars: openMap(),
  target: z.strictObject({
    block_type: z.string(),
    block_name: z.string(),
    /** Mentions configured on the block, in the channel's own syntax. Mentions never come from data. */
    mention: z.array(z.string()),
  }),
});
export type RunMessage = z.infer<typeof RunMessage>;

/** The context before its one-liners are made: see `titleOf` and `summaryOf`. */
export type RunFacts = Omit<RunMessage, "title" | "summary">;
