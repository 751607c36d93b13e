import type { JsonObject } from "../../base/json.ts";
import type { Delivery } from "../../delivery/delivery.ts";
import type { PayloadKeyRows, PayloadKeys, WrappedKey } from "../../delivery/payload-keys.ts";
import { type Database, query } from "./database.ts";
import type { DeliveryRow } from "./outbox-rows.ts";
import type { Session } from "./session.ts";

const KEY_COLUMNS = "id, kid, created_at_ms as createdAtMs, wrapped";

/** One row a day; the newest few are looked at. */
const NEWEST = query<[kid: string], WrappedKey & { readonly key: number }>(
  `select key, ${KEY_COLUMNS} from payload_keys where kid = ? order by key desc limit 1`,
);
const READ = query<[key: number], WrappedKey>(`select ${KEY_COLUMNS} from payload_keys where key = ?`);
const INSERT = query<[id: string, kid: string, createdAtMs: number, wrapped: Uint8Array]>(
  "insert into payload_keys (id, kid, created_at_ms, wrapped) values (?, ?, ?, ?)",
);

export const openPayloadKeyRows = ({ readCommitted, queue }: Session): PayloadKeyRows => ({
  newest: (kid) => readCommitted((db) => db.get(NEWEST, kid) ?? null),
  read: (key) => readCommitted((db) => db.get(READ, key) ?? null),
  insert: ({ id, kid, createdAtMs, wrapped }) =>
    queue.submit((db) => db.insert(INSERT, id, kid, createdAtMs, wrapped) ?? 0),
});

/** What the deliveries written through a connection are sealed with. */
const KEYS = new WeakMap<Database, PayloadKeys>();

/** From now on what is written through this connection is sealed. */
export const sealPayloadsOf = (db: Database, keys: PayloadKeys): void => void KEYS.set(db, keys);

/** Primary key. Replaces what is there. */
const PUT = query<[seq: number, payloadKey: number | null, content: string | Uint8Array]>(
  `insert into delivery_payloads (seq, payload_key, content) values (?, ?, ?)
   on conflict (seq) do update set payload_key = excluded.payload_key, content = excluded.content`,
);

/** Stores the JSON text of a payload, sealed if there is a key. Part of a group commit. */
export function putPayload(db: Database, { seq, id, payload }: { seq: number; id: string; payload: string }): void {
  const sealed = KEYS.get(db)?.seal(payload, id) ?? null;
  db.run(PUT, seq, sealed?.key ?? null, sealed?.bytes ?? payload);
}

/** Rows as deliveries, with their payloads opened where that is possible. */
export async function toDeliveries(rows: readonly DeliveryRow[], keys: PayloadKeys | undefined): Promise<Delivery[]> {
  const loading = keys?.load(rows.map((row) => row.payloadKey));
  if (loading !== undefined) await loading;
  return rows.map((row) => toDelivery(row, keys));
}

/** Field by field: rows of the database are slow to copy as a whole, and this is done for every message. */
function toDelivery(row: DeliveryRow, keys: PayloadKeys | undefined): Delivery {
  const delivery = {
    seq: row.seq,
    id: row.id,
    dedupKey: row.dedupKey,
    origin: row.origin,
    status: row.status,
    destination: row.destination,
    subject: row.subject,
    severity: row.severity,
    flowRunId: row.flowRunId,
    taskRunId: row.taskRunId,
    stateId: row.stateId,
    attempts: row.attempts,
    nextAttemptAtMs: row.nextAttemptAtMs,
    leaseId: row.leaseId,
    reason: row.reason,
    detail: row.detail,
    providerId: row.providerId,
    uncertain: row.uncertain === 1,
    createdAtMs: row.createdAtMs,
    updatedAtMs: row.updatedAtMs,
    expiresAtMs: row.expiresAtMs,
    coalesce: row.coalesces === 1 ? ("latest" as const) : null,
    payload: EMPTY,
  };
  const { payloadKey, content } = row;
  if (payloadKey === null || typeof content === "string" || content === null) {
    // Bytes come with a key only.
    delivery.payload = parsed(typeof content === "string" ? content : row.payload);
    return delivery;
  }
  const opened = keys?.open({ key: payloadKey, bytes: content }, row.id) ?? { problem: "this process has no keys" };
  if (!("text" in opened)) return { ...delivery, unreadable: opened.problem };
  delivery.payload = parsed(opened.text);
  return delivery;
}

const EMPTY: JsonObject = {};

/** Written by toJson() from a value of this type. */
const parsed = (payload: string): JsonObject => JSON.parse(payload) as JsonObject;
