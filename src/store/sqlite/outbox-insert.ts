import { killPoint } from "../../base/kill-points.ts";
import type { Attempt, Delivery, DeliveryStatus } from "../../delivery/delivery.ts";
import type { DeliveryRequest } from "../../runs/delivery-request.ts";
import { type Database, query, toJson } from "./database.ts";
import { TEST_NOW } from "./outbox-health.ts";
import { overtakeOlder } from "./outbox-overtake.ts";
import { putPayload } from "./outbox-payloads.ts";
import { PRIORITY } from "./outbox-priority.ts";
import { insertAttempt } from "./outbox-rows.ts";

type InsertParams = [
  id: string,
  dedupKey: string,
  status: DeliveryStatus,
  isOpen: number,
  destination: string,
  subject: string,
  nextAttemptAtMs: number,
  leaseId: string | null,
  attempts: number,
  origin: string,
  severity: string,
  priority: number,
  coalesces: number,
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
];

/** The unique index on dedup_key makes a second request for the same notification a no-op. Part of a group commit. */
const INSERT = query<InsertParams>(
  `insert into deliveries (id, dedup_key, status, is_open, destination, subject, next_attempt_at_ms, lease_id, attempts,
     origin, severity, priority, coalesces, flow_run_id, task_run_id, state_id, created_at_ms, updated_at_ms,
     expires_at_ms, uncertain, reason, provider_id, detail, payload)
   values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, '')
   on conflict (dedup_key) do nothing`,
);

/** Values of one delivery, copied out of the caller's object. @throws store_value_invalid */
function insertParams(delivery: Omit<Delivery, "seq">): InsertParams {
  const { id, status, severity } = delivery;
  return [
    id,
    delivery.dedupKey,
    status,
    Number(status === "queued" || status === "sending"),
    delivery.destination,
    delivery.subject,
    Math.ceil(delivery.nextAttemptAtMs),
    delivery.leaseId,
    delivery.attempts,
    delivery.origin,
    severity,
    PRIORITY[severity],
    Number(delivery.coalesce === "latest"),
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
  ];
}

/** Key of the new row; null when the notification is there already. */
function insert(db: Database, params: InsertParams, payload: string): number | null {
  const seq = db.insert(INSERT, ...params);
  if (seq !== null) putPayload(db, { seq, id: params[0], payload });
  return seq;
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
  /** Inserts the delivery; true when it is new. What it overtakes is suppressed. */
  readonly insert: (db: Database) => boolean;
}

/** Copies a request, to be stored in the transaction of its state. @throws store_value_invalid */
export function prepareRequest(request: DeliveryRequest): PreparedRequest {
  const { destination, subject, createdAtMs } = request;
  const params = insertParams(asQueued(request));
  const payload = toJson(request.payload);
  const coalesces = request.coalesce === "latest";
  return {
    destination,
    insert: (db) => {
      if (insert(db, params, payload) === null) return false;
      killPoint("enqueue:inside");
      if (coalesces) overtakeOlder(db, { destination, subject, nowMs: createdAtMs });
      return true;
    },
  };
}

/**
 * A direct send with its one attempt. The work ignores a delivery that is already there. One that was delivered shows
 * that its destination may be used again.
 */
export function prepareJournal(delivery: Omit<Delivery, "seq">, attempt: Attempt): (db: Database) => void {
  const params = insertParams(delivery);
  const payload = toJson(delivery.payload);
  const copy = { ...attempt };
  const { destination } = delivery;
  const delivered = delivery.status === "delivered";
  const outcome = toJson(attempt.outcome);
  return (db) => {
    const seq = insert(db, params, payload);
    if (seq === null) return;
    insertAttempt(db, seq, copy, outcome);
    if (delivered) db.run(TEST_NOW, destination);
  };
}
