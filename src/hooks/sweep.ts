import { createHash } from "node:crypto";
import { errorCode, messageOf } from "../base/errors.ts";
import type { Micros } from "../base/instant.ts";
import { killPoint } from "../base/kill-points.ts";
import type { Logger } from "../base/logger.ts";
import { redact } from "../base/redactor.ts";
import type { OutboxStore } from "../delivery/outbox-store.ts";
import { requestsOf } from "../engine/move-flow-run.ts";
import type { Transition, TransitionListener } from "../engine/transition.ts";
import { advance, advanceFlowRun } from "../orchestration/bookkeeping.ts";
import type { FlowRunRecord, RunRecord } from "../runs/flow-run.ts";
import type { Lease, LeaseStore } from "../runs/lease-store.ts";
import type { RunStore } from "../runs/run-store.ts";
import { acceptState, State } from "../states/state.ts";
import { deadAmong, type Looking } from "./lease-watch.ts";

/** Deliveries read at once when looking for work of processes that are gone. */
const PAGE = 200;

export interface SweepParts extends Looking {
  readonly leases: LeaseStore;
  readonly runs: RunStore;
  readonly outbox: OutboxStore;
  /** Give the deliveries that a Crashed state owes. */
  readonly listeners: readonly TransitionListener[];
  /** Lease of this process, which is alive. */
  readonly leaseId: string;
  readonly log: Logger;
}

export interface SweepReport {
  /** Processes found dead and cleaned up after. */
  readonly leases: number;
  /** Runs that ended with them, children before parents. */
  readonly crashed: readonly string[];
  /** Deliveries that they were sending, queued again as uncertain. */
  readonly recovered: number;
}

/**
 * Ends what dead processes left: their open runs become Crashed, with the deliveries of their declarative hooks in the
 * same transaction, and what they were sending is queued again.
 *
 * A process that gave its lease back and left something behind counts as dead too.
 *
 * Any number of processes may sweep at once, and a sweep may die half way: every step can be repeated, and the lease,
 * which is what makes others look, goes last.
 */
export async function sweepDeadRuns(parts: SweepParts): Promise<SweepReport> {
  const { leases, leaseId, log } = parts;
  const crashed: string[] = [];
  const report = { leases: 0, recovered: 0 };
  // Before the leases are read: whoever appears in here had announced itself already.
  killPoint("sweep:before");
  const holders = await holdersOfWork(parts);
  const others = await leases.others(leaseId);
  for (const gone of [
    ...deadAmong(others, parts).map(goneWith),
    ...withoutLease(holders, [leaseId, ...others.map(({ id }) => id)]),
  ]) {
    try {
      killPoint("sweep-crash:before");
      const ended = await crashRuns(gone, parts);
      killPoint("sweep-crash:after");
      const recovered = await parts.outbox.recover(gone.leaseId, parts.clock.now());
      killPoint("recover:after");
      const removed = await leases.remove(gone.leaseId);
      killPoint("sweep:after");
      // Several may have done the same; only the one that removes the lease reports it.
      if (!removed && gone.hasLease) continue;
      crashed.push(...ended);
      report.leases += 1;
      report.recovered += recovered;
      log.info("cleaned up after a dead process", { leaseId: gone.leaseId, runs: ended.length, deliveries: recovered });
    } catch (error) {
      // One process whose leftovers cannot be ended must not keep the others from being found; the next sweep tries again.
      log.error("a dead process could not be cleaned up after", {
        leaseId: gone.leaseId,
        error: redact(messageOf(error)),
      });
    }
  }
  return { ...report, crashed };
}

/** A process that will not end its runs itself. */
interface Gone {
  readonly leaseId: string;
  /** False for one that gave its lease back and left work behind. */
  readonly hasLease: boolean;
  /** Begins a sentence. */
  readonly who: string;
}

const goneWith = ({ id, pid, host }: Lease): Gone => ({
  leaseId: id,
  hasLease: true,
  who: `Process ${pid} on ${host} disappeared`,
});

/** Leases that still hold an open run or a delivery. */
async function holdersOfWork({ runs, outbox }: SweepParts): Promise<ReadonlySet<string>> {
  const holders = new Set(await runs.listHolders());
  for (const { leaseId } of await outbox.list({ status: ["sending"], limit: PAGE })) {
    if (leaseId !== null) holders.add(leaseId);
  }
  return holders;
}

const withoutLease = (holders: ReadonlySet<string>, known: readonly string[]): Gone[] =>
  [...holders]
    .filter((id) => !known.includes(id))
    .map((leaseId) => ({ leaseId, hasLease: false, who: "The process that ran it ended" }));

