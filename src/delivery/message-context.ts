import { dateToMicros, formatMicros, type Micros } from "../base/instant.ts";
import type { JsonObject } from "../base/json.ts";
import { VERSION } from "../base/version.ts";
import { isRetryDecision } from "../orchestration/retry.ts";
import type { FlowRunRecord, RunFields, RunRecord, TaskRunRecord } from "../runs/flow-run.ts";
import type { State } from "../states/state.ts";
import type { RunFacts, RunMessage, Severity, StateContext } from "../templating/context.ts";
import { fit } from "../templating/fit.ts";
import { summaryOf, titleOf } from "../templating/one-liners.ts";
import { SEVERITY_LOOK, severityOf } from "../templating/severity.ts";
import { errorFacts } from "./error-facts.ts";
import { needsScrub, scrub, scrubDeep } from "./mask.ts";

/** One committed state change, as the engine and the sweep report it. */
export interface StateChange {
  readonly run: RunRecord;
  /** The flow run that a task run belongs to, where it is at hand. */
  readonly flowRun?: FlowRunRecord | null;
  readonly from: State | null;
  readonly to: State;
  /** What was thrown, when an error led to `to`. */
  readonly error: unknown;
}

export interface ContextOptions {
  /** Overrides what the state gives. */
  readonly severity?: Severity | undefined;
  readonly vars: JsonObject;
  /** Block reference it goes to. */
  readonly destination: string;
  /** Base of links, without trailing slash; null: no links. */
  readonly uiUrl: string | null;
  readonly hubName: string;
  /** Wall clock, epoch microseconds. */
  readonly nowMicros: Micros;
}

const MESSAGE_CHARS = 10_000;
const MICROS_PER_SECOND = 1_000_000;

const instant = (micros: Micros | null): string | null => (micros === null ? null : formatMicros(micros));

/**
 * Everything a template may say about a state change: plain JSON, a copy, secrets masked, the state as it was entered.
 * Made once, when the state is committed; a later change of the run does not show in it.
 */
export function messageContext(change: StateChange, options: ContextOptions): RunMessage {
  return finish(factsOf(change, options, thrownIn(change)));
}

/**
 * The same without anything that users' values could break: no error, parameters, labels or variables. For the case
 * that {@link messageContext} throws, because a plain message is better than none.
 */
export function plainContext(change: StateChange, options: ContextOptions): RunMessage {
  const bare = <R extends RunFields>(run: R): R => ({
    ...run,
    labels: {},
    ...("parameters" in run ? { parameters: {} } : {}),
  });
  const flowRun = change.flowRun == null ? null : bare(change.flowRun);
  return finish(
    factsOf({ ...change, run: bare(change.run), flowRun, error: undefined }, { ...options, vars: {} }, undefined),
  );
}

/** Masks first, so that a secret cannot survive by being cut in two by a title. */
function finish(facts: RunFacts): RunMessage {
  // Masking maps texts to texts, and leaves every key and type of this object as it is.
  const masked = scrubFacts(facts);
  return { ...masked, title: titleOf(masked), summary: summaryOf(masked) };
}

/** The addresses of the hub itself are left as they are. */
function scrubFacts(facts: RunFacts): RunFacts {
  const { links, hub, ...rest } = facts;
  // `scrubDeep` keeps the shape of what it is given; its type only says that it is JSON.
  const masked = scrubDeep(rest) as unknown as Omit<RunFacts, "links" | "hub">;
  return { ...masked, links, hub };
}

/**
 * A stored context, masked with what this process knows: more than the one that stored it did, such as the block that the
 * message is sent through. The lines that were cut are made anew from what is masked now.
 */
export function maskedAgain(context: RunMessage): RunMessage {
  const { links: _links, hub: _hub, ...rest } = context;
  // What is kept under the name of a secret was masked when it was stored.
  return needsScrub(rest) ? finish(context) : context;
}

function factsOf(change: StateChange, options: ContextOptions, thrown: unknown): RunFacts {
  const { run, to, from } = change;
  const flowRun = run.kind === "flow-run" ? run : (change.flowRun ?? null);
  const severity = options.severity ?? severityOf(to.type, to.name);
  const isRetry = isRetryDecision(from, to);
  const ui = linksFor(options.uiUrl);
  return {
    kind: to.type === "FAILED" || to.type === "CRASHED" || isRetry ? "problem" : "info",
    reason: "first",
    severity,
    severity_emoji: SEVERITY_LOOK[severity].emoji,
    severity_color: SEVERITY_LOOK[severity].color,
    flow: flowRun === null ? null : flowFacts(flowRun, ui),
    flow_run: flowRun === null ? null : flowRunFacts(flowRun, run === flowRun ? to : flowRun.state, ui),
    task_run: run.kind === "task-run" ? taskRunFacts(run, to, ui) : null,
    state: stateFacts(to),
    previous_state: from === null ? null : stateFacts(from),
    retry: retryFacts(run, to, isRetry),
    error: thrown === undefined ? null : errorFacts(thrown),
    links: {
      run: ui.run(flowRun?.id ?? null) ?? (run.kind === "task-run" ? ui.taskRun(run.id) : null),
      flow: flowRun === null ? null : ui.flow(flowRun.flowName),
      logs: ui.logs(flowRun?.id ?? null),
    },
    hub: { name: options.hubName, url: options.uiUrl, version: VERSION, environment: null },
    now: formatMicros(options.nowMicros),
    timezone: "UTC",
    // JSON already; RunMessage's type only asks for mutable containers.
    vars: { ...options.vars } as RunMessage["vars"],
    target: targetFacts(options.destination),
  };
}

