import { BellhopError } from "../../base/errors.ts";
import { killPoint } from "../../base/kill-points.ts";
import type { Outcome } from "../../channel/outcome.ts";
import { deadEvent } from "../../delivery/dead-event.ts";
import {
  canMove,
  type DeliveryReason,
  type DeliveryStatus,
  type HealthNews,
  type Settlement,
} from "../../delivery/delivery.ts";
import { MOST_PROCESS_ENDS } from "../../delivery/outbox-store.ts";
import { SUSPECT_AT } from "./claim.ts";
import { type Database, toJson } from "./database.ts";
import { prepareEvent } from "./event-rows.ts";
import { prepareRequest } from "./outbox-insert.ts";
import { overtakeOlder } from "./outbox-overtake.ts";
import { countGivenUp, noteReplay } from "./outbox-health.ts";
import { putPayload } from "./outbox-payloads.ts";
import { insertAttempt } from "./outbox-rows.ts";
import * as sql from "./outbox-statements.ts";

// The moves of MOVES in delivery.ts as work of a group commit. Those that give deliveries something to do return destinations.

const isOpen = (status: DeliveryStatus): number => Number(status === "queued" || status === "sending");

/** @throws delivery_move_refused */
function refuse(id: string, from: DeliveryStatus | undefined, to: DeliveryStatus): never {
  throw new BellhopError("delivery_move_refused", { deliveryId: id, from: from ?? "not stored", to });
}

/** A settlement with its JSON as it is stored; `payload` is null where it stays. */
export interface PreparedSettlement {
  readonly settlement: Settlement;
  readonly outcome: string;
  readonly payload: string | null;
  readonly news: (db: Database) => string[];
}

/** Copies what a write has to tell and returns what stores it; that returns the destinations that got a delivery. */
export function prepareNews({ also = [], events = [] }: HealthNews): (db: Database) => string[] {
  if (also.length + events.length === 0) return () => [];
  const requests = also.map(prepareRequest);
  const works = events.map(prepareEvent);
  return (db) => {
    for (const work of works) work(db);
    return requests.filter((request) => request.insert(db)).map((request) => request.destination);
  };
}

/** Copies what is stored as JSON. @throws store_value_invalid; delivery_move_refused for a status no settlement gives */
export function prepareSettlement(settlement: Settlement): PreparedSettlement {
  const { attempt, to, payload } = settlement;
  if (!canMove("settle", "sending", to)) refuse(attempt.deliveryId, "sending", to);
  return {
    settlement,
    outcome: toJson(attempt.outcome),
    payload: payload === undefined ? null : toJson(payload),
    news: prepareNews(settlement),
  };
}

/** @throws delivery_move_refused; nothing of the transaction is written then */
export function settle(db: Database, prepared: PreparedSettlement, leaseId: string): string[] {
  const { attempt, to, uncertain, reason, providerId, detail, nextAttemptAtMs } = prepared.settlement;
  const { deliveryId, number } = attempt;
  const endedAtMs = Math.round(attempt.startedAtMs + attempt.durationMs);
  // Waits come from a random back-off; never early.
  const dueAtMs = Math.ceil(nextAttemptAtMs);
  const seq = prepared.settlement.seq ?? db.get(sql.SEQ_OF, deliveryId)?.seq ?? NOT_STORED;
  const settled = db.run(
    sql.SETTLE,
    to,
    isOpen(to),
    number,
    dueAtMs,
    Number(uncertain),
    reason,
    providerId,
    detail,
    endedAtMs,
    seq,
    leaseId,
  );
  if (settled === 0) return refuse(deliveryId, db.get(sql.WHERE_NOW, deliveryId)?.status, to);
  insertAttempt(db, seq, attempt, prepared.outcome);
  killPoint("settle:inside");
  if (prepared.payload !== null) putPayload(db, { seq, id: deliveryId, payload: prepared.payload });
  const line = to === "queued" ? db.get(sql.LINE_OF, seq) : undefined;
  if (line?.coalesces === 1) overtakeOlder(db, { ...line, nowMs: endedAtMs });
  return prepared.news(db);
}

/** Keys begin at 1. */
const NOT_STORED = 0;

export interface Release {
  readonly ids: readonly string[];
  readonly nextAttemptAtMs: number;
  readonly leaseId: string;
  readonly nowMs: number;
}

