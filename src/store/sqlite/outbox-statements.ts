import type { DeliveryStatus } from "../../delivery/delivery.ts";
import { query } from "./database.ts";
import { GIVEN_UP_ONLY, NARROWED, type Narrowing } from "./outbox-narrowing.ts";
import {
  type AttemptRow,
  CLAIMED_COLUMNS,
  type ClaimedTuple,
  DELIVERY_COLUMNS,
  type DeliveryRow,
} from "./outbox-rows.ts";

// Reads lock nothing. Writes run inside a group commit, which holds the write lock. `indexed by` makes SQLite refuse a
// statement rather than scan a table of millions; a partial index also needs its condition repeated word for word.
// The moves of MOVES in delivery.ts are made by the statements in capitals after their names.

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
          and not exists (select 1 from deliveries e indexed by deliveries_line
            where e.destination = d.destination and e.subject = d.subject and e.is_open = 1 and e.seq < d.seq)
        order by d.next_attempt_at_ms limit 1),
       (select min(d.next_attempt_at_ms) from deliveries d indexed by deliveries_due
        where d.status = 'queued' and d.destination = busy.destination)) as dueAtMs,
     coalesce((select until_ms from pauses p where p.destination = busy.destination), 0) as pausedUntilMs
   from busy where busy.destination is not null`,
);

/** Two pauses at once: the longer one holds. */
export const PAUSE = query<[destination: string, untilMs: number]>(
  `insert into pauses (destination, until_ms) values (?, ?)
   on conflict (destination) do update set until_ms = max(until_ms, excluded.until_ms)`,
);

/**
 * What decides how a claim is made: the end of a pause (null without one); what is in flight: null nothing, 1 when a part of
 * it is held by another lease or is a suspect, else 0; and whether more than `few` are due. Unique index on pauses, and
 * indexes of deliveries alone, of which at most `few` entries are walked to count.
 */
export const BEFORE_CLAIM = query<
  [destination: string, leaseId: string, suspectAt: number, nowMs: number, few: number],
  [pausedUntilMs: number | null, isHeld: 0 | 1 | null, isMuch: 0 | 1]
>(
  `select (select until_ms from pauses where destination = ?1),
     (select max(lease_id <> ?2 or process_ends >= ?3) from deliveries indexed by deliveries_sending
      where status = 'sending' and destination = ?1),
     exists (select 1 from deliveries indexed by deliveries_due
      where status = 'queued' and destination = ?1 and next_attempt_at_ms <= ?4 limit 1 offset ?5)`,
);

/** One seek in the index. */
export const NEXT_DUE = query<[destination: string], { dueAtMs: number | null }>(
  `select min(next_attempt_at_ms) as dueAtMs from deliveries indexed by deliveries_due
   where status = 'queued' and destination = ?`,
);

/** A delivery that may be claimed: all that is read of it, then what decides whether it is taken. */
export type Candidate = readonly [
  ...delivery: ClaimedTuple,
  priority: number,
  processEnds: number,
  /** First unfinished delivery of its subject; its own key when it is the head. */
  headSeq: number,
];

const CANDIDATE_COLUMNS = `${CLAIMED_COLUMNS}, d.priority, d.process_ends,
     (select e.seq from deliveries e indexed by deliveries_line
      where e.destination = d.destination and e.subject = d.subject and e.is_open = 1 order by e.seq limit 1)`;

/** All that are due, where they are few. In any order. */
export const CANDIDATES_OF_FEW = query<[destination: string, nowMs: number], Candidate>(
  `select ${CANDIDATE_COLUMNS}
   from deliveries d indexed by deliveries_due left join delivery_payloads p on p.seq = d.seq
   where d.status = 'queued' and d.destination = ? and d.next_attempt_at_ms <= ?`,
);

/** In order of arrival, of one severity. What is not due is skipped inside the index. */
export const CANDIDATES = query<
  [destination: string, priority: number, afterSeq: number, nowMs: number, limit: number],
  Candidate
>(
  `select ${CANDIDATE_COLUMNS}
   from deliveries d indexed by deliveries_ready left join delivery_payloads p on p.seq = d.seq
   where d.status = 'queued' and d.destination = ? and d.priority = ? and d.seq > ? and d.next_attempt_at_ms <= ?
   order by d.seq limit ?`,
);

export interface InLine {
  readonly seq: number;
  readonly status: DeliveryStatus;
  readonly nextAttemptAtMs: number;
  readonly processEnds: number;
}

/** The unfinished deliveries of one subject in order of arrival. */
export const LINE = query<[destination: string, subject: string, limit: number], InLine>(
  `select seq, status, next_attempt_at_ms as nextAttemptAtMs, process_ends as processEnds
   from deliveries indexed by deliveries_line
   where destination = ? and subject = ? and is_open = 1 order by seq limit ?`,
);

const DELIVERIES = `select ${DELIVERY_COLUMNS} from deliveries`;

const TAKE =
  "update deliveries not indexed set status = 'sending', lease_id = ?, updated_at_ms = ?, begun_at_ms = null";

/** Primary key. */
export const CLAIM = query<[leaseId: string, nowMs: number, seqs: string]>(
  `${TAKE} where seq in (select value from json_each(?)) and status = 'queued'`,
);

/** Primary key. */
export const CLAIM_ONE = query<[leaseId: string, nowMs: number, seq: number]>(
  `${TAKE} where seq = ? and status = 'queued'`,
);

/** Primary key. In any order. */
export const TO_CLAIM = query<[seqs: string], ClaimedTuple>(
  `select ${CLAIMED_COLUMNS} from deliveries d left join delivery_payloads p on p.seq = d.seq
   where d.seq in (select value from json_each(?)) and d.status = 'queued'`,
);

/** Unique index on id. Once for each claim: a process that claimed it twice has two attempts ready, and one may leave. */
export const BEGIN = query<[nowMs: number, id: string, leaseId: string]>(
  `update deliveries set begun_at_ms = ?
   where id = ? and status = 'sending' and lease_id = ? and begun_at_ms is null`,
);

/** The unique index on id alone. */
export const SEQ_OF = query<[id: string], { seq: number }>("select seq from deliveries where id = ?");

/** Unique index on id. */
export const WHERE_NOW = query<[id: string], { status: DeliveryStatus }>("select status from deliveries where id = ?");

export interface Line {
  readonly seq: number;
  readonly destination: string;
  readonly subject: string;
  readonly coalesces: 0 | 1;
}

/**
 * Primary key. Once uncertain, always uncertain. The number of attempts must be as when it was claimed: whoever
 * lost it and took it again has two attempts out, of which only the later one may speak for it.
 */
export const SETTLE = query<
  [
    status: DeliveryStatus,
    isOpen: number,
    attempts: number,
    nextAttemptAtMs: number,
    uncertain: number,
    reason: string | null,
    providerId: string | null,
    detail: string | null,
    updatedAtMs: number,
    seq: number,
    leaseId: string,
  ]
>(
  `update deliveries set status = ?1, is_open = ?2, attempts = ?3, next_attempt_at_ms = ?4, uncertain = max(uncertain, ?5),
     reason = ?6, provider_id = ?7, detail = ?8, updated_at_ms = ?9, lease_id = null, process_ends = 0
   where seq = ?10 and status = 'sending' and lease_id = ?11 and attempts = ?3 - 1`,
);

/** Primary key. Asked where it matters: `returning` it from every settlement would cost half as much again. */
export const LINE_OF = query<[seq: number], Line>(
  "select seq, destination, subject, coalesces from deliveries where seq = ?",
);

/** Unique index on id. */
export const RELEASE = query<[nextAttemptAtMs: number, nowMs: number, ids: string, leaseId: string], Line>(
  `update deliveries set status = 'queued', lease_id = null, next_attempt_at_ms = ?, updated_at_ms = ?
   where id in (select value from json_each(?)) and status = 'sending' and lease_id = ?
   returning seq, destination, subject, coalesces`,
);

export interface EndedRow {
  readonly id: string;
  readonly destination: string;
  readonly subject: string;
  readonly severity: "info" | "success" | "warning" | "error" | "critical";
  readonly flowRunId: string | null;
  readonly taskRunId: string | null;
  readonly attempts: number;
}

const ENDED_COLUMNS = `id, destination, subject, severity, flow_run_id as flowRunId, task_run_id as taskRunId, attempts`;

/** Unique index on id. */
export const RETIRE = query<
  [status: DeliveryStatus, reason: string | null, detail: string, nowMs: number, ids: string, leaseId: string | null],
  EndedRow
>(
  `update deliveries set status = ?, is_open = 0, reason = ?, detail = ?, updated_at_ms = ?, lease_id = null
   where id in (select value from json_each(?)) and (status = 'queued' or status = 'sending' and lease_id = ?)
   returning ${ENDED_COLUMNS}`,
);

/** Unique index on id. */
export const CANCEL = query<[detail: string, nowMs: number, ids: string]>(
  `update deliveries set status = 'suppressed', is_open = 0, reason = 'cancelled-by-person', detail = ?, updated_at_ms = ?
   where id in (select value from json_each(?)) and status = 'queued'`,
);

export interface HeldRow extends EndedRow, Line {
  readonly processEnds: number;
  /** When it was claimed. */
  readonly updatedAtMs: number;
  readonly begunAtMs: number | null;
}

/** Walks what is in flight, which is little. */
export const HELD_BY = query<[leaseId: string], HeldRow>(
  `select seq, coalesces, process_ends as processEnds, updated_at_ms as updatedAtMs,
     begun_at_ms as begunAtMs, ${ENDED_COLUMNS}
   from deliveries indexed by deliveries_sending where status = 'sending' and lease_id = ? order by seq`,
);

/** Primary key. */
export const RECOVER = query<
  [
    status: DeliveryStatus,
    isOpen: number,
    nextAttemptAtMs: number,
    reason: string,
    detail: string,
    nowMs: number,
    seq: number,
  ]
>(
  `update deliveries set status = ?, is_open = ?, next_attempt_at_ms = ?, reason = ?, detail = ?, updated_at_ms = ?,
     attempts = attempts + 1, process_ends = process_ends + 1, uncertain = 1, lease_id = null
   where seq = ? and status = 'sending'`,
);

/** Primary key. What was not sent is as it was before it was claimed. */
export const RECOVER_UNSENT = query<[nextAttemptAtMs: number, nowMs: number, seq: number]>(
  `update deliveries set status = 'queued', next_attempt_at_ms = ?, updated_at_ms = ?, lease_id = null
   where seq = ? and status = 'sending'`,
);

/** The newest queued delivery of a subject that tells of progress. */
export const NEWEST_COALESCING = query<
  [destination: string, subject: string],
  { seq: number; id: string; stateId: string | null }
>(
  `select seq, id, state_id as stateId from deliveries indexed by deliveries_line
   where destination = ? and subject = ? and is_open = 1 and status = 'queued' and coalesces = 1
   order by seq desc limit 1`,
);

/** What tells of the same state in other words is not older, and stays. */
export const OVERTAKE = query<
  [newerId: string, nowMs: number, destination: string, subject: string, beforeSeq: number, stateId: string | null]
>(
  `update deliveries indexed by deliveries_line
   set status = 'suppressed', is_open = 0, reason = 'overtaken', detail = ?, updated_at_ms = ?
   where destination = ? and subject = ? and is_open = 1 and status = 'queued' and coalesces = 1 and seq < ?
     and (state_id is null or state_id is not ?)`,
);

/** Primary key. An expiry that has passed would end it again at once, so it is lifted. */
export const REPLAY = query<[nowMs: number, seqs: string], { destination: string }>(
  `update deliveries not indexed set status = 'queued', is_open = 1, attempts = 0, process_ends = 0, next_attempt_at_ms = ?1,
     updated_at_ms = ?1, lease_id = null, reason = null, detail = null,
     expires_at_ms = case when expires_at_ms > ?1 then expires_at_ms end
   where seq in (select value from json_each(?2)) and status in ('dead', 'suppressed') returning destination`,
);

/** Unique index on id. */
export const SEQS_OF_IDS = query<[ids: string], { seq: number }>(
  "select seq from deliveries where id in (select value from json_each(?)) order by seq",
);

export const GIVEN_UP = query<[...Narrowing, status: string], { seq: number }>(
  `select seq from deliveries indexed by deliveries_given_up
   where status = ?6 and ${GIVEN_UP_ONLY} and ${NARROWED} order by seq`,
);

/** Unique index on id. */
export const READ = query<[id: string], DeliveryRow>(`${DELIVERIES} where id = ?`);

/** Unique index on dedup_key. */
export const READ_BY_KEY = query<[dedupKey: string], DeliveryRow>(`${DELIVERIES} where dedup_key = ?`);

/** Unique index on id; two rows mean that the part is not unique. */
export const FIND_BY_PART = query<[from: string, to: string, like: string], DeliveryRow>(
  `${DELIVERIES} where id >= ? and id < ? and id like ? limit 2`,
);

/** An empty list of statuses stands for all. Walks the primary key backwards. */
export const LIST_NEWEST = query<[...Narrowing, statuses: string, limit: number, offset: number], DeliveryRow>(
  `${DELIVERIES} where ${NARROWED} and (?6 = '[]' or status in (select value from json_each(?6)))
   order by seq desc limit ?7 offset ?8`,
);

type ListOfStatus = [...Narrowing, limit: number];

/** The few that are not delivered, each status by its index. */
export const LIST_QUEUED = query<ListOfStatus, DeliveryRow>(
  `${DELIVERIES} indexed by deliveries_due where status = 'queued' and ${NARROWED} order by seq desc limit ?6`,
);
export const LIST_SENDING = query<ListOfStatus, DeliveryRow>(
  `${DELIVERIES} indexed by deliveries_sending where status = 'sending' and ${NARROWED} order by seq desc limit ?6`,
);
export const LIST_DEAD = query<ListOfStatus, DeliveryRow>(
  `${DELIVERIES} indexed by deliveries_given_up where status = 'dead' and ${GIVEN_UP_ONLY} and ${NARROWED} order by seq desc limit ?6`,
);
export const LIST_SUPPRESSED = query<ListOfStatus, DeliveryRow>(
  `${DELIVERIES} indexed by deliveries_given_up where status = 'suppressed' and ${GIVEN_UP_ONLY} and ${NARROWED} order by seq desc limit ?6`,
);

/** Index deliveries_of_flow_run. */
export const LIST_OF_RUN = query<[...Narrowing, statuses: string, limit: number, offset: number], DeliveryRow>(
  `${DELIVERIES}
   where flow_run_id = ?2 and ${NARROWED} and (?6 = '[]' or status in (select value from json_each(?6)))
   order by seq desc limit ?7 offset ?8`,
);

/** Unique index on deliveries (id), then attempts_of_delivery. */
export const ATTEMPTS = query<[id: string], AttemptRow>(
  `select d.id as deliveryId, a.number, a.started_at_ms as startedAtMs, a.duration_ms as durationMs, a.status, a.outcome
   from attempts a join deliveries d on d.seq = a.delivery_seq where d.id = ? order by a.key`,
);
