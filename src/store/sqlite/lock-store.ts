import type { LockRows } from "../../results/shared-locks.ts";
import { query } from "./database.ts";
import type { Session } from "./session.ts";

// One row per held lock, found by the unique index on name.

const TAKE = query<[name: string, holder: string, nowMs: number, untilMs: number]>(
  `insert into locks (name, holder, acquired_at_ms, expires_at_ms) values (?, ?, ?, ?)
   on conflict (name) do update set holder = excluded.holder, acquired_at_ms = excluded.acquired_at_ms,
     expires_at_ms = excluded.expires_at_ms
   where locks.holder = excluded.holder or locks.expires_at_ms <= excluded.acquired_at_ms`,
);

const RENEW = query<[untilMs: number, name: string, holder: string]>(
  "update locks set expires_at_ms = ? where name = ? and holder = ?",
);

const RELEASE = query<[name: string, holder: string]>("delete from locks where name = ? and holder = ?");

export const LOCK_HOLDER = query<[name: string, nowMs: number], { readonly holder: string }>(
  "select holder from locks where name = ? and expires_at_ms > ?",
);

/** Locks in the embedded store. Every step takes the write lock of the database, so that only one process takes it. */
export function openLockRows({ queue, readCommitted }: Session): LockRows {
  return {
    take: (name, holder, nowMs, untilMs) => queue.submit((db) => db.run(TAKE, name, holder, nowMs, untilMs) > 0),
    renew: (name, holder, untilMs) => queue.submit((db) => db.run(RENEW, untilMs, name, holder) > 0),
    release: (name, holder) => queue.submit((db) => void db.run(RELEASE, name, holder)),
    holder: async (name, nowMs) => (await readCommitted((db) => db.get(LOCK_HOLDER, name, nowMs)))?.holder ?? null,
  };
}
