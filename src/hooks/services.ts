import { messageOf } from "../base/errors.ts";
import { redact } from "../base/redactor.ts";
import { type Mover, moveFlowRun } from "../engine/move-flow-run.ts";
import { advance } from "../orchestration/bookkeeping.ts";
import { PAUSE_EXPIRED } from "../orchestration/rules.ts";
import type { FlowRunRecord, TaskRunRecord } from "../runs/flow-run.ts";
import type { LeaseStore } from "../runs/lease-store.ts";
import { Cancelled, Cancelling, Failed, Late } from "../states/constructors.ts";
import { acceptState } from "../states/state.ts";
import { deadAmong, type Looking } from "./lease-watch.ts";

const MS_PER_SECOND = 1_000;
const MICROS_PER_MS = 1_000;

export interface ServiceSettings {
  readonly lateRuns: { readonly enabled: boolean; readonly afterSeconds: number; readonly loopSeconds: number };
  readonly pauseExpirations: { readonly loopSeconds: number };
  readonly cancellations: { readonly timeoutSeconds: number; readonly loopSeconds: number };
}

/** Source: Prefect 3, settings of server.services. */
export const SERVICE_DEFAULTS: ServiceSettings = {
  lateRuns: { enabled: true, afterSeconds: 15, loopSeconds: 5 },
  pauseExpirations: { loopSeconds: 5 },
  cancellations: { timeoutSeconds: 300, loopSeconds: 20 },
};

/** Most runs that one turn of a service moves. Source: Prefect 3, the same services. */
const LATE_BATCH = 400;
const PAUSE_BATCH = 200;
const CANCEL_BATCH = 200;

/** A process that lives ends its own expired pauses; it gets this much longer, milliseconds. */
const OWN_EXPIRY_MS = 5_000;

export interface ServiceParts extends Mover, Looking {
  readonly leases: LeaseStore;
  /** Lease of this process, which is alive. */
  readonly leaseId: string;
  /** Default: {@link SERVICE_DEFAULTS}. */
  readonly settings?: Partial<ServiceSettings>;
}

/** Work that every process on the store does from time to time; any number of them may do it at once. */
export interface Service {
  readonly name: string;
  readonly everyMs: number;
  /** @returns how many runs it moved. */
  readonly run: () => Promise<number>;
}

/** What looks after runs whose time has come. An idle turn is one query that an index answers. */
export function runServices(parts: ServiceParts): readonly Service[] {
  const { lateRuns, pauseExpirations, cancellations } = { ...SERVICE_DEFAULTS, ...parts.settings };
  const services: Service[] = [
    {
      name: "pause expirations",
      everyMs: pauseExpirations.loopSeconds * MS_PER_SECOND,
      run: () => expirePauses(parts),
    },
    {
      name: "cancellations",
      everyMs: cancellations.loopSeconds * MS_PER_SECOND,
      run: async () =>
        (await endCancelling(parts, cancellations.timeoutSeconds)) + (await cancelInsideCancelled(parts)),
    },
  ];
  if (lateRuns.enabled) {
    services.unshift({
      name: "late runs",
      everyMs: lateRuns.loopSeconds * MS_PER_SECOND,
      run: () => markLate(parts, lateRuns.afterSeconds),
    });
  }
  return services;
}

/** Says of runs that were to start a while ago, and have not, that they are late. */
export async function markLate(parts: ServiceParts, afterSeconds: number): Promise<number> {
  const dueMicros = (parts.clock.now() - afterSeconds * MS_PER_SECOND) * MICROS_PER_MS;
  return eachOf(parts, await parts.runs.listOverdue(dueMicros, LATE_BATCH), (run) => {
    const { scheduledTime } = run.state.stateDetails;
    const to = Late(scheduledTime == null ? {} : { scheduledTime });
    return moved(parts, run, to, (current) => current.state.id === run.state.id);
  });
}

