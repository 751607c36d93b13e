import type { Delivery } from "../../delivery/delivery.ts";
import type { Database } from "./database.ts";
import { toDelivery } from "./outbox-rows.ts";
import { CANDIDATES, HELD_BY_OTHER, PAUSED_UNTIL, TAKE, UNFINISHED_BETWEEN } from "./outbox-statements.ts";

export interface Claim {
  readonly destination: string;
  readonly leaseId: string;
  readonly nowMs: number;
  readonly limit: number;
}

/** Fewest candidates looked at in one query. */
const SMALLEST_PAGE = 64;

/**
 * Which deliveries may be sent now: due, in order of arrival, and none whose subject has an earlier one that is unfinished
 * and not taken here as well. Such a subject waits; the others do not wait for it.
 */
function* takeable(db: Database, { destination, nowMs, limit }: Claim): Generator<number> {
  /** Last delivery taken of each subject; null once the subject has to wait. */
  const subjects = new Map<string, number | null>();
  const page = Math.max(limit, SMALLEST_PAGE);
  for (let afterSeq = 0; ;) {
    const candidates = db.all(CANDIDATES, destination, afterSeq, nowMs, page);
    for (const { seq, subject } of candidates) {
      afterSeq = seq;
      const before = subjects.get(subject) ?? (subjects.has(subject) ? null : 0);
      if (before === null) continue;
      const waits = db.get(UNFINISHED_BETWEEN, destination, subject, before, seq) !== undefined;
      subjects.set(subject, waits ? null : seq);
      if (!waits) yield seq;
    }
    if (candidates.length < page) return;
  }
}

/** Takes what may be sent, unless the destination is paused or another lease is sending to it. Part of a group commit. */
export function claim(db: Database, request: Claim): Delivery[] {
  const { destination, leaseId, nowMs, limit } = request;
  if ((db.get(PAUSED_UNTIL, destination)?.untilMs ?? 0) > nowMs) return [];
  if (db.get(HELD_BY_OTHER, destination, leaseId) !== undefined) return [];
  const seqs: number[] = [];
  for (const seq of takeable(db, request)) {
    if (seqs.length >= limit) break;
    seqs.push(seq);
  }
  // Only now, so that what is taken here does not look like something unfinished to the walk above.
  return seqs.flatMap((seq) => db.all(TAKE, leaseId, nowMs, seq).map(toDelivery));
}