/** What was thrown; a state that was returned by hand may carry its error as data instead. */
function thrownIn({ error, to }: StateChange): unknown {
  if (error !== undefined) return error;
  const carried = to.type === "FAILED" || to.type === "CRASHED" || to.isRetrying() ? to.peek() : undefined;
  return carried instanceof Error ? carried : undefined;
}

function stateFacts(state: State): StateContext {
  return {
    id: state.id,
    name: state.name,
    type: state.type,
    message: fit(scrub(state.message ?? ""), { max: MESSAGE_CHARS, unit: "utf16" }).text,
    timestamp: formatMicros(state.timestampMicros),
    is_final: state.isFinal(),
  };
}

const secondsBetween = (from: Micros | null, to: Micros): number | null =>
  from === null ? null : Math.max(0, (to - from) / MICROS_PER_SECOND);

function flowFacts(run: FlowRunRecord, ui: Links): NonNullable<RunMessage["flow"]> {
  return { id: null, name: run.flowName, version: run.flowVersion, tags: [], labels: {}, url: ui.flow(run.flowName) };
}

/** What flow runs and task runs have in common. */
const runFacts = (run: RunFields, state: State) => ({
  id: run.id,
  name: run.name,
  tags: [...run.tags],
  state_name: state.name,
  state_type: state.type,
  state: stateFacts(state),
  run_count: run.runCount,
  start_time: instant(run.startMicros),
  end_time: instant(run.endMicros),
  duration_seconds: secondsBetween(run.startMicros, state.timestampMicros),
});

function flowRunFacts(run: FlowRunRecord, state: State, ui: Links): NonNullable<RunMessage["flow_run"]> {
  const { expectedStartMicros, startMicros } = run;
  return {
    ...runFacts(run, state),
    labels: { ...run.labels },
    // Stored JSON; only the mutability of containers differs.
    parameters: { ...run.parameters } as RunMessage["vars"],
    expected_start_time: instant(expectedStartMicros),
    lateness_seconds: startMicros === null ? null : secondsBetween(expectedStartMicros, startMicros),
    parent_task_run_id: run.parentTaskRunId,
    url: ui.run(run.id),
  };
}

function taskRunFacts(run: TaskRunRecord, state: State, ui: Links): NonNullable<RunMessage["task_run"]> {
  return {
    ...runFacts(run, state),
    task_name: run.taskName,
    task_key: run.taskKey,
    dynamic_key: run.dynamicKey,
    flow_run_id: run.flowRunId,
    url: ui.taskRun(run.id),
  };
}

function retryFacts(run: RunRecord, to: State, isRetry: boolean): RunMessage["retry"] {
  const retries = run.empiricalPolicy["retries"];
  const max = (typeof retries === "number" && retries > 0 ? retries : 0) + 1;
  if (max === 1 && !isRetry) return null;
  if (!isRetry) return { attempt: Math.max(1, run.runCount), max, next_at: null, delay_seconds: null };
  const { scheduledTime } = to.stateDetails;
  const nextMicros = to.isRetrying() && scheduledTime != null ? dateToMicros(scheduledTime) : to.timestampMicros;
  // An attempt that runs already has been counted.
  const attempt = to.type === "RUNNING" ? run.runCount : run.runCount + 1;
  // The time was set a moment before the state was entered; hundredths tell people the delay that was asked for.
  const delaySeconds = Math.round(Math.max(0, nextMicros - to.timestampMicros) / 10_000) / 100;
  return { attempt, max: Math.max(max, attempt), next_at: formatMicros(nextMicros), delay_seconds: delaySeconds };
}

function targetFacts(destination: string): RunMessage["target"] {
  const at = destination.indexOf("/");
  return { block_type: destination.slice(0, Math.max(0, at)), block_name: destination.slice(at + 1), mention: [] };
}

interface Links {
  readonly run: (id: string | null) => string | null;
  readonly taskRun: (id: string) => string | null;
  readonly flow: (name: string) => string | null;
  readonly logs: (id: string | null) => string | null;
}

function linksFor(uiUrl: string | null): Links {
  const base = uiUrl?.replace(/\/+$/, "");
  const link = (path: string): string | null => (base === undefined ? null : `${base}/${path}`);
  return {
    run: (id) => (id === null ? null : link(`runs/${id}`)),
    taskRun: (id) => link(`task-runs/${id}`),
    flow: (name) => link(`flows/${encodeURIComponent(name)}`),
    logs: (id) => (id === null ? null : link(`runs/${id}/logs`)),
  };
}
