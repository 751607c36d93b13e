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