/** Fails runs whose pause has expired. */
export async function expirePauses(parts: ServiceParts): Promise<number> {
  const nowMs = parts.clock.now();
  const expired = await parts.runs.listExpiredPauses(nowMs * MICROS_PER_MS, PAUSE_BATCH);
  if (expired.length === 0) return 0;
  const living = await livingLeases(parts);
  const left = expired.filter(({ leaseId, state }) => {
    const isHeld = leaseId !== null && living.has(leaseId);
    const expiredMs = state.stateDetails.pauseTimeout?.getTime() ?? nowMs;
    return !isHeld || nowMs - expiredMs >= OWN_EXPIRY_MS;
  });
  return eachOf(parts, left, (run) =>
    moved(parts, run, Failed({ message: PAUSE_EXPIRED }), (current) => current.state.id === run.state.id),
  );
}

/** Ends runs that have been cancelling for long and that no living process holds. */
export async function endCancelling(parts: ServiceParts, timeoutSeconds: number): Promise<number> {
  const sinceMicros = (parts.clock.now() - timeoutSeconds * MS_PER_SECOND) * MICROS_PER_MS;
  const cancelling = await parts.runs.listCancelling(sinceMicros, CANCEL_BATCH);
  if (cancelling.length === 0) return 0;
  const living = await livingLeases(parts);
  const left = cancelling.filter(({ leaseId }) => leaseId === null || !living.has(leaseId));
  const message = `The run was not ended within ${timeoutSeconds} seconds of its cancellation.`;
  return eachOf(parts, left, (run) =>
    moved(parts, run, Cancelled({ message }), (current) => current.state.isCancelling()),
  );
}

const PARENT_CANCELLED = "The flow run around it was cancelled.";

/** Cancels what is still open inside cancelled flow runs; what can run on its own is asked to end. */
export async function cancelInsideCancelled(parts: ServiceParts): Promise<number> {
  const open = await parts.runs.listOpenInCancelled(CANCEL_BATCH);
  return eachOf(parts, open, async (run) => {
    if (run.kind === "task-run") return cancelTask(parts, run);
    const isOwn = parts.hasDeployment?.(run) === true;
    if (isOwn && run.state.isCancelling()) return false;
    const to = isOwn ? Cancelling({ message: PARENT_CANCELLED }) : Cancelled({ message: PARENT_CANCELLED });
    return moved(parts, run, to, (current) => !current.state.isFinal());
  });
}

async function cancelTask({ runs, clock }: ServiceParts, run: TaskRunRecord): Promise<boolean> {
  const to = Cancelled({ message: PARENT_CANCELLED });
  const timestampMicros = Math.max(clock.nowMicros(), run.state.timestampMicros + 1);
  acceptState(to, { timestampMicros, flowRunId: run.flowRunId, taskRunId: run.id });
  const after = { ...run, ...advance(run, run.state, to), state: to, leaseId: null };
  await runs.commit({ run: after, state: to, follows: run.state.id, requests: [] });
  return true;
}

/** Forced, because what a service decides holds whatever the run waits for; `when` keeps it from undoing an end. */
async function moved(
  parts: ServiceParts,
  run: FlowRunRecord,
  to: Parameters<typeof moveFlowRun>[2],
  when: (current: FlowRunRecord) => boolean,
): Promise<boolean> {
  return (await moveFlowRun(parts, run.id, to, { force: true, when })).written !== null;
}

async function livingLeases(parts: ServiceParts): Promise<ReadonlySet<string>> {
  const others = await parts.leases.others(parts.leaseId);
  const living = new Set([parts.leaseId, ...others.map(({ id }) => id)]);
  for (const { id } of deadAmong(others, parts)) living.delete(id);
  return living;
}

/** All at once, so that they share a transaction. One that fails does not keep the others from being moved. */
async function eachOf<R extends { readonly id: string }>(
  { log }: ServiceParts,
  runs: readonly R[],
  move: (run: R) => Promise<boolean>,
): Promise<number> {
  const results = await Promise.allSettled(runs.map(move));
  let count = 0;
  results.forEach((result, index) => {
    if (result.status === "fulfilled") count += result.value ? 1 : 0;
    else log.warn("a run could not be moved", { runId: runs[index]?.id, error: redact(messageOf(result.reason)) });
  });
  return count;
}