async function crashRuns(gone: Gone, parts: SweepParts): Promise<string[]> {
  const open = childrenFirst(await parts.runs.listOpenRuns(gone.leaseId));
  const flowRuns = new Map(open.filter((run) => run.kind === "flow-run").map((run) => [run.id, run]));
  const cancelling = insideCancelling(open);
  const commits: Promise<void>[] = [];
  for (const run of open) {
    const move = await crash(run, { gone, flowRuns, cancelling }, parts);
    if (move.run.kind === "flow-run") flowRuns.set(run.id, move.run);
    const change = { run: move.run, state: move.to, follows: run.state.id, requests: requestsOf(parts, move) };
    // Not awaited one by one: the store commits them in the order of the calls, many in one transaction.
    const commit = parts.runs.commit(change);
    // A rejection is looked at below, not before.
    commit.catch(() => undefined);
    commits.push(commit);
  }
  const results = await Promise.allSettled(commits);
  const failed = results.find((result) => result.status === "rejected" && !wasEnded(result.reason));
  // Whatever is not stored, such as the end of a run that somebody has moved meanwhile, is for the next sweep.
  if (failed?.status === "rejected") throw failed.reason;
  return open.filter((_, index) => results[index]?.status === "fulfilled").map((run) => run.id);
}

/** Somebody else ended the run in the meantime. */
const wasEnded = (error: unknown): boolean => errorCode(error) === "run_superseded";

interface Around {
  readonly gone: Gone;
  readonly flowRuns: ReadonlyMap<string, FlowRunRecord>;
  /** Ids of the runs that were being cancelled, or were inside one. */
  readonly cancelling: ReadonlySet<string>;
}

async function crash(
  run: RunRecord,
  { gone, flowRuns, cancelling }: Around,
  { clock, runs }: SweepParts,
): Promise<Transition> {
  const to = endOf(run, gone, cancelling.has(run.id));
  const timestampMicros: Micros = Math.max(clock.nowMicros(), run.state.timestampMicros + 1);
  const flowRunId = run.kind === "flow-run" ? run.id : run.flowRunId;
  acceptState(to, { timestampMicros, flowRunId, taskRunId: run.kind === "task-run" ? run.id : null });
  const flowRun =
    run.kind === "task-run" && flowRunId !== null
      ? (flowRuns.get(flowRunId) ?? (await runs.readFlowRun(flowRunId)))
      : null;
  const books = run.kind === "flow-run" ? advanceFlowRun(run, run.state, to) : advance(run, run.state, to);
  const after = { ...run, ...books, state: to, leaseId: null };
  return {
    object: null,
    run: after,
    flowRun,
    from: run.state,
    to,
    declared: await runs.readDeclaredHooks(run.id),
    error: undefined,
  };
}

/** A run that was being cancelled accepts no other end, and takes what is inside it along. */
function endOf(run: RunRecord, { leaseId, who }: Gone, isCancelled: boolean): State {
  const [type, message] = isCancelled
    ? (["CANCELLED", `${who} while the run was being cancelled.`] as const)
    : (["CRASHED", `${who} before the run had ended (killed, out of memory, or the machine went down).`] as const);
  return new State({ id: stateIdFor(run.id, leaseId), type, message });
}

/** Every sweep gives a run of a dead process the same state id, and the store takes a state once. */
function stateIdFor(runId: string, leaseId: string): string {
  const hex = createHash("sha256").update(`bellhop: end of run ${runId} with process ${leaseId}`).digest("hex");
  // RFC 9562, section 5.8: version 8 for ids that are made by a rule of one's own, variant 10.
  const variant = ((Number.parseInt(hex.charAt(16), 16) & 0x3) | 0x8).toString(16);
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-8${hex.slice(13, 16)}-${variant}${hex.slice(17, 20)}-${hex.slice(20, 32)}`;
}

function insideCancelling(runs: readonly RunRecord[]): Set<string> {
  const cancelling = new Set(runs.filter(({ state }) => state.isCancelling()).map(({ id }) => id));
  // Parents first, so that one look at the parent is enough.
  for (const run of childrenFirst(runs).toReversed()) if (cancelling.has(parentOf(run) ?? "")) cancelling.add(run.id);
  return cancelling;
}

/** Innermost first, as the hooks of a living process would run: the tasks of a flow run, then the run, then what it is part of. */
function childrenFirst(runs: readonly RunRecord[]): RunRecord[] {
  const parents = new Map(runs.map((run) => [run.id, parentOf(run)]));
  const depthOf = (run: RunRecord): number => {
    const seen = new Set<string>();
    for (let id: string | null | undefined = run.id; id != null && !seen.has(id); id = parents.get(id)) seen.add(id);
    return seen.size;
  };
  const ranked = runs.map((run) => ({ run, depth: depthOf(run) }));
  return ranked.toSorted((a, b) => b.depth - a.depth).map(({ run }) => run);
}

/** A child flow run hangs on the task run that stands for it in its parent, where there is one. */
const parentOf = (run: RunRecord): string | null =>
  run.kind === "task-run" ? run.flowRunId : (run.parentTaskRunId ?? run.parentFlowRunId);
