import type { Clock } from "../base/clock.ts";
import { BellhopError, messageOf } from "../base/errors.ts";
import type { Logger } from "../base/logger.ts";
import type { Sealer } from "../block/sealer.ts";
import { redact } from "../base/redactor.ts";
import { advanceFlowRun } from "../orchestration/bookkeeping.ts";
import { decide } from "../orchestration/decide.ts";
import { readPolicy } from "../orchestration/policy.ts";
import type { DeclaredHook } from "../runs/declared-hook.ts";
import type { DeliveryRequest } from "../runs/delivery-request.ts";
import type { FlowRunRecord } from "../runs/flow-run.ts";
import type { Decided, RunChange, RunInput, RunStore } from "../runs/run-store.ts";
import { acceptState, type State } from "../states/state.ts";
import type { Transition, TransitionListener } from "./transition.ts";

/** What moving a run from outside needs; an engine context has all of it. */
export interface Mover {
  readonly runs: RunStore;
  readonly clock: Clock;
  readonly log: Logger;
  /** Give the deliveries that the state owes; they are stored with it. */
  readonly listeners: readonly TransitionListener[];
  /** Runs of this process are told at once, and need not wait until they look. */
  readonly control?: { look(): Promise<void> };
  /** Whether the run can be started again by itself. Default: none can. */
  readonly hasDeployment?: (run: FlowRunRecord) => boolean;
  /** Encrypts what runs are resumed with. */
  readonly sealer?: Sealer;
}

/** What came of a proposal. Source of the words: Prefect 3, SetStateStatus. */
export interface Verdict {
  readonly status: "accept" | "reject" | "wait" | "abort";
  /** Why not; null when it was accepted. */
  readonly reason: string | null;
  /** The run after it, whether something was written or not. */
  readonly run: FlowRunRecord;
  /** The state that was written; null when nothing was. */
  readonly written: State | null;
  /** Until the same may be proposed again; 0 unless the answer is to wait. */
  readonly waitMs: number;
}

export interface MoveOptions {
  /** Skips the rules; see `Proposal.force`. Default false. */
  readonly force?: boolean;
  /** Looked at while the run is locked; false: nothing is proposed, and the verdict is to abort. */
  readonly when?: (run: FlowRunRecord) => boolean;
  /** Stored with the state, if exactly the proposed one is accepted or written. */
  readonly inputs?: readonly RunInput[];
}

const MS_PER_MICRO = 1_000;

/**
 * Proposes a state for a flow run that this code does not run itself: reads it, decides by the rules and stores the
 * outcome with the deliveries it owes, while nobody else can move it. The process that runs it finds the new state.
 *
 * @throws run_not_found
 */
export async function moveFlowRun(mover: Mover, id: string, to: State, options: MoveOptions = {}): Promise<Verdict> {
  const verdict = await mover.runs.decide(id, (run, hooks) => {
    if (run === null) throw new BellhopError("run_not_found", { run: id });
    return verdictOf(mover, { run, hooks, to, options });
  });
  if (verdict.written !== null) await mover.control?.look();
  return verdict;
}

interface Asked {
  readonly run: FlowRunRecord;
  readonly hooks: readonly DeclaredHook[];
  readonly to: State;
  readonly options: MoveOptions;
}

const nothing = (run: FlowRunRecord, verdict: Partial<Verdict>): Decided<Verdict> => ({
  change: null,
  answer: { status: "abort", reason: null, run, written: null, waitMs: 0, ...verdict },
});

