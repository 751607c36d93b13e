import { messageOf } from "../base/errors.ts";
import { killPoint } from "../base/kill-points.ts";
import { redact, redactObject } from "../base/redactor.ts";
import { advance, advanceFlowRun, type Bookkeeping } from "../orchestration/bookkeeping.ts";
import type { DeclaredHook } from "../runs/declared-hook.ts";
import type { DeliveryRequest } from "../runs/delivery-request.ts";
import type { RunRecord, TaskRunRecord } from "../runs/flow-run.ts";
import type { RunChange } from "../runs/run-store.ts";
import { acceptState, type State } from "../states/state.ts";
import { type ActiveRun, inFrame } from "./active-run.ts";
import type { Transition, TransitionListener } from "./transition.ts";

const NO_REQUESTS: readonly DeliveryRequest[] = [];

/** Work between the storing of a state and its hooks. */
type Between = () => void | Promise<void>;

/**
 * Makes `to` the state of the run: keeps the books, stores it together with the deliveries it owes, then tells the
 * listeners. Waits for the store where it must; returns undefined when there was nothing to wait for.
 *
 * @param error What was thrown, when an error led to the state.
 */
export function enter(run: ActiveRun, to: State, error?: unknown, between?: Between): Promise<void> | undefined {
  const before = booksOf(run.record);
  const trackedBefore = run.tracking === null ? null : booksOf(run.tracking);
  const { change, move } = prepare(run, to, error);
  killPoint("state:before");
  const written = store(run, change);
  if (written === undefined) return tell(run, move, between);
  return written.then(
    () => {
      killPoint("state:after");
      return tell(run, move, between);
    },
    (failure: unknown) => {
      // Not stored, so not true: the run is where it was.
      Object.assign(run.record, before);
      if (run.tracking !== null) Object.assign(run.tracking, trackedBefore);
      throw failure;
    },
  );
}

/** Applies the state to the run and collects what has to be stored. */
export function prepare(
  run: ActiveRun,
  to: State,
  error: unknown,
): { readonly change: RunChange; readonly move: Transition } {
  const { record } = run;
  // A run is made with its first state, which nothing comes before.
  const from = record.state === to ? null : record.state;
  accept(run, to, from);
  Object.assign(record, booksAfter(record, from, to));
  record.state = to;
  const flowRun = run.flow?.subject.kind === "flow" ? run.flow.subject.record : null;
  const move: Transition = {
    object: run.subject.object,
    run: record,
    flowRun,
    from,
    to,
    declared: run.declared,
    error,
  };
  const requests = collectRequests(run, move);
  const isFirst = from === null && run.declared.length > 0;
  const change = {
    run: record,
    state: to,
    follows: from?.id ?? null,
    requests,
    ...(isFirst ? { hooks: run.declared.map(stored) } : {}),
  };
  return { change, move };
}

const stored = (hook: DeclaredHook): DeclaredHook => ({ ...hook, options: redactObject(hook.options) });

function accept(run: ActiveRun, to: State, from: State | null): void {
  const { record, tracking, engine } = run;
  const now = engine.clock.nowMicros();
  // Later than the state before it, also when the wall clock was set back.
  const timestampMicros = from === null ? now : Math.max(now, from.timestampMicros + 1);
  if (record.kind === "flow-run")
    acceptState(to, { timestampMicros, flowRunId: record.id, taskRunId: tracking?.id ?? null });
  else acceptState(to, { timestampMicros, flowRunId: record.flowRunId, taskRunId: record.id });
}

/** Going on after a pause is not another attempt, unless nothing had begun; flow runs remember more than that. */
const booksAfter = (record: RunRecord, from: State | null, to: State): Bookkeeping =>
  record.kind === "flow-run"
    ? advanceFlowRun(record, from, to)
    : advance(record, from, to, from?.type === "PAUSED" && record.runCount > 0);

function booksOf(record: RunRecord): Partial<RunRecord> {
  const { state, runCount, expectedStartMicros, nextScheduledStartMicros, startMicros, endMicros, totalRunTimeMicros } =
    record;
  const { empiricalPolicy, leaseId } = record;
  const times = { expectedStartMicros, nextScheduledStartMicros, startMicros, endMicros, totalRunTimeMicros };
  return { state, runCount, empiricalPolicy, leaseId, ...times };
}

