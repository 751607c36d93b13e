import { BellhopError, messageOf } from "../../base/errors.ts";
import type { Lease, LeaseStore } from "../../runs/lease-store.ts";
import { query } from "./database.ts";
import type { Session } from "./session.ts";

// The table holds one row per living process. Writes lock the database for a group commit; lookups use the unique index
// on id.

const ACQUIRE = query<
  [
    id: string,
    pid: number,
    host: string,
    bootId: string,
    startTicks: number | null,
    startedAtMs: number,
    heartbeatAtMs: number,
  ]
>(
  `insert into leases (id, pid, host, boot_id, start_ticks, started_at_ms, heartbeat_at_ms) values (?, ?, ?, ?, ?, ?, ?)
   on conflict (id) do update set heartbeat_at_ms = excluded.heartbeat_at_ms`,
);

const BEAT = query<[heartbeatAtMs: number, id: string]>("update leases set heartbeat_at_ms = ? where id = ?");

type LeaseRow = Omit<Lease, "startTicks"> & { readonly startTicks: number | null };

const OTHERS = query<[id: string], LeaseRow>(
  `select id, pid, host, boot_id as bootId, start_ticks as startTicks, started_at_ms as startedAtMs,
     heartbeat_at_ms as heartbeatAtMs
   from leases where id <> ? order by key`,
);

/** The one who deletes the row is the one who cleans up. */
const REMOVE = query<[id: string]>("delete from leases where id = ?");

const toLease = ({ startTicks, ...row }: LeaseRow): Lease => (startTicks === null ? row : { ...row, startTicks });

export function openLeaseStore({ queue, readCommitted, log }: Session): LeaseStore {
  return {
    acquire: (lease) =>
      queue.submit((db) => {
        const { id, pid, host, bootId, startTicks = null, startedAtMs, heartbeatAtMs } = lease;
        db.run(ACQUIRE, id, pid, host, bootId, startTicks, startedAtMs, heartbeatAtMs);
      }),

    /** @throws lease_lost when another process removed it */
    beat: (id, nowMs) =>
      queue.submit((db) => {
        if (db.run(BEAT, nowMs, id) === 0) throw new BellhopError("lease_lost", { leaseId: id });
      }),

    others: (id) => readCommitted((db) => db.all(OTHERS, id).map(toLease)),

    remove: (id) => queue.submit((db) => db.run(REMOVE, id) > 0),

    removeSync: (id) => {
      try {
        queue.writeSync((db) => void db.run(REMOVE, id));
      } catch (error) {
        // An exiting process has nobody to tell, and a lease that stays is swept by the next process.
        log.warn("the lease could not be given back", { leaseId: id, error: messageOf(error) });
      }
    },
  };
}
