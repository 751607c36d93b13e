import { BellhopError, messageOf } from "../../base/errors.ts";
import type { Lease, LeaseStore } from "../../runs/lease-store.ts";
import { plain, query } from "./database.ts";
import type { Session } from "./session.ts";

// The table holds one row per living process. Writes lock the database for a group commit; lookups use the unique index
// on id.

const ACQUIRE = query<
  [id: string, pid: number, host: string, bootId: string, startedAtMs: number, heartbeatAtMs: number]
>(
  `insert into leases (id, pid, host, boot_id, started_at_ms, heartbeat_at_ms) values (?, ?, ?, ?, ?, ?)
   on conflict (id) do update set heartbeat_at_ms = excluded.heartbeat_at_ms`,
);

const BEAT = query<[heartbeatAtMs: number, id: string]>("update leases set heartbeat_at_ms = ? where id = ?");

const OTHERS = query<[id: string], Lease>(
  `select id, pid, host, boot_id as bootId, started_at_ms as startedAtMs, heartbeat_at_ms as heartbeatAtMs
   from leases where id <> ? order by key`,
);

/** The one who deletes the row is the one who cleans up. */
const REMOVE = query<[id: string]>("delete from leases where id = ?");

export function openLeaseStore({ queue, readCommitted, log }: Session): LeaseStore {
  return {
    acquire: (lease) =>
      queue.submit((db) => {
        db.run(ACQUIRE, lease.id, lease.pid, lease.host, lease.bootId, lease.startedAtMs, lease.heartbeatAtMs);
      }),

    /** @throws lease_lost when another process removed it */
    beat: (id, nowMs) =>
      queue.submit((db) => {
        if (db.run(BEAT, nowMs, id) === 0) throw new BellhopError("lease_lost", { leaseId: id });
      }),

    others: (id) => readCommitted((db) => db.all(OTHERS, id).map(plain)),

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
