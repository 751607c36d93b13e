import type { DeliveryStatus } from "../../delivery/delivery.ts";
import { query } from "./database.ts";
import { type AttemptRow, DELIVERY_COLUMNS, type DeliveryRow } from "./outbox-rows.ts";

// Reads lock nothing. Writes run inside a group commit, which holds the write lock. `indexed by` makes SQLite refuse a
// statement rather than scan a table of millions; a partial index also needs its condition repeated word for word.

/**
 * Jumps from destination to destination along deliveries_due instead of scanning it. A destination is due when the first
 * of its subjects' heads is: a delivery behind an earlier one of its subject cannot be taken, however long it is due. When
 * every head is being sent, the first queued one stands in.
 */
export const DUE = query<[], { destination: string; dueAtMs: number; pausedUntilMs: number }>(
  `with recursive busy (destination) as (
     select min(destination) from deliveries indexed by deliveries_due where status = 'queued'
     union all
     select (select min(d.destination) from deliveries d indexed by deliveries_due
             where d.status = 'queued' and d.destination > busy.destination)
     from busy where busy.destination is not null)
   select busy.destination,
     coalesce(
       (select d.next_attempt_at_ms from deliveries d indexed by deliveries_due
        where d.status = 'queued' and d.destination = busy.destination
          and not exists (select 1 from deliveries e indexed by deliveries_open
            where e.destination = d.destination and e.subject = d.subject and e.status in ('queued', 'sending')
              and e.seq < d.seq)
        order by d.next_attempt_at_ms limit 1),
       (select min(d.next_attempt_at_ms) from deliveries d indexed by deliveries_due
        where d.status = 'queued' and d.destination = busy.destination)) as dueAtMs,
     coalesce((select until_ms from pauses p where p.destination = busy.destination), 0) as pausedUntilMs
   from busy where busy.destination is not null`,
);

/** Unique index on pauses (destination). */
export const PAUSED_UNTIL = query<[destination: string], { untilMs: number }>(
  "select until_ms as untilMs from pauses where destination = ?",
);

/** Two pauses at once: the longer one holds. */
export const PAUSE = query<[destination: string, untilMs: number]>(
  `insert into pauses (destination, until_ms) values (?, ?)
   on conflict (destination) do update set until_ms = max(until_ms, excluded.until_ms)`,
);

/** Index deliveries_work (status, destination): what is in flight to one destination. */
export const HELD_BY_OTHER = query<[destination: string, leaseId: string], { held: number }>(
  `select 1 as held from deliveries indexed by deliveries_work
   where status = 'sending' and status <> 'delivered' and destination = ? and lease_id is not ? limit 1`,
);

/** Walks the queued deliveries of one destination in order of arrival, from `afterSeq` on: deliveries_work ends in seq. */
export const CANDIDATES = query<
  [destination: string, afterSeq: number, nowMs: number, limit: number],
  { seq: number; subject: string }
>(
  `select seq, subject from deliveries indexed by deliveries_work
   where status = 'queued' and status <> 'delivered' and destination = ? and seq > ? and next_attempt_at_ms <= ?
   order by seq limit ?`,
);

/** Index deliveries_open (destination, subject), which ends in seq: anything unfinished between two deliveries of a subject. */
export const UNFINISHED_BETWEEN = query<
  [destination: string, subject: string, afterSeq: number, beforeSeq: number],
  { seq: number }
>(
  `select seq from deliveries indexed by deliveries_open
   where destination = ? and subject = ? and status in ('queued', 'sending') and seq > ? and seq < ? limit 1`,
);

/** Primary key. */
export const TAKE = query<[leaseId: string, nowMs: number, seq: number], DeliveryRow>(
  `update deliveries set status = 'sending', lease_id = ?, updated_at_ms = ? where seq = ? returning ${DELIVERY_COLUMNS}`,
);

/** Unique index on id. */
export const WHERE_NOW = query<[id: string], { seq: number; status: DeliveryStatus }>(
  "select seq, status from deliveries where id = ?",
);

