import { fallbackKey } from "../../delivery/dedup-keys.ts";
import { MOST_PROCESS_ENDS, type OutboxStore } from "../../delivery/outbox-store.ts";
import { type Database, query, toJson } from "./database.ts";
import { GIVEN_UP_ONLY } from "./outbox-narrowing.ts";
import { LOWEST_PRIORITY } from "./outbox-priority.ts";
import { DELIVERY_COLUMNS, type DeliveryRow } from "./outbox-rows.ts";

// What is given up, or is to be, without an attempt.

/** In order of arrival, of one severity. */
export const OLDEST_QUEUED = query<
  [destination: string, priority: number, limit: number],
  { seq: number; createdAtMs: number }
>(
  `select seq, created_at_ms as createdAtMs from deliveries indexed by deliveries_ready
   where status = 'queued' and destination = ? and priority = ? order by seq limit ?`,
);

/** Primary key, in its order. */
export const BY_SEQ = query<[seqs: string], DeliveryRow>(
  `select ${DELIVERY_COLUMNS} from deliveries where seq in (select value from json_each(?)) order by seq`,
);

/**
 * The first that came, of every severity: what is too old is in front, so that little is read where nothing is. All that
 * came before one of them about the same subject is among them.
 */
export function readOverdue(
  db: Database,
  { destination, createdUntilMs, limit }: Parameters<OutboxStore["overdue"]>[0],
): DeliveryRow[] {
  const found: number[] = [];
  for (let priority = 0; priority <= LOWEST_PRIORITY; priority += 1) {
    const oldest = db.all(OLDEST_QUEUED, destination, priority, limit);
    for (const { seq, createdAtMs } of oldest) if (createdAtMs <= createdUntilMs) found.push(seq);
  }
  const seqs = found.toSorted((a, b) => a - b).slice(0, limit);
  return seqs.length === 0 ? [] : db.all(BY_SEQ, toJson(seqs));
}

/** Walks the dead letters of one destination, only after some were counted. Unique index on dedup_key for each. */
export const LOST = query<[destination: string, processEnds: number, key: string, limit: number], DeliveryRow>(
  `select ${DELIVERY_COLUMNS} from deliveries indexed by deliveries_given_up
   where status = 'dead' and ${GIVEN_UP_ONLY} and destination = ? and process_ends >= ?
     and not exists (select 1 from deliveries f where f.dedup_key = ? || deliveries.id)
   order by updated_at_ms desc limit ?`,
);

/** The latest, in order of arrival. */
export const readLost = (db: Database, destination: string, limit: number): DeliveryRow[] =>
  db.all(LOST, destination, MOST_PROCESS_ENDS, fallbackKey(""), limit).toSorted((a, b) => a.seq - b.seq);