function collectRequests(run: ActiveRun, move: Transition): readonly DeliveryRequest[] {
  let all: DeliveryRequest[] | undefined;
  for (const listeners of [run.listeners, run.engine.listeners]) {
    for (const listener of listeners) {
      const requests = listener.requests === undefined ? NO_REQUESTS : requestsOf(run, listener, move);
      // Almost no state owes anything, so the list is made only when one does.
      if (requests.length > 0) (all ??= []).push(...requests);
    }
  }
  return all ?? NO_REQUESTS;
}

function requestsOf(run: ActiveRun, listener: TransitionListener, move: Transition): readonly DeliveryRequest[] {
  try {
    return listener.requests?.(move) ?? NO_REQUESTS;
  } catch (error) {
    run.engine.log.error("a listener could not say what a state owes", {
      state: move.to.name,
      error: redact(messageOf(error)),
    });
    return NO_REQUESTS;
  }
}

/**
 * Flow runs are durable before the engine goes on. Task runs are written behind it, unless something hangs on the
 * state: deliveries it owes, or hooks that must outlive this process.
 */
function store(run: ActiveRun, change: RunChange): Promise<void> | undefined {
  const { runs } = run.engine;
  if (run.tracking !== null && change.follows !== null)
    return runs.commit({ ...change, mirrored: mirror(run, run.tracking, change.state) });
  if (run.record.kind === "flow-run" || change.requests.length > 0 || change.hooks !== undefined)
    return runs.commit(change);
  runs.record(change);
  return undefined;
}

/** The same change on the task run that stands for a nested flow run in its parent. */
export function mirror(run: ActiveRun, tracking: TaskRunRecord, of: State): RunChange {
  const from = tracking.state;
  const state = of.freshCopy({ stateDetails: { ...of.stateDetails, childFlowRunId: run.record.id } });
  acceptState(state, { timestampMicros: of.timestampMicros, flowRunId: tracking.flowRunId, taskRunId: tracking.id });
  Object.assign(tracking, booksAfter(tracking, from, state));
  tracking.state = state;
  return { run: tracking, state, follows: from.id, requests: NO_REQUESTS };
}

function tell(run: ActiveRun, move: Transition, between: Between | undefined): Promise<void> | undefined {
  const done = between?.();
  return done instanceof Promise ? done.then(() => notify(run, move)) : notify(run, move);
}

/** As {@link mirror}, of a state that somebody else stored for the nested flow run. */
export function mirrorMoved(run: ActiveRun): void {
  const { tracking, record } = run;
  if (tracking === null || tracking.state.timestampMicros >= record.state.timestampMicros) return;
  run.engine.runs.record(mirror(run, tracking, record.state));
}

/**
 * Takes over a state that somebody else stored for this run, with its hooks.
 * The deliveries that it owes were stored with it, by whoever stored it.
 */
export function adopt(run: ActiveRun, to: State): Promise<void> | undefined {
  const { record } = run;
  const from = record.state;
  if (from.id === to.id) return undefined;
  Object.assign(record, booksAfter(record, from, to));
  record.state = to;
  mirrorMoved(run);
  const flowRun = run.flow?.subject.kind === "flow" ? run.flow.subject.record : null;
  const { declared } = run;
  return notify(run, { object: run.subject.object, run: record, flowRun, from, to, declared, error: undefined });
}

/** Stores one more state of a run that has ended, without hooks: its work was undone. */
export function enterSilently(run: ActiveRun, to: State): void {
  const { record } = run;
  const from = record.state;
  accept(run, to, from);
  Object.assign(record, booksAfter(record, from, to));
  record.state = to;
  run.engine.runs.record({ run: record, state: to, follows: from.id, requests: NO_REQUESTS });
}

function notify(run: ActiveRun, move: Transition): Promise<void> | undefined {
  if (!run.listeners.some(hears) && !run.engine.listeners.some(hears)) return undefined;
  return inFrame(run.hookFrame, tellAll, run, move);
}

const hears = (listener: TransitionListener): boolean => listener.committed !== undefined;

async function tellAll(run: ActiveRun, move: Transition): Promise<void> {
  for (const listeners of [run.listeners, run.engine.listeners]) {
    for (const listener of listeners) {
      if (listener.committed === undefined) continue;
      try {
        const told = listener.committed(move);
        if (told !== undefined) await told;
      } catch (error) {
        run.engine.log.error("a listener failed", { state: move.to.name, error: redact(messageOf(error)) });
      }
    }
  }
}
