import type { JsonObject } from "../../base/json.ts";
import type { Outcome } from "../../channel/outcome.ts";
import type { Attempt, Delivery, DeliveryStatus } from "../../delivery/delivery.ts";
import type { DeliveryRequest } from "../../runs/delivery-request.ts";
import { type Database, query, toJson } from "./database.ts";

/** A row of `deliveries`, under the port's names. */
export type DeliveryRow = Omit<Delivery, "uncertain" | "payload"> & {
  readonly uncertain: 0 | 1;
  readonly payload: string;
};

export type AttemptRow = Omit<Attempt, "outcome"> & { readonly outcome: string };

export const DELIVERY_COLUMNS = `seq, id, dedup_key as dedupKey, status, destination, subject,
  next_attempt_at_ms as nextAttemptAtMs, lease_id as leaseId, attempts, origin, severity, flow_run_id as flowRunId,
  task_run_id as taskRunId, state_id as stateId, created_at_ms as createdAtMs, updated_at_ms as updatedAtMs,
  expires_at_ms as expiresAtMs, uncertain, reason, provider_id as providerId, detail, payload`;

export const toDelivery = (row: DeliveryRow): Delivery => ({
  ...row,
  uncertain: row.uncertain === 1,
  // Written by toJson() from a value of this type.
  payload: JSON.parse(row.payload) as JsonObject,
});

/** As above. */
export const toAttempt = (row: AttemptRow): Attempt => ({ ...row, outcome: JSON.parse(row.outcome) as Outcome });

type InsertParams = [
  id: string,
  dedupKey: string,
  status: DeliveryStatus,
  destination: string,
  subject: string,
  nextAttemptAtMs: number,
  leaseId: string | null,
  attempts: number,
  origin: string,
  severity: string,
  flowRunId: string | null,
  taskRunId: string | null,
  stateId: string | null,
  createdAtMs: number,
  updatedAtMs: number,
  expiresAtMs: number | null,
  uncertain: number,
  reason: string | null,
  providerId: string | null,
  detail: string | null,
  payload: string,
];

/** The unique index on dedup_key makes a second request for the same notification a no-op. Part of a group commit. */
const INSERT = query<InsertParams>(
  `insert into deliveries (id, dedup_key, status, destination, subject, next_attempt_at_ms, lease_id, attempts, origin,
     severity, flow_run_id, task_run_id, state_id, created_at_ms, updated_at_ms, expires_at_ms, uncertain, reason,
     provider_id, detail, payload)
   values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
   on conflict (dedup_key) do nothing`,
);

/** Index: unique dedup_key. */
const SEQ_OF = query<[dedupKey: string], { seq: number }>("select seq from deliveries where dedup_key = ?");

const INSERT_ATTEMPT = query<
  [deliverySeq: number, number: number, startedAtMs: number, durationMs: number, status: number | null, outcome: string]
>("insert into attempts (delivery_seq, number, started_at_ms, duration_ms, status, outcome) values (?, ?, ?, ?, ?, ?)");

/** Values of one delivery, copied out of the caller's object. @throws store_value_invalid */
export function insertParams(delivery: Omit<Delivery, "seq">): InsertParams {
  return [
    delivery.id,
    delivery.dedupKey,
    delivery.status,
    delivery.destination,
    delivery.subject,
    Math.ceil(delivery.nextAttemptAtMs),
    delivery.leaseId,
    delivery.attempts,
    delivery.origin,
    delivery.severity,
    delivery.flowRunId,
    delivery.taskRunId,
    delivery.stateId,
    delivery.createdAtMs,
    delivery.updatedAtMs,
    delivery.expiresAtMs,
    Number(delivery.uncertain),
    delivery.reason,
    delivery.providerId,
    delivery.detail,
    toJson(delivery.payload),
  ];
}

/** A request as the delivery it begins as: queued, due at once. */
const asQueued = (request: DeliveryRequest): Omit<Delivery, "seq"> => ({
  ...request,
  origin: "hook",
  status: "queued",
  attempts: 0,
  nextAttemptAtMs: request.createdAtMs,
  leaseId: null,
  reason: null,
  detail: null,
  providerId: null,
  uncertain: false,
  updatedAtMs: request.createdAtMs,
});

export interface PreparedRequest {
  readonly destination: string;
  /** Inserts the delivery; true when it is new. */
  readonly insert: (db: Database) => boolean;
}

/** Copies a request, to be stored in the transaction of its state. @throws store_value_invalid */
export function prepareRequest(request: DeliveryRequest): PreparedRequest {
  const params = insertParams(asQueued(request));
  return { destination: request.destination, insert: (db) => db.run(INSERT, ...params) > 0 };
}

export function insertAttempt(db: Database, deliverySeq: number, attempt: Attempt, outcome: string): void {
  // Measured durations have a fraction; the columns are integers.
  const [startedAtMs, durationMs] = [Math.round(attempt.startedAtMs), Math.round(attempt.durationMs)];
  db.run(INSERT_ATTEMPT, deliverySeq, attempt.number, startedAtMs, durationMs, attempt.status, outcome);
}

/** A direct send with its one attempt. The work ignores a delivery that is already there. */
export function prepareJournal(delivery: Omit<Delivery, "seq">, attempt: Attempt): (db: Database) => void {
  const params = insertParams(delivery);
  const copy = { ...attempt };
  const outcome = toJson(attempt.outcome);
  return (db) => {
    if (db.run(INSERT, ...params) === 0) return;
    const row = db.get(SEQ_OF, params[1]);
    if (row !== undefined) insertAttempt(db, row.seq, copy, outcome);
  };
}