function verdictOf(mover: Mover, { run, hooks, to, options }: Asked): Decided<Verdict> {
  if (options.when?.(run) === false) return nothing(run, { reason: `the run is ${run.state.name}` });
  const nowMicros = mover.clock.nowMicros();
  const nowMs = Math.floor(nowMicros / MS_PER_MICRO);
  const decision = decide({ ...factsOf(mover, run), from: run.state, to, nowMs, force: options.force === true });
  if (decision.kind === "wait")
    return nothing(run, { status: "wait", reason: decision.reason, waitMs: decision.waitMs });
  if (decision.kind === "abort") return nothing(run, { status: "abort", reason: decision.reason });
  const reason = decision.kind === "reject" ? decision.reason : null;
  if (decision.state === null) return nothing(run, { status: "reject", reason });
  const written = decision.state;
  const timestampMicros = Math.max(nowMicros, run.state.timestampMicros + 1);
  acceptState(written, { timestampMicros, flowRunId: run.id, taskRunId: run.parentTaskRunId });
  const inputs = decision.kind === "accept" ? options.inputs : undefined;
  const { change, after } = changeOf(mover, { run, hooks, written, inputs });
  return { change, answer: { status: decision.kind, reason, run: after, written, waitMs: 0 } };
}

function factsOf({ hasDeployment }: Mover, run: FlowRunRecord) {
  const policy = readPolicy(run.empiricalPolicy);
  const { runCount } = run;
  const delays = policy.retryDelaySeconds;
  return {
    policy,
    runCount,
    retries: policy.retries,
    retryDelaySeconds: () => delays[Math.min(runCount, delays.length) - 1] ?? 0,
    hasProcess: run.leaseId !== null,
    hasDeployment: hasDeployment?.(run) === true,
    isSubflow: run.parentTaskRunId !== null,
  };
}

interface Writing {
  readonly run: FlowRunRecord;
  readonly hooks: readonly DeclaredHook[];
  readonly written: State;
  readonly inputs: readonly RunInput[] | undefined;
}

function changeOf(
  mover: Mover,
  { run, hooks, written, inputs }: Writing,
): { readonly change: RunChange; readonly after: FlowRunRecord } {
  const after: FlowRunRecord = { ...run, ...advanceFlowRun(run, run.state, written), state: written };
  const requests = requestsOf(mover, {
    object: null,
    run: after,
    flowRun: null,
    from: run.state,
    to: written,
    declared: hooks,
    error: undefined,
  });
  const change = { run: after, state: written, follows: run.state.id, requests };
  return { change: inputs === undefined ? change : { ...change, inputs }, after };
}

/** What a state owes by these listeners; one that throws owes nothing, because the state must be stored in any case. */
export function requestsOf({ listeners, log }: Pick<Mover, "listeners" | "log">, move: Transition): DeliveryRequest[] {
  return listeners.flatMap((listener) => {
    try {
      return listener.requests?.(move) ?? [];
    } catch (error) {
      log.error("a listener could not say what a state owes", { runId: move.run.id, error: redact(messageOf(error)) });
      return [];
    }
  });
}

/** Makes a run that is executed here look as it was stored by somebody else, without a state change of its own. */
export function follow(live: FlowRunRecord, stored: FlowRunRecord): void {
  const { state, empiricalPolicy, leaseId, runCount, expectedStartMicros, nextScheduledStartMicros } = stored;
  const { startMicros, endMicros, totalRunTimeMicros } = stored;
  const times = { expectedStartMicros, nextScheduledStartMicros, startMicros, endMicros, totalRunTimeMicros };
  Object.assign(live, { state, empiricalPolicy, leaseId, runCount, ...times });
}

/** States that this process is about to take over itself, by id; nobody else did them. */
const takenOver = new Set<string>();

export const isBeingTakenOver = (stateId: string): boolean => takenOver.has(stateId);

/** As {@link moveFlowRun}, by the process that executes the run: `live` follows what was written. */
export async function moveOwnRun(
  mover: Mover,
  live: FlowRunRecord,
  to: State,
  options: MoveOptions = {},
): Promise<Verdict> {
  takenOver.add(to.id);
  try {
    const { runs, clock, log, listeners, hasDeployment } = mover;
    const quiet: Mover = { runs, clock, log, listeners, ...(hasDeployment === undefined ? {} : { hasDeployment }) };
    const verdict = await moveFlowRun(quiet, live.id, to, options);
    if (verdict.written !== null) follow(live, verdict.run);
    return verdict;
  } finally {
    takenOver.delete(to.id);
  }
}
