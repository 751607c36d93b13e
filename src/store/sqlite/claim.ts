import { killPoint } from "../../base/kill-points.ts";
import type { Database } from "./database.ts";
import { type Claimable, type DeliveryRow, toClaimed } from "./outbox-rows.ts";
import { LOWEST_PRIORITY } from "./outbox-priority.ts";
import * as sql from "./outbox-statements.ts";

export interface Claim {
  readonly destination: string;
  readonly leaseId: string;
  readonly nowMs: number;
  readonly limit: number;
}

/** Fewest candidates looked at in one query. */
const SMALLEST_PAGE = 16;

/** Up to so many rows a statement for each is quicker than one for all, which first makes a table of them. */
const ONE_BY_ONE = 16;

/** A delivery whose process ended this often in a row may be what ends it, and is taken alone. */
export const SUSPECT_AT = 2;

/** Places in a candidate. */
const [SEQ_AT, SUBJECT_AT, PRIORITY_AT, ENDS_AT, HEAD_AT] = [0, 4, 22, 23, 24] as const;

/**
 * Candidates that are looked at together. No more are due: they are read as they come and sorted. More are read in the order
 * of an index, which has to skip what is queued for later: worth it only where much is due.
 */
const pageOf = ({ limit }: Claim): number => Math.max(limit, SMALLEST_PAGE);

/** Due deliveries of one destination: the gravest first, then in order of arrival. */
function* candidates(db: Database, claim: Claim, isMuch: boolean): Generator<sql.Candidate> {
  const { destination, nowMs } = claim;
  if (!isMuch) {
    const few = db.tuples(sql.CANDIDATES_OF_FEW, destination, nowMs);
    yield* few.sort((a, b) => a[PRIORITY_AT] - b[PRIORITY_AT] || a[SEQ_AT] - b[SEQ_AT]);
    return;
  }
  const page = pageOf(claim);
  for (let [priority, afterSeq] = [0, 0]; priority <= LOWEST_PRIORITY;) {
    const found = db.tuples(sql.CANDIDATES, destination, priority, afterSeq, nowMs, page);
    yield* found;
    if (found.length === page) afterSeq = found.at(-1)?.[SEQ_AT] ?? afterSeq;
    else [priority, afterSeq] = [priority + 1, 0];
  }
}

/** Chooses what one claim takes. */
class Taking {
  readonly #db: Database;
  readonly #claim: Claim;
  readonly #isFlying: boolean;
  /** In the order of sending; what was read of each already. */
  readonly #taken = new Map<number, Claimable | undefined>();
  /** What is left to take of subjects of which more than the head is due, in order of arrival; nothing if it must wait. */
  readonly #lines = new Map<string, sql.InLine[]>();
  #isOver = false;
  #takesSuspect = false;

  constructor(db: Database, request: Claim, { isFlying, isMuch }: { isFlying: boolean; isMuch: boolean }) {
    this.#db = db;
    this.#claim = request;
    this.#isFlying = isFlying;
    this.#choose(isMuch);
  }

  /** What was chosen is one suspect. */
  get takesSuspect(): boolean {
    return this.#takesSuspect;
  }

  /** Everything that was chosen, in the order of sending, as it is before it is taken. */
  rows(): readonly Claimable[] {
    const unread = [...this.#taken].flatMap(([seq, row]) => (row === undefined ? [seq] : []));
    if (unread.length > 0)
      for (const row of this.#db.tuples(sql.TO_CLAIM, JSON.stringify(unread))) this.#taken.set(row[SEQ_AT], row);
    return [...this.#taken.values()].filter((row) => row !== undefined);
  }

  /** Chosen first and taken then, so that what is taken does not look like something unfinished to the choice. */
  #choose(isMuch: boolean): void {
    for (const candidate of candidates(this.#db, this.#claim, isMuch)) {
      if (this.#taken.has(candidate[SEQ_AT])) continue;
      if (candidate[HEAD_AT] === candidate[SEQ_AT]) this.#take(candidate[SEQ_AT], candidate[ENDS_AT], candidate);
      else this.#takeLine(candidate);
      if (this.#isOver || this.#taken.size >= this.#claim.limit) break;
    }
  }

  #take(seq: number, processEnds: number, row?: sql.Candidate): void {
    const isSuspect = processEnds >= SUSPECT_AT;
    // It has to wait until it can be alone, and so does what comes after it.
    if (isSuspect) this.#isOver = true;
    if (isSuspect && (this.#taken.size > 0 || this.#isFlying)) return;
    this.#taken.set(seq, row);
    this.#takesSuspect = isSuspect;
  }

  /** Takes a delivery after whatever of its subject came before it, however light that is. */
  #takeLine(candidate: sql.Candidate): void {
    const { destination, nowMs, limit } = this.#claim;
    const [seq, subject] = [candidate[SEQ_AT], candidate[SUBJECT_AT]];
    let line = this.#lines.get(subject);
    if (line === undefined) {
      line = this.#db.all(sql.LINE, destination, subject, limit).filter((one) => !this.#taken.has(one.seq));
      this.#lines.set(subject, line);
    }
    for (let next = line[0]; next !== undefined && next.seq <= seq; next = line[0]) {
      // All of them wait for one that is out, or is queued for later.
      if (next.status !== "queued" || next.nextAttemptAtMs > nowMs) line.length = 0;
      else this.#take(next.seq, next.processEnds, next.seq === seq ? candidate : undefined);
      if (this.#isOver || this.#taken.size >= limit) return;
      line.shift();
    }
  }
}

export interface ClaimedRows {
  readonly rows: readonly DeliveryRow[];
  /** It is one delivery, which may be what ends its process. */
  readonly isSuspect: boolean;
  /** See `Claimed` of the port. */
  readonly nextDueAtMs: number | null;
}

/** Takes what may be sent, unless the destination is paused or another lease is sending to it. Part of a group commit. */
export function claim(db: Database, request: Claim): ClaimedRows {
  const { destination, leaseId, nowMs, limit } = request;
  const [before] = db.tuples(sql.BEFORE_CLAIM, destination, leaseId, SUSPECT_AT, nowMs, pageOf(request));
  const [pausedUntilMs, isHeld, isMuch] = before ?? [null, null, 0];
  const mayTake = (pausedUntilMs ?? 0) <= nowMs && isHeld !== 1;
  const taking = mayTake ? new Taking(db, request, { isFlying: isHeld !== null, isMuch: isMuch === 1 }) : undefined;
  const rows = taking === undefined ? [] : take(db, taking.rows(), request);
  const isFull = rows.length === limit;
  const first = isFull ? nowMs : (db.get(sql.NEXT_DUE, destination)?.dueAtMs ?? null);
  return {
    rows,
    isSuspect: taking?.takesSuspect ?? false,
    nextDueAtMs: first === null ? null : Math.max(first, pausedUntilMs ?? 0),
  };
}

function take(db: Database, chosen: readonly Claimable[], { leaseId, nowMs }: Claim): readonly DeliveryRow[] {
  const seqs = chosen.map((row) => row[SEQ_AT]);
  if (seqs.length > ONE_BY_ONE) db.run(sql.CLAIM, leaseId, nowMs, JSON.stringify(seqs));
  else for (const seq of seqs) db.run(sql.CLAIM_ONE, leaseId, nowMs, seq);
  if (seqs.length > 0) killPoint("claim:inside");
  return chosen.map((row) => toClaimed(row, leaseId, nowMs));
}
