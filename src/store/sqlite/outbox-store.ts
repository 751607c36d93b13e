import { BellhopError } from "../../base/errors.ts";
import { canMove, type Delivery, type DeliveryStatus, type Settlement } from "../../delivery/delivery.ts";
import type { DeliveryFilter, OutboxStore } from "../../delivery/outbox-store.ts";
import { claim } from "./claim.ts";
import { type Database, toJson } from "./database.ts";
import type { Enqueued } from "./enqueued.ts";
import { insertAttempt, prepareJournal, toAttempt, toDelivery, type DeliveryRow } from "./outbox-rows.ts";
import * as sql from "./outbox-statements.ts";
import { idRange, pageSize } from "./page.ts";
import type { Session } from "./session.ts";

/** @throws delivery_move_refused */
function checkMove(id: string, from: DeliveryStatus | undefined, to: DeliveryStatus): void {
  if (from !== undefined && canMove(from, to)) return;
  throw new BellhopError("delivery_move_refused", { deliveryId: id, from: from ?? "not stored", to });
}

/** A settlement with its JSON as it is stored; `payload` is null where it stays. */
interface PreparedSettlement {
  readonly settlement: Settlement;
  readonly outcome: string;
  readonly payload: string | null;
}

const prepare = (settlement: Settlement): PreparedSettlement => ({
  settlement,
  outcome: toJson(settlement.attempt.outcome),
  payload: settlement.payload === undefined ? null : toJson(settlement.payload),
});

/** @throws delivery_move_refused; nothing of the batch is written then */
function settleOne(db: Database, { settlement, outcome, payload }: PreparedSettlement): void {
  const { attempt, to, uncertain, reason, providerId, detail } = settlement;
  const now = db.get(sql.WHERE_NOW, attempt.deliveryId);
  checkMove(attempt.deliveryId, now?.status, to);
  if (now === undefined) return;
  const endedAtMs = Math.round(attempt.startedAtMs + attempt.durationMs);
  // Waits come from a random back-off; never early.
  const nextAttemptAtMs = Math.ceil(settlement.nextAttemptAtMs);
  insertAttempt(db, now.seq, attempt, outcome);
  db.run(
    sql.SETTLE,
    to,
    attempt.number,
    nextAttemptAtMs,
    Number(uncertain),
    reason,
    providerId,
    detail,
    endedAtMs,
    now.seq,
  );
  if (payload !== null) db.run(sql.SET_PAYLOAD, payload, now.seq);
}

/** Ends what may end from where it is; what has ended already stays as it ended. */
function retireOne(
  db: Database,
  id: string,
  end: { to: DeliveryStatus; reason: Delivery["reason"]; detail: string; nowMs: number },
): void {
  const now = db.get(sql.WHERE_NOW, id);
  if (now === undefined || !canMove(now.status, end.to)) return;
  db.run(sql.RETIRE, end.to, end.reason, end.detail, end.nowMs, now.seq);
}

/** Destination of the delivery that was queued again, or null when it is not one that can be. */
function replayOne(db: Database, id: string, nowMs: number): string | null {
  const now = db.get(sql.WHERE_NOW, id);
  // From `sending` it would move too, but that one is in flight.
  if (now === undefined || now.status === "sending" || !canMove(now.status, "queued")) return null;
  return db.get(sql.REPLAY, nowMs, now.seq)?.destination ?? null;
}

function list(db: Database, filter: DeliveryFilter): DeliveryRow[] {
  const { status = [], destination = "", flowRunId } = filter;
  const { take, skip } = pageSize(filter);
  const statuses = toJson(status);
  if (flowRunId !== undefined) return db.all(sql.LIST_OF_RUN, flowRunId, destination, statuses, take, skip);
  if (status.length === 0 || status.includes("delivered"))
    return db.all(sql.LIST_NEWEST, destination, statuses, take, skip);
  // The undelivered are few among many: each status by its index, then merged.
  const rows = [...new Set(status)].flatMap((one) => db.all(sql.LIST_OF_STATUS, one, destination, skip + take));
  return rows.sort((a, b) => b.seq - a.seq).slice(skip, skip + take);
}

function find(db: Database, idOrPart: string): DeliveryRow | null {
  const exact = db.get(sql.READ, idOrPart.toLowerCase());
  if (exact !== undefined) return exact;
  const range = idRange(idOrPart);
  const [first, second] = range === null ? [] : db.all(sql.FIND_BY_PART, range.from, range.to, range.like);
  return first !== undefined && second === undefined ? first : null;
}

const orNull = (row: DeliveryRow | null | undefined): Delivery | null => (row == null ? null : toDelivery(row));

export function openOutboxStore({ queue, read, clock }: Session, enqueued: Enqueued): OutboxStore {
  return {
    due: () =>
      read((db) =>
        db.all(sql.DUE).map(({ destination, dueAtMs, pausedUntilMs }) => ({
          destination,
          dueAtMs: Math.max(dueAtMs, pausedUntilMs),
        })),
      ),
    claim: (request) => queue.submit((db) => claim(db, request)),

    settle: async (settlements) => {
      if (settlements.length === 0) return;
      const batch = settlements.map(prepare);
      await queue.submit((db) => {
        for (const prepared of batch) settleOne(db, prepared);
      });
    },

    release: async (ids, nextAttemptAtMs) => {
      if (ids.length === 0) return;
      await queue.submit((db) => {
        for (const id of ids) db.run(sql.RELEASE, Math.ceil(nextAttemptAtMs), clock.now(), id);
      });
    },

    retire: async (ids, to, reason, detail) => {
      if (ids.length === 0) return;
      const end = { to, reason, detail, nowMs: clock.now() };
      await queue.submit((db) => {
        for (const id of ids) retireOne(db, id, end);
      });
    },

    recover: async (leaseId, nowMs) => {
      const recovered = await queue.submit(
        (db) => db.all(sql.RECOVER, nowMs, nowMs, leaseId).map((row) => row.destination),
        (destinations) => enqueued.tell(destinations),
      );
      return recovered.length;
    },

    pause: (destination, untilMs) => queue.submit((db) => void db.run(sql.PAUSE, destination, Math.ceil(untilMs))),

    journal: (delivery, attempt) => queue.append(prepareJournal(delivery, attempt)),

    replay: async (id, nowMs) => {
      const destination = await queue.submit(
        (db) => replayOne(db, id, nowMs),
        (replayed) => enqueued.tell(replayed === null ? [] : [replayed]),
      );
      return destination !== null;
    },

    read: (id) => read((db) => orNull(db.get(sql.READ, id))),
    find: (idOrPrefix) => read((db) => orNull(find(db, idOrPrefix))),
    list: (filter = {}) => read((db) => db.snapshot(() => list(db, filter)).map(toDelivery)),
    attempts: (deliveryId) => read((db) => db.all(sql.ATTEMPTS, deliveryId).map(toAttempt)),
    onEnqueued: (listener) => enqueued.listen(listener),
  };
}
