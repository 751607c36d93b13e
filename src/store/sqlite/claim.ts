import { killPoint } from "../../base/kill-points.ts";
import type { Database } from "./database.ts";
import { type DeliveryRow, toClaimed } from "./outbox-rows.ts";
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

/**
 * Up to so many due deliveries are read and sorted here. More are read in the order of an index, which has to skip what
 * is queued for later: worth it only where much is due.
 */
const FEW = 256;

/** A delivery whose process ended this often in a row may be what ends it, and is taken alone. */
export const SUSPECT_AT = 2;

/** Due deliveries of one destination: the gravest first, then in order of arrival. */
function* candidates(db: Database, { destination, nowMs, limit }: Claim): Generator<sql.Candidate> {
  if (db.get(sql.MORE_DUE_THAN, destination, nowMs, FEW) === undefined) {
    const few = db.all(sql.CANDIDATES_OF_FEW, destination, nowMs);
    yield* few.sort((a, b) => a.priority - b.priority || a.seq - b.seq);
    return;
  }
  const page = Math.max(limit, SMALLEST_PAGE);
  for (let [priority, afterSeq] = [0, 0]; priority <= LOWEST_PRIORITY;) {
    const found = db.all(sql.CANDIDATES, destination, priority, afterSeq, nowMs, page);
    yield* found;
    if (found.length === page) afterSeq = found.at(-1)?.seq ?? afterSeq;
    else [priority, afterSeq] = [priority + 1, 0];
  }
}

/** Chooses what one claim takes. */
class Taking {
  /** In the order of sending. */
  readonly seqs: readonly number[];
  readonly #db: Database;
  readonly #claim: Claim;
  readonly #isFlying: boolean;
  readonly #taken = new Set<number>();
  /** What is left to take of subjects of which more than the head is due, in order of arrival; nothing if it must wait. */
  readonly #lines = new Map<string, sql.InLine[]>();
  #isOver = false;
  #takesSuspect = false;

  constructor(db: Database, request: Claim, isFlying: boolean) {
    this.#db = db;
    this.#claim = request;
    this.#isFlying = isFlying;
    this.seqs = this.#choose();
  }

  /** What was chosen is one suspect. */
  get takesSuspect(): boolean {
    return this.#takesSuspect;
  }

  /** Chosen first and taken then, so that what is taken does not look like something unfinished to the choice. */
  #choose(): readonly number[] {
    for (const candidate of candidates(this.#db, this.#claim)) {
      if (this.#taken.has(candidate.seq)) continue;
      if (candidate.headSeq === candidate.seq) this.#take(candidate);
      else this.#takeLine(candidate);
      if (this.#isOver || this.#taken.size >= this.#claim.limit) break;
    }
    return [...this.#taken];
  }

  #take({ seq, processEnds }: { readonly seq: number; readonly processEnds: number }): void {
    const isSuspect = processEnds >= SUSPECT_AT;
    // It has to wait until it can be alone, and so does what comes after it.
    if (isSuspect) this.#isOver = true;
    if (isSuspect && (this.#taken.size > 0 || this.#isFlying)) return;
    this.#taken.add(seq);
    this.#takesSuspect = isSuspect;
  }

  /** Takes a delivery after whatever of its subject came before it, however light that is. */
  #takeLine({ seq, subject }: sql.Candidate): void {
    const { destination, nowMs, limit } = this.#claim;
    let line = this.#lines.get(subject);
    if (line === undefined) {
      line = this.#db.all(sql.LINE, destination, subject, limit).filter((one) => !this.#taken.has(one.seq));
      this.#lines.set(subject, line);
    }
    for (let next = line[0]; next !== undefined && next.seq <= seq; next = line[0]) {
      // All of them wait for one that is out, or is queued for later.
      if (next.status !== "queued" || next.nextAttemptAtMs > nowMs) line.length = 0;
      else this.#take(next);
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
  const { destination, nowMs, limit } = request;
  const pausedUntilMs = db.get(sql.PAUSED_UNTIL, destination)?.untilMs ?? 0;
  const taking = pausedUntilMs > nowMs ? undefined : choose(db, request);
  const rows = taking === undefined ? [] : take(db, taking.seqs, request);
  const isFull = rows.length === limit;
  const first = isFull ? nowMs : (db.get(sql.NEXT_DUE, destination)?.dueAtMs ?? null);
  return {
    rows,
    isSuspect: taking?.takesSuspect ?? false,
    nextDueAtMs: first === null ? null : Math.max(first, pausedUntilMs),
  };
}

/** Undefined when somebody else is sending, or a suspect is out. */
function choose(db: Database, request: Claim): Taking | undefined {
  const flying = db.all(sql.IN_FLIGHT, request.destination);
  const isHeld = flying.some((held) => held.leaseId !== request.leaseId || held.processEnds >= SUSPECT_AT);
  return isHeld ? undefined : new Taking(db, request, flying.length > 0);
}

function take(db: Database, seqs: readonly number[], { leaseId, nowMs }: Claim): readonly DeliveryRow[] {
  if (seqs.length === 0) return [];
  const list = JSON.stringify(seqs);
  db.run(sql.CLAIM, leaseId, nowMs, list);
  const rows = new Map(db.tuples(sql.CLAIMED, list, leaseId).map((row) => [row[0], row]));
  killPoint("claim:inside");
  return seqs.flatMap((seq) => {
    const row = rows.get(seq);
    return row === undefined ? [] : [toClaimed(row, leaseId, nowMs)];
  });
}
