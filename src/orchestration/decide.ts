import { StateType } from "../states/state-type.ts";
import { movePolicy, type MovingPolicy } from "./policy.ts";
import type { Decision, Proposal, Rule } from "./proposal.ts";
import {
  abort,
  accept,
  cancelAtOnce,
  carryOver,
  isRepeated,
  keep,
  late,
  leavePause,
  pause,
  protectResult,
  rerun,
  reschedule,
  resubmit,
  retry,
  waitForStart,
} from "./rules.ts";

export type { Decision, Proposal } from "./proposal.ts";
export { awaitingRetry } from "./rules.ts";

/**
 * Rows: the state a flow run is in. Columns: the type proposed, in the order of {@link StateType}:
 * scheduled, pending, running, paused, cancelling, cancelled, completed, failed, crashed.
 * Source: Prefect 3, server/orchestration/core_policy.py.
 */
const TABLE: Readonly<Record<StateType | "none", readonly Rule[]>> = {
  none: [accept, accept, accept, abort, accept, accept, accept, accept, accept],
  SCHEDULED: [late, carryOver, waitForStart, keep, accept, accept, accept, accept, accept],
  PENDING: [late, resubmit, waitForStart, keep, accept, accept, accept, accept, accept],
  RUNNING: [late, abort, accept, pause, accept, accept, accept, retry, accept],
  PAUSED: [leavePauseLater, keep, leavePause, keep, leavePause, accept, leavePause, leavePause, leavePause],
  CANCELLING: [keep, keep, keep, keep, keep, accept, keep, keep, keep],
  // A person may run an ended run again; nothing that comes late may change how it ended.
  CANCELLED: [reschedule, abort, accept, abort, abort, accept, accept, accept, abort],
  COMPLETED: [reschedule, rerun, rerun, abort, abort, accept, accept, accept, abort],
  FAILED: [reschedule, accept, accept, abort, abort, accept, accept, accept, abort],
  CRASHED: [reschedule, accept, accept, abort, abort, accept, accept, accept, abort],
};

function leavePauseLater(proposal: Proposal): Decision {
  const decision = late(proposal);
  return decision.kind === "accept" ? leavePause(proposal) : decision;
}

const COLUMN = new Map(StateType.options.map((type, index) => [type, index]));

const REMEMBERS_NOTHING: MovingPolicy = { pauseKeys: [], resuming: false, retryType: null };

/** What happens to a proposed state of a flow run. Pure: nothing is stored here. */
export function decide(proposal: Proposal): Decision {
  const decision = judge(proposal);
  const written = decision.kind === "accept" || decision.kind === "reject" ? decision.state : null;
  if (written === null) return decision;
  return { ...decision, ...movePolicy(proposal.policy ?? REMEMBERS_NOTHING, proposal.from, written) };
}

function judge(proposal: Proposal): Decision {
  if (proposal.force !== true && isRepeated(proposal))
    return { kind: "reject", state: null, reason: "the run has made this change already" };
  const always = cancelAtOnce(proposal) ?? protectResult(proposal);
  if (always !== undefined) return always;
  if (proposal.force === true) return accept(proposal);
  const rule = TABLE[proposal.from?.type ?? "none"][COLUMN.get(proposal.to.type) ?? -1] ?? abort;
  return rule(proposal);
}