export function release(db: Database, { ids, nextAttemptAtMs, leaseId, nowMs }: Release): void {
  const lines = db.all(sql.RELEASE, Math.ceil(nextAttemptAtMs), nowMs, toJson(ids), leaseId);
  killPoint("release:inside");
  for (const line of lines) if (line.coalesces === 1) overtakeOlder(db, { ...line, nowMs });
}

export interface Retirement {
  readonly ids: readonly string[];
  readonly to: "suppressed" | "dead";
  readonly reason: DeliveryReason | null;
  readonly detail: string;
  readonly leaseId: string | null;
  readonly nowMs: number;
}

/** Ends what may end from where it is; what has ended already stays as it ended. False when nothing could. */
export function retire(db: Database, { ids, to, reason, detail, leaseId, nowMs }: Retirement): boolean {
  const ended = db.all(sql.RETIRE, to, reason, detail, nowMs, toJson(ids), leaseId);
  const end = { reason, detail, atMs: nowMs };
  if (to === "dead") {
    for (const row of ended) prepareEvent(deadEvent(row, end))(db);
    countGivenUp(
      db,
      ended.map((row) => row.destination),
    );
  }
  return ended.length > 0;
}

const PROCESS_ENDED = "the process that was sending it ended without recording a result";

/** The attempt that a process did not live to record. */
const LOST: Outcome = { kind: "retry", reason: "process-ended", detail: PROCESS_ENDED, ambiguous: true };

/**
 * From its second end of a process on, a delivery waits this much longer than the one before it: what was in flight
 * together comes one after the other, and the one that ends its process is found out while the others get through.
 */
const APART_MS = 100;

/** Wait of what was not sent when its process ended, so that processes which end at once do not take it all the time. */
const UNSENT_WAIT_MS = 1_000;

/** Destinations of what was queued again or ended, one for each delivery. */
export function recover(db: Database, leaseId: string, nowMs: number): string[] {
  const held = db.all(sql.HELD_BY, leaseId);
  let suspects = 0;
  for (const row of held) {
    if (row.processEnds >= SUSPECT_AT && row.begunAtMs === null) {
      db.run(sql.RECOVER_UNSENT, nowMs + UNSENT_WAIT_MS + suspects * APART_MS, nowMs, row.seq);
      suspects += 1;
      continue;
    }
    const processEnds = row.processEnds + 1;
    const number = row.attempts + 1;
    const lost = {
      deliveryId: row.id,
      number,
      startedAtMs: row.begunAtMs ?? row.updatedAtMs,
      durationMs: 0,
      outcome: LOST,
      status: null,
    };
    insertAttempt(db, row.seq, lost, toJson(LOST));
    if (processEnds >= MOST_PROCESS_ENDS) {
      const reason = "attempts-exhausted";
      const detail = `${processEnds} processes in a row ended while they were sending it`;
      db.run(sql.RECOVER, "dead", 0, nowMs, reason, detail, nowMs, row.seq);
      prepareEvent(deadEvent({ ...row, attempts: number }, { reason, detail, atMs: nowMs }))(db);
      countGivenUp(db, [row.destination]);
      continue;
    }
    const dueAtMs = processEnds < SUSPECT_AT ? nowMs : nowMs + suspects * APART_MS;
    if (processEnds >= SUSPECT_AT) suspects += 1;
    db.run(sql.RECOVER, "queued", 1, dueAtMs, "process-ended", PROCESS_ENDED, nowMs, row.seq);
  }
  killPoint("recover:inside");
  // Only now, when all that will be queued is.
  for (const row of held) if (row.coalesces === 1) overtakeOlder(db, { ...row, nowMs });
  return held.map((row) => row.destination);
}

/** The destinations of what was queued again, one for each delivery. */
export function replay(db: Database, seqs: readonly number[], nowMs: number): string[] {
  const destinations = db.all(sql.REPLAY, nowMs, toJson(seqs)).map((row) => row.destination);
  for (const destination of new Set(destinations)) noteReplay(db, destination, nowMs);
  return destinations;
}

/** How many ended. */
export const cancel = (db: Database, ids: readonly string[], nowMs: number): number =>
  db.run(sql.CANCEL, "cancelled by a person before it was sent", nowMs, toJson(ids));
