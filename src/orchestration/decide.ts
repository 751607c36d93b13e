import { AwaitingRetry } from "../states/constructors.ts";
import { attach, type State } from "../states/state.ts";
import { STATE } from "../states/state-error.ts";
import { StateType } from "../states/state-type.ts";

/** A state that somebody wants a flow run to enter, and what the rules look at. */
export interface Proposal {
  readonly from: State | null;
  readonly to: State;
  /** Wall clock, epoch milliseconds. */
  readonly nowMs: number;
  /** Attempts begun so far. */
  readonly runCount: number;
  readonly retries: number;
  /** Wait before the next attempt, jitter included. Only asked when there is one. */
  readonly retryDelaySeconds: () => number;
}

export type Decision =
  | { readonly kind: "accept"; readonly state: State }
  /** `state` is written instead; null: nothing is, the run stays where it is. */
  | { readonly kind: "reject"; readonly state: State | null; readonly reason: string }
  | { readonly kind: "wait"; readonly waitMs: number; readonly reason: string }
  | { readonly kind: "abort"; readonly reason: string };

type Rule = (proposal: Proposal) => Decision;

const accept: Rule = ({ to }) => ({ kind: "accept", state: to });

const keep: Rule = ({ from, to }) => ({
  kind: "reject",
  state: null,
  reason: `a ${nameOf(from)} run cannot become ${to.name}`,
});

const abort: Rule = ({ from, to }) => ({ kind: "abort", reason: `a ${nameOf(from)} run cannot become ${to.name}` });

/** Late is said once, and only of a run that is scheduled. */
const late: Rule = (proposal) => {
  const { from, to } = proposal;
  if (to.name !== "Late") return accept(proposal);
  return from?.type === "SCHEDULED" && from.name !== "Late" ? accept(proposal) : keep(proposal);
};

/** The state that waits to start hands its time on. */
const copyScheduledTime: Rule = ({ from, to }) => {
  const scheduledTime = from?.stateDetails.scheduledTime;
  if (scheduledTime == null || to.stateDetails.scheduledTime != null) return { kind: "accept", state: to };
  const { timestampMicros, stateDetails } = to;
  return { kind: "accept", state: to.copy({ timestampMicros, stateDetails: { ...stateDetails, scheduledTime } }) };
};

/** Pending, Submitting and InfrastructurePending follow each other; nothing goes back to Pending. */
const resubmit: Rule = (proposal) =>
  proposal.to.name === proposal.from?.name || proposal.to.name === "Pending"
    ? abort(proposal)
    : copyScheduledTime(proposal);

const waitForStart: Rule = (proposal) => {
  const due = proposal.from?.stateDetails.scheduledTime?.getTime() ?? proposal.nowMs;
  const waitMs = due - proposal.nowMs;
  return waitMs > 0 ? { kind: "wait", waitMs, reason: "the scheduled time is in the future" } : accept(proposal);
};

const retry: Rule = (proposal) => {
  const { to, nowMs, runCount, retries, retryDelaySeconds } = proposal;
  if (runCount > retries || to.stateDetails.retriable === false) return accept(proposal);
  const reason = `attempt ${runCount} of ${retries + 1} failed`;
  return { kind: "reject", state: awaitingRetry(to, nowMs, retryDelaySeconds()), reason };
};

const MS_PER_SECOND = 1_000;

/** What a failed attempt becomes when another one follows: same message, same error, due after the delay. */
export function awaitingRetry(failed: State, nowMs: number, delaySeconds: number): State {
  const scheduledTime = new Date(nowMs + delaySeconds * MS_PER_SECOND);
  const waiting = AwaitingRetry({ message: failed.message, scheduledTime });
  attach(waiting, failed[STATE]);
  return waiting;
}

const nameOf = (state: State | null): string => state?.name ?? "new";

/**
 * Rows: the state a flow run is in. Columns: the type proposed, in the order of {@link StateType}:
 * scheduled, pending, running, paused, cancelling, cancelled, completed, failed, crashed.
 * Source: Prefect 3, server/orchestration/core_policy.py.
 */
const TABLE: Readonly<Record<StateType | "none", readonly Rule[]>> = {
  none: [accept, accept, accept, abort, accept, accept, accept, accept, accept],
  SCHEDULED: [late, copyScheduledTime, waitForStart, keep, accept, accept, accept, accept, accept],
  PENDING: [late, resubmit, waitForStart, keep, accept, accept, accept, accept, accept],
  RUNNING: [late, abort, accept, accept, accept, accept, accept, retry, accept],
  PAUSED: [late, keep, accept, keep, accept, accept, accept, accept, accept],
  CANCELLING: [keep, keep, keep, keep, keep, accept, keep, keep, keep],
  // A person may run an ended run again; nothing that comes late may change how it ended.
  CANCELLED: [abort, abort, accept, abort, abort, accept, accept, accept, abort],
  COMPLETED: [abort, accept, accept, abort, abort, accept, accept, accept, abort],
  FAILED: [abort, accept, accept, abort, abort, accept, accept, accept, abort],
  CRASHED: [abort, accept, accept, abort, abort, accept, accept, accept, abort],
};

const COLUMN = new Map(StateType.options.map((type, index) => [type, index]));

/** What happens to a proposed state of a flow run. Pure: nothing is stored here. */
export function decide(proposal: Proposal): Decision {
  const rule = TABLE[proposal.from?.type ?? "none"][COLUMN.get(proposal.to.type) ?? -1] ?? abort;
  return rule(proposal);
}
