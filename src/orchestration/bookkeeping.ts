import { dateToMicros, type Micros } from "../base/instant.ts";
import type { JsonObject } from "../base/json.ts";
import { isFinalType, type State } from "../states/state.ts";
import { movePolicy, readPolicy, writePolicy } from "./policy.ts";

/** The counters and times of a run that follow from its states alone. Instants are microseconds since the epoch. */
export interface Bookkeeping {
  readonly runCount: number;
  readonly expectedStartMicros: Micros | null;
  readonly nextScheduledStartMicros: Micros | null;
  readonly startMicros: Micros | null;
  readonly endMicros: Micros | null;
  readonly totalRunTimeMicros: Micros;
}

/** A run before its first state. */
export const UNTOUCHED: Bookkeeping = {
  runCount: 0,
  expectedStartMicros: null,
  nextScheduledStartMicros: null,
  startMicros: null,
  endMicros: null,
  totalRunTimeMicros: 0,
};

/**
 * The books after the state change `from` → `to`; called once for every stored state.
 *
 * @param resuming The run goes on after a pause, which is not another attempt.
 * @see Prefect 3, server/orchestration/global_policy.py
 */
export function advance(books: Bookkeeping, from: State | null, to: State, resuming = false): Bookkeeping {
  const at = to.timestampMicros;
  const ends = isFinalType(to.type);
  const runs = to.type === "RUNNING";
  const scheduled = to.type === "SCHEDULED" ? scheduledMicros(to) : null;
  const wasFinal = from !== null && isFinalType(from.type);
  return {
    runCount: runs && !resuming ? books.runCount + 1 : books.runCount,
    expectedStartMicros: books.expectedStartMicros ?? scheduled ?? at,
    nextScheduledStartMicros: scheduled,
    startMicros: books.startMicros ?? (runs || ends ? at : null),
    endMicros: ends ? ((wasFinal ? books.endMicros : null) ?? at) : null,
    totalRunTimeMicros: books.totalRunTimeMicros + (from?.type === "RUNNING" ? at - from.timestampMicros : 0),
  };
}

/** What every state change of a flow run keeps up to date beside the state itself. */
export interface FlowRunBooks extends Bookkeeping {
  readonly empiricalPolicy: JsonObject;
  /** The process that runs it; null when none does. */
  readonly leaseId: string | null;
}

/**
 * As {@link advance}, for a flow run: also what it remembers of pauses and retries, and which process holds it. A
 * suspended run is held by none, so that it is not taken for one that its process left behind.
 */
export function advanceFlowRun(run: FlowRunBooks, from: State | null, to: State): FlowRunBooks {
  const { policy, isResume } = movePolicy(readPolicy(run.empiricalPolicy), from, to);
  const isSuspended = to.type === "PAUSED" && to.stateDetails.pauseReschedule === true;
  return {
    ...advance(run, from, to, isResume),
    empiricalPolicy: writePolicy(run.empiricalPolicy, policy),
    leaseId: isSuspended ? null : run.leaseId,
  };
}

const scheduledMicros = (state: State): Micros =>
  state.stateDetails.scheduledTime == null ? state.timestampMicros : dateToMicros(state.stateDetails.scheduledTime);
