import type { OutboxStore, Pause, Standing } from "../../delivery/outbox-store.ts";
import { query, toJson } from "./database.ts";
import { GIVEN_UP_ONLY, NARROWED, type Narrowing, narrowing } from "./outbox-narrowing.ts";
import type { Session } from "./session.ts";

// What a person's commands look at before and after they move many deliveries. None of it opens a payload.

type StandingRow = Omit<Standing, "uncertain"> & { readonly uncertain: 0 | 1 };

/** Unique index on id, and the line of the subject for each that is queued. */
export const STANDING = query<[ids: string], StandingRow>(
  `select d.id, d.destination, d.status, d.reason, d.uncertain, d.next_attempt_at_ms as nextAttemptAtMs,
     case when d.status = 'queued' then
       (select e.id from deliveries e indexed by deliveries_line
        where e.destination = d.destination and e.subject = d.subject and e.is_open = 1 and e.seq < d.seq
        order by e.seq limit 1) end as behindId
   from deliveries d where d.id in (select value from json_each(?))`,
);

interface Found {
  readonly seq: number;
  readonly id: string;
}

// Each status by its index.
export const IDS_QUEUED = query<Narrowing, Found>(
  `select seq, id from deliveries indexed by deliveries_due where status = 'queued' and ${NARROWED} order by seq`,
);
export const IDS_SENDING = query<Narrowing, Found>(
  `select seq, id from deliveries indexed by deliveries_sending where status = 'sending' and ${NARROWED} order by seq`,
);
export const IDS_GIVEN_UP = query<[...Narrowing, status: string], Found>(
  `select seq, id from deliveries indexed by deliveries_given_up
   where status = ?6 and ${GIVEN_UP_ONLY} and ${NARROWED} order by seq`,
);

/** One row per destination that was ever paused. */
export const LIST_PAUSES = query<[nowMs: number], Pause>(
  "select destination, until_ms as untilMs from pauses where until_ms > ? order by destination",
);

/** Ids that are looked up in one statement. */
const CHUNK = 2_000;

/** The part of the outbox that only looks. */
export function looks({ read, clock }: Session) {
  return {
    ids: async ({ status, ...selection }) => {
      const narrowed = narrowing(selection);
      const found = await read((db) =>
        [...new Set(status)].flatMap((one) => {
          if (one === "queued") return db.all(IDS_QUEUED, ...narrowed);
          return one === "sending" ? db.all(IDS_SENDING, ...narrowed) : db.all(IDS_GIVEN_UP, ...narrowed, one);
        }),
      );
      return found.toSorted((a, b) => a.seq - b.seq).map(({ id }) => id);
    },
    standing: async (ids) => {
      const found: Standing[] = [];
      for (let from = 0; from < ids.length; from += CHUNK) {
        const chunk = toJson(ids.slice(from, from + CHUNK));
        const rows = await read((db) => db.all(STANDING, chunk));
        for (const row of rows) found.push({ ...row, uncertain: row.uncertain === 1 });
      }
      return found;
    },
    pauses: () => read((db) => db.all(LIST_PAUSES, clock.now()).map((row) => ({ ...row }))),
  } satisfies Partial<OutboxStore>;
}