/** Primary key. Once uncertain, always uncertain. */
export const SETTLE = query<
  [
    status: DeliveryStatus,
    attempts: number,
    nextAttemptAtMs: number,
    uncertain: number,
    reason: string | null,
    providerId: string | null,
    detail: string | null,
    updatedAtMs: number,
    seq: number,
  ]
>(
  `update deliveries set status = ?, attempts = ?, next_attempt_at_ms = ?, uncertain = max(uncertain, ?), reason = ?,
     provider_id = ?, detail = ?, updated_at_ms = ?, lease_id = null where seq = ?`,
);

/** Primary key. */
export const SET_PAYLOAD = query<[payload: string, seq: number]>("update deliveries set payload = ? where seq = ?");

/** Unique index on id. */
export const RELEASE = query<[nextAttemptAtMs: number, nowMs: number, id: string]>(
  `update deliveries set status = 'queued', lease_id = null, next_attempt_at_ms = ?, updated_at_ms = ?
   where id = ? and status = 'sending'`,
);

/** Primary key. */
export const RETIRE = query<
  [status: DeliveryStatus, reason: string | null, detail: string, nowMs: number, seq: number]
>("update deliveries set status = ?, reason = ?, detail = ?, updated_at_ms = ?, lease_id = null where seq = ?");

/** Index deliveries_work: everything in flight, which is little. */
export const RECOVER = query<[nextAttemptAtMs: number, nowMs: number, leaseId: string], { destination: string }>(
  `update deliveries indexed by deliveries_work
   set status = 'queued', lease_id = null, uncertain = 1, next_attempt_at_ms = ?, updated_at_ms = ?
   where status = 'sending' and status <> 'delivered' and lease_id = ? returning destination`,
);

/** Primary key. An expiry that has passed would end it again at once, so it is lifted. */
export const REPLAY = query<[nowMs: number, seq: number], { destination: string }>(
  `update deliveries set status = 'queued', attempts = 0, next_attempt_at_ms = ?1, updated_at_ms = ?1, lease_id = null,
     reason = null, detail = null, expires_at_ms = case when expires_at_ms > ?1 then expires_at_ms end
   where seq = ?2 returning destination`,
);

const DELIVERIES = `select ${DELIVERY_COLUMNS} from deliveries`;

/** Unique index on id. */
export const READ = query<[id: string], DeliveryRow>(`${DELIVERIES} where id = ?`);

/** Unique index on id; two rows mean that the part is not unique. */
export const FIND_BY_PART = query<[from: string, to: string, like: string], DeliveryRow>(
  `${DELIVERIES} where id >= ? and id < ? and id like ? limit 2`,
);

/** Empty text and empty list stand for "no filter". Walks the primary key backwards. */
export const LIST_NEWEST = query<[destination: string, statuses: string, limit: number, offset: number], DeliveryRow>(
  `${DELIVERIES}
   where (?1 = '' or destination = ?1) and (?2 = '[]' or status in (select value from json_each(?2)))
   order by seq desc limit ?3 offset ?4`,
);

/** Index deliveries_work: the few that are not delivered. */
export const LIST_OF_STATUS = query<[status: string, destination: string, limit: number], DeliveryRow>(
  `${DELIVERIES} indexed by deliveries_work
   where status = ?1 and status <> 'delivered' and (?2 = '' or destination = ?2) order by seq desc limit ?3`,
);

/** Index deliveries_of_flow_run. */
export const LIST_OF_RUN = query<
  [flowRunId: string, destination: string, statuses: string, limit: number, offset: number],
  DeliveryRow
>(
  `${DELIVERIES}
   where flow_run_id = ?1 and (?2 = '' or destination = ?2) and (?3 = '[]' or status in (select value from json_each(?3)))
   order by seq desc limit ?4 offset ?5`,
);

/** Unique index on deliveries (id), then attempts_of_delivery. */
export const ATTEMPTS = query<[id: string], AttemptRow>(
  `select d.id as deliveryId, a.number, a.started_at_ms as startedAtMs, a.duration_ms as durationMs, a.status, a.outcome
   from attempts a join deliveries d on d.seq = a.delivery_seq where d.id = ? order by a.key`,
);
