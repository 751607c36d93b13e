import type { Clock } from "../base/clock.ts";
import { deadAmong } from "../hooks/lease-watch.ts";
import type { Core } from "../core.ts";
import type { FlowRunRecord } from "../runs/flow-run.ts";
import type { Lease } from "../runs/lease-store.ts";
import type { Output } from "./output.ts";

/** Whether the next sweep will take the process of this lease for dead. */
export const isDead = (lease: Lease, clock: Clock): boolean => deadAmong([lease], { clock }).length > 0;

/** Commands that only look do not sweep; without this remark a run whose process is gone would look alive. */
export async function noteAbandoned(
  out: Output,
  { store, clock }: Core,
  runs: readonly FlowRunRecord[],
): Promise<void> {
  const open = runs.filter(({ leaseId, state }) => leaseId !== null && !state.isFinal());
  if (open.length === 0) return;
  const living = new Set(
    (await store.leases.others("")).filter((lease) => !isDead(lease, clock)).map((lease) => lease.id),
  );
  const abandoned = open.filter(({ leaseId }) => leaseId !== null && !living.has(leaseId));
  if (abandoned.length === 0) return;
  const names = abandoned.map(({ name }) => name).join(", ");
  out.note(`The process of ${names} is gone. "bellhop sweep" ends the run as Crashed and sends what is owed.`);
}
