import type { Outcome } from "../../channel/outcome.ts";
import type { Attempt, Delivery } from "../../delivery/delivery.ts";
import { type Database, query } from "./database.ts";

/** A row of `deliveries`, under the port's names where the port has one. */
export type DeliveryRow = Omit<Delivery, "uncertain" | "payload" | "coalesce" | "unreadable"> & {
  readonly uncertain: 0 | 1;
  readonly coalesces: 0 | 1;
  /** Where earlier versions kept it; else empty. */
  readonly payload: string;
  readonly payloadKey: number | null;
  /** Bytes when it is sealed with that key; null where `payload` holds it. */
  readonly content: string | Uint8Array | null;
};

export type AttemptRow = Omit<Attempt, "outcome"> & { readonly outcome: string };

export const DELIVERY_COLUMNS = `seq, id, dedup_key as dedupKey, status, destination, subject,
  next_attempt_at_ms as nextAttemptAtMs, lease_id as leaseId, attempts, origin, severity, flow_run_id as flowRunId,
  task_run_id as taskRunId, state_id as stateId, created_at_ms as createdAtMs, updated_at_ms as updatedAtMs,
  expires_at_ms as expiresAtMs, uncertain, reason, provider_id as providerId, detail, coalesces, payload,
  (select p.payload_key from delivery_payloads p where p.seq = deliveries.seq) as payloadKey,
  (select p.content from delivery_payloads p where p.seq = deliveries.seq) as content`;

/** A row of `deliveries` in the order of {@link CLAIMED_COLUMNS}. */
export type ClaimedTuple = readonly [
  seq: number,
  id: string,
  dedupKey: string,
  destination: string,
  subject: string,
  attempts: number,
  nextAttemptAtMs: number,
  origin: Delivery["origin"],
  severity: Delivery["severity"],
  flowRunId: string | null,
  taskRunId: string | null,
  stateId: string | null,
  createdAtMs: number,
  expiresAtMs: number | null,
  uncertain: 0 | 1,
  reason: Delivery["reason"],
  providerId: string | null,
  detail: string | null,
  coalesces: 0 | 1,
  payload: string,
  payloadKey: number | null,
  content: string | Uint8Array | null,
];

/** The same, with whatever else was read along behind it. */
export type Claimable = readonly [...delivery: ClaimedTuple, ...more: unknown[]];

/** What of a claimed delivery is not known from the claim. */
export const CLAIMED_COLUMNS = `d.seq, d.id, d.dedup_key, d.destination, d.subject, d.attempts, d.next_attempt_at_ms,
  d.origin, d.severity, d.flow_run_id, d.task_run_id, d.state_id, d.created_at_ms, d.expires_at_ms, d.uncertain, d.reason,
  d.provider_id, d.detail, d.coalesces, d.payload, p.payload_key, p.content`;

export const toClaimed = (tuple: Claimable, leaseId: string, nowMs: number): DeliveryRow => ({
  seq: tuple[0],
  id: tuple[1],
  dedupKey: tuple[2],
  status: "sending",
  destination: tuple[3],
  subject: tuple[4],
  nextAttemptAtMs: tuple[6],
  leaseId,
  attempts: tuple[5],
  origin: tuple[7],
  severity: tuple[8],
  flowRunId: tuple[9],
  taskRunId: tuple[10],
  stateId: tuple[11],
  createdAtMs: tuple[12],
  updatedAtMs: nowMs,
  expiresAtMs: tuple[13],
  uncertain: tuple[14],
  reason: tuple[15],
  providerId: tuple[16],
  detail: tuple[17],
  coalesces: tuple[18],
  payload: tuple[19],
  payloadKey: tuple[20],
  content: tuple[21],
});

/** Written by toJson() from a value of this type. */
export const toAttempt = (row: AttemptRow): Attempt => ({ ...row, outcome: JSON.parse(row.outcome) as Outcome });

const INSERT_ATTEMPT = query<
  [deliverySeq: number, number: number, startedAtMs: number, durationMs: number, status: number | null, outcome: string]
>("insert into attempts (delivery_seq, number, started_at_ms, duration_ms, status, outcome) values (?, ?, ?, ?, ?, ?)");

export function insertAttempt(db: Database, deliverySeq: number, attempt: Attempt, outcome: string): void {
  // Measured durations have a fraction; the columns are integers.
  const [startedAtMs, durationMs] = [Math.round(attempt.startedAtMs), Math.round(attempt.durationMs)];
  db.run(INSERT_ATTEMPT, deliverySeq, attempt.number, startedAtMs, durationMs, attempt.status, outcome);
}
