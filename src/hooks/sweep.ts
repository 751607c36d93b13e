import { createHash } from "node:crypto";
import type { Clock } from "../base/clock.ts";
import { messageOf } from "../base/errors.ts";
import type { Micros } from "../base/instant.ts";
import type { Logger } from "../base/logger.ts";
import { redact } from "../base/redactor.ts";
import type { OutboxStore } from "../delivery/outbox-store.ts";
import type { Transition, TransitionListener } from "../engine/transition.ts";
import { advance } from "../orchestration/bookkeeping.ts";
import type { DeliveryRequest } from "../runs/delivery-request.ts";
import type { FlowRunRecord, RunRecord } from "../runs/flow-run.ts";
import type { Lease, LeaseStore } from "../runs/lease-store.ts";
import type { RunStore } from "../runs/run-store.ts";
import { acceptState, State } from "../states/state.ts";
import { isProcessAlive } from "./process-identity.ts";

/** Without a sign of life for this long, a process that cannot be looked at counts as dead. */
export const LEASE_EXPIRY_MS = 30_000;

export interface SweepParts {
  readonly leases: LeaseStore;
  readonly runs: RunStore;
  readonly outbox: OutboxStore;
  /** Give the deliveries that a Crashed state owes. */
  readonly listeners: readonly TransitionListener[];
  readonly clock: Clock;
  /** Lease of this process, which is alive. */
  readonly leaseId: string;
  readonly log: Logger;
  /** Default: looks at the processes of this machine. undefined: only the heartbeat can tell. */
  readonly isAlive?: (lease: Lease) => boolean | undefined;
}

export interface SweepReport {
  /** Dead processes found and cleaned up after. */
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
 * Any number of processes may sweep at once, and a sweep may die half way: every step can be repeated, and the lease,
 * which is what makes others look, goes last.
 */
export async function sweepDeadRuns(parts: SweepParts): Promise<SweepReport> {
  const { leases, leaseId, log } = parts;
  const crashed: string[] = [];
  const report = { leases: 0, recovered: 0 };
  for (const lease of await leases.others(leaseId)) {
    if (!isDead(lease, parts)) continue;
    try {
      const ended = await crashRuns(lease, parts);
      const recovered = await parts.outbox.recover(lease.id, parts.clock.now());
      // Only the one that removes it reports what both may have done.
      if (!(await leases.remove(lease.id))) continue;
      crashed.push(...ended);
      report.leases += 1;
      report.recovered += recovered;
      log.info("cleaned up after a dead process", { leaseId: lease.id, pid: lease.pid, runs: ended.length, deliveries: recovered });
    } catch (error) {
      // One process whose leftovers cannot be ended must not keep the others from being found; the next sweep tries again.
      log.error("a dead process could not be cleaned up after", { leaseId: lease.id, error: redact(messageOf(error)) });
    }
  }
  return { ...report, crashed };
}

function isDead(lease: Lease, { clock, isAlive }: SweepParts): boolean {
  const known = isAlive === undefined ? isProcessAlive(lease, clock) : isAlive(lease);
  return known === undefined ? clock.now() - lease.heartbeatAtMs > LEASE_EXPIRY_MS : !known;
}

async function crashRuns(lease: Lease, parts: SweepParts): Promise<string[]> {
  const open = childrenFirst(await parts.runs.listOpenRuns(lease.id));
  const flowRuns = new Map(open.filter((run) => run.kind === "flow-run").map((run) => [run.id, run]));
  const commits: Promise<void>[] = [];
  for (const run of open) {
    const move = await crash(run, { lease, flowRuns }, parts);
    if (move.run.kind === "flow-run") flowRuns.set(run.id, move.run);
    const change = { run: move.run, state: move.to, follows: run.state.id, requests: requestsOf(move, parts) };
    // Not awaited one by one: the store commits them in the order of the calls, many in one transaction.
    const commit = parts.runs.commit(change);
    // A rejection is looked at below, not before.
    commit.catch(() => undefined);
    commits.push(commit);
  }
  await Promise.allSettled(commits);
  await Promise.all(commits);
  return open.map((run) => run.id);
}

interface Around {
  readonly lease: Lease;
  readonly flowRuns: ReadonlyMap<string, FlowRunRecord>;
}

async function crash(run: RunRecord, { lease, flowRuns }: Around, { clock, runs }: SweepParts): Promise<Transition> {
  const to = endOf(run, lease);
  const timestampMicros: Micros = Math.max(clock.nowMicros(), run.state.timestampMicros + 1);
  const flowRunId = run.kind === "flow-run" ? run.id : run.flowRunId;
  acceptState(to, { timestampMicros, flowRunId, taskRunId: run.kind === "task-run" ? run.id : null });
  const flowRun = run.kind === "task-run" && flowRunId !== null ? (flowRuns.get(flowRunId) ?? (await runs.readFlowRun(flowRunId))) : null;
  const after = { ...run, ...advance(run, run.state, to), state: to, leaseId: null };
  return { object: null, run: after, flowRun, from: run.state, to, declared: await runs.readDeclaredHooks(run.id), error: undefined };
}

/** A run that was being cancelled accepts no other end. */
function endOf(run: RunRecord, { id, pid, host }: Lease): State {
  const who = `Process ${pid} on ${host}`;
  const [type, message] = run.state.isCancelling()
    ? (["CANCELLED", `${who} disappeared while the run was being cancelled.`] as const)
    : (["CRASHED", `${who} disappeared before the run had ended (killed, out of memory, or the machine went down).`] as const);
  return new State({ id: stateIdFor(run.id, id), type, message });
}

/** Every sweep gives a run of a dead process the same state id, and the store takes a state once. */
function stateIdFor(runId: string, leaseId: string): string {
  const hex = createHash("sha256").update(`bellhop: end of run ${runId} with process ${leaseId}`).digest("hex");
  // RFC 9562, section 5.8: version 8 for ids that are made by a rule of one's own, variant 10.
  const variant = ((Number.parseInt(hex.charAt(16), 16) & 0x3) | 0x8).toString(16);
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-8${hex.slice(13, 16)}-${variant}${hex.slice(17, 20)}-${hex.slice(20, 32)}`;
}

function requestsOf(move: Transition, { listeners, log }: SweepParts): DeliveryRequest[] {
  return listeners.flatMap((listener) => {
    try {
      return listener.requests?.(move) ?? [];
    } catch (error) {
      // The state must be stored in any case: a run that stays open for ever is worse.
      log.error("a listener threw while a run was ended", { runId: move.run.id, error: redact(messageOf(error)) });
      return [];
    }
  });
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
const parentOf = (run: RunRecord): string | null => (run.kind === "task-run" ? run.flowRunId : (run.parentTaskRunId ?? run.parentFlowRunId));
