import type { Delivery } from "../../src/delivery/delivery.ts";
import type { Evidence } from "./evidence.ts";
import type { Entry } from "./history.ts";
import { traceOf } from "./trace.ts";

/** What a simulation came to. Unit: deliveries, unless the name says otherwise. */
export interface Stats {
  readonly enqueued: number;
  readonly delivered: number;
  readonly dead: number;
  readonly suppressed: number;
  readonly uncertain: number;
  /** Arrived more than once. */
  readonly duplicated: number;
  readonly attempts: number;
  /** Attempts of processes that were taken for dead. */
  readonly strays: number;
  readonly runs: number;
  readonly deaths: number;
  readonly recoveries: number;
  /** Processes that were taken for dead while they held something, and were not. */
  readonly undead: number;
  readonly virtualHours: number;
}

export function statsOf({ entries, deliveries, runs }: Evidence): Stats {
  const count = (status: Delivery["status"]): number => deliveries.filter((one) => one.status === status).length;
  const times = (kind: Entry["kind"]): number => entries.filter((entry) => entry.kind === kind).length;
  const { tries, byDelivery } = traceOf(entries);
  const arrivals = [...byDelivery.values()].map((own) => own.reduce((sum, { accepted }) => sum + accepted.length, 0));
  return {
    enqueued: deliveries.length,
    delivered: count("delivered"),
    dead: count("dead"),
    suppressed: count("suppressed"),
    uncertain: deliveries.filter(({ uncertain }) => uncertain).length,
    duplicated: arrivals.filter((arrived) => arrived > 1).length,
    attempts: tries.length,
    strays: tries.filter(({ isStray }) => isStray).length,
    runs: runs.filter(({ run }) => run !== null).length,
    deaths: times("died"),
    recoveries: entries.filter((entry) => entry.kind === "recovered" && entry.count > 0).length,
    undead: undeadIn(entries),
    virtualHours: Math.round((entries.at(-1)?.atMs ?? 0) / 360_000) / 10,
  };
}

function undeadIn(entries: readonly Entry[]): number {
  const living = new Set<string>();
  let count = 0;
  for (const entry of entries) {
    if (entry.kind === "started") living.add(entry.lease);
    else if (entry.kind === "died" || entry.kind === "closed") living.delete(entry.lease);
    else if (entry.kind === "recovered" && entry.count > 0 && living.has(entry.lease)) count += 1;
  }
  return count;
}
