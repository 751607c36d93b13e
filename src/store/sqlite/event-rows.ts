import type { HubEvent, StoredEvent } from "../../events/event.ts";
import { type Database, query, toJson } from "./database.ts";

type EventParams = [id: string, occurredMicros: number, event: string, resource: string, payload: string];

/** The unique index on id makes a second event with it a no-op. Part of a group commit. */
export const INSERT_EVENT = query<EventParams>(
  `insert into events (id, occurred_micros, event, resource, payload, after_state_seq)
   values (?, ?, ?, ?, ?, coalesce((select max(seq) from states), 0)) on conflict (id) do nothing`,
);

export interface EventRow {
  readonly seq: number;
  readonly id: string;
  readonly occurredMicros: number;
  readonly event: StoredEvent["event"];
  readonly resource: string;
  readonly payload: string;
}

/** Along the primary key. An empty list of names stands for all. */
export const READ_EVENTS = query<[afterSeq: number, names: string, limit: number], EventRow>(
  `select seq, id, occurred_micros as occurredMicros, event, resource, payload from events
   where seq > ?1 and (?2 = '[]' or event in (select value from json_each(?2))) order by seq limit ?3`,
);

/** Primary key. */
export const LAST_EVENT = query<[], { seq: number }>("select coalesce(max(seq), 0) as seq from events");

/** Copies an event and returns what stores it. @throws store_value_invalid */
export function prepareEvent({ id, occurredMicros, event, resource, payload }: HubEvent): (db: Database) => void {
  const params: EventParams = [id, occurredMicros, event, toJson(resource), toJson(payload)];
  return (db) => void db.run(INSERT_EVENT, ...params);
}

export const toEvent = ({ resource, payload, ...row }: EventRow): StoredEvent => ({
  ...row,
  // Both were written by toJson() from values of these types.
  resource: JSON.parse(resource) as StoredEvent["resource"],
  payload: JSON.parse(payload) as StoredEvent["payload"],
});
