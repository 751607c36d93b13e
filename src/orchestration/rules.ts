import { AwaitingRetry, Cancelled, Failed } from "../states/constructors.ts";
import { attach, type State } from "../states/state.ts";
import { STATE } from "../states/state-error.ts";
import type { Proposal, Rule } from "./proposal.ts";

// What may happen to a proposed state of a flow run, one rule each. Source of all: Prefect 3,
// server/orchestration/core_policy.py; the class is named where there is one.

const nameOf = (state: State | null): string => state?.name ?? "new";

const refusal = ({ from, to }: Proposal): string => `a ${nameOf(from)} run cannot become ${to.name}`;

export const accept: Rule = ({ to }) => ({ kind: "accept", state: to });

/** The run stays where it is. */
export const keep: Rule = (proposal) => ({ kind: "reject", state: null, reason: refusal(proposal) });

export const abort: Rule = (proposal) => ({ kind: "abort", reason: refusal(proposal) });

const stay = (reason: string): ReturnType<Rule> => ({ kind: "reject", state: null, reason });

/** Late is said once, and only of a run that is scheduled (EnsureOnlyScheduledFlowsMarkedLate). */
export const late: Rule = (proposal) => {
  const { from, to } = proposal;
  if (to.name !== "Late") return accept(proposal);
  return from?.type === "SCHEDULED" && from.name !== "Late" ? accept(proposal) : keep(proposal);
};

/** The state that waits to start hands its time, and its slot, on (CopyScheduledTime, CopyDeploymentConcurrencyLeaseID). */
export const carryOver: Rule = ({ from, to }) => {
  const { scheduledTime, deploymentConcurrencyLeaseId: lease } = from?.stateDetails ?? {};
  const details = to.stateDetails;
  const carried = {
    ...(scheduledTime != null && details.scheduledTime == null ? { scheduledTime } : {}),
    ...(lease != null && details.deploymentConcurrencyLeaseId == null ? { deploymentConcurrencyLeaseId: lease } : {}),
  };
  if (Object.keys(carried).length === 0) return { kind: "accept", state: to };
  const { timestampMicros } = to;
  return { kind: "accept", state: to.copy({ timestampMicros, stateDetails: { ...details, ...carried } }) };
};

/** Pending, Submitting and InfrastructurePending follow each other; nothing goes back to Pending (PreventPendingTransitions). */
export const resubmit: Rule = (proposal) =>
  proposal.to.name === proposal.from?.name || proposal.to.name === "Pending" ? abort(proposal) : carryOver(proposal);

/** WaitForScheduledTime. */
export const waitForStart: Rule = (proposal) => {
  const due = proposal.from?.stateDetails.scheduledTime?.getTime() ?? proposal.nowMs;
  const waitMs = due - proposal.nowMs;
  return waitMs > 0 ? { kind: "wait", waitMs, reason: "the scheduled time is in the future" } : accept(proposal);
};

/** RetryFailedFlows. */
export const retry: Rule = (proposal) => {
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

/** A pause happens once per key; a suspension needs something that can start the run again (HandlePausingFlows). */
export const pause: Rule = (proposal) => {
  const { to, policy, isSubflow = false, hasDeployment = false } = proposal;
  const { pauseKey, pauseReschedule } = to.stateDetails;
  if (pauseKey != null && policy?.pauseKeys.includes(pauseKey) === true) return stay("this pause has happened before");
  if (pauseReschedule !== true) return accept(proposal);
  if (isSubflow) return { kind: "abort", reason: "a run inside another one cannot be suspended" };
  if (!hasDeployment) return { kind: "abort", reason: "a run without a deployment cannot be suspended" };
  return accept(proposal);
};

/** Every way out of a pause (HandleResumingPausedFlows). */
export const leavePause: Rule = (proposal) => {
  const { from, to, nowMs, hasDeployment = false } = proposal;
  const { pauseReschedule, pauseTimeout } = from?.stateDetails ?? {};
  if (pauseReschedule === true && !hasDeployment) return stay("a suspended run without a deployment cannot go on");
  // A failure is what an expired pause leads to anyway, and the one proposed knows more about it.
  if (pauseTimeout == null || pauseTimeout.getTime() >= nowMs || to.type === "FAILED") return accept(proposal);
  return { kind: "reject", state: Failed({ message: PAUSE_EXPIRED }), reason: "the pause has expired" };
};

export const PAUSE_EXPIRED = "The run was paused and not resumed in time.";

/**
 * What runs nowhere has nobody who could clean up: it is cancelled at once, and so no hook runs
 * (BypassCancellingFlowRunsWithNoInfra). Undefined where the rule does not apply.
 */
export const cancelAtOnce = ({ from, to, hasProcess = true }: Proposal): ReturnType<Rule> | undefined => {
  if (to.type !== "CANCELLING" || from === null) return undefined;
  const isWaiting = from.type === "SCHEDULED" && (!hasProcess || from.name === "Resuming");
  const isSuspended = from.type === "PAUSED" && from.stateDetails.pauseReschedule === true;
  if (!isWaiting && !isSuspended) return undefined;
  return { kind: "reject", state: Cancelled({ message: to.message }), reason: "nothing runs that could be cancelled" };
};

const isPersisted = (state: State): boolean => state.isCompleted() && state.toWire().data !== null;

/** A stored result is not lost to a second Completed without one. Undefined where the rule does not apply. */
export const protectResult = ({ from, to }: Proposal): ReturnType<Rule> | undefined =>
  from !== null && to.type === "COMPLETED" && isPersisted(from) && to.toWire().data === null
    ? stay("the run has completed, and its result is stored")
    : undefined;

/** Starting an ended run again (HandleFlowTerminalStateTransitions). */
export const rerun: Rule = (proposal) =>
  proposal.from !== null && isPersisted(proposal.from)
    ? stay("the run has completed, and its result is stored")
    : accept(proposal);

/** Only a deployment can start an ended run at a later time. */
export const reschedule: Rule = (proposal) => {
  const decision = rerun(proposal);
  if (decision.kind !== "accept" || proposal.hasDeployment === true)
    return decision.kind === "accept" ? late(proposal) : decision;
  return { kind: "abort", reason: "an ended run without a deployment cannot be scheduled again" };
};

/** The same proposal twice, for example after a lost answer (PreventDuplicateTransitions). */
export const isRepeated = ({ from, to }: Proposal): boolean =>
  to.stateDetails.transitionId != null && to.stateDetails.transitionId === from?.stateDetails.transitionId;
