import type { Clock } from "../../base/clock.ts";
import type { Logger } from "../../base/logger.ts";
import type { Random } from "../../base/random.ts";
import type { BlockStore } from "../../block/block-store.ts";
import type { InboxStore } from "../../channel/inbox-store.ts";
import type { OutboxStore } from "../../delivery/outbox-store.ts";
import { PayloadKeys } from "../../delivery/payload-keys.ts";
import type { Vault } from "../../block/vault.ts";
import type { EventStore } from "../../events/event-store.ts";
import type { RecordPlace } from "../../results/record-rows.ts";
import { openSharedLocks } from "../../results/shared-locks.ts";
import type { LeaseStore } from "../../runs/lease-store.ts";
import type { RunLogStore } from "../../runs/run-log.ts";
import type { RunStore } from "../../runs/run-store.ts";
import type { StoreHealth } from "../store-health.ts";
import { openBlockStore } from "./block-store.ts";
import { connect, type Durability } from "./connect.ts";
import type { Database } from "./database.ts";
import { openEnqueued } from "./enqueued.ts";
import { openEventStore } from "./event-store.ts";
import { type HealthOptions, readHealth } from "./health.ts";
import { openInboxStore } from "./inbox-store.ts";
import { openLeaseStore } from "./lease-store.ts";
import { openLockRows } from "./lock-store.ts";
import { LogFlush } from "./log-flush.ts";
import { openLogStore } from "./log-store.ts";
import { openPayloadKeyRows, sealPayloadsOf } from "./outbox-payloads.ts";
import { openOutboxStore } from "./outbox-store.ts";
import { openResultRows } from "./result-store.ts";
import { openRunStore } from "./run-store.ts";
import { openSession, type Session } from "./session.ts";

export interface SqliteStoreOptions {
  /** The database file; its folder is made when it is missing. */
  readonly path: string;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  /**
   * What a commit survives; see {@link Durability}. Default `full`. On the disk of a small virtual machine, a caller who
   * waits for each commit pays 0.2 to 0.5 ms with `full` and 0.1 ms with `normal`; group commit shares that among all.
   */
  readonly durability?: Durability;
  /** The file does not grow beyond so many pages; then it is full. Default: as the disk allows. */
  readonly maxPages?: number | undefined;
  /** The log is moved into the database when it has so many pages. Default 4,000, which is 16 MB. */
  readonly checkpointPages?: number | undefined;
  /**
   * Gives the keys that messages are sealed with while they wait here. Asked when the first message can come, not before.
   * Absent: messages are stored as they are.
   */
  readonly vault?: () => Pick<Vault, "active" | "open">;
}

/** All ports on one SQLite file, which several processes may open at once. Disposing writes what is queued, then closes. */
export interface SqliteStore extends AsyncDisposable {
  readonly runs: RunStore;
  readonly outbox: OutboxStore;
  readonly events: EventStore;
  readonly blocks: BlockStore;
  readonly leases: LeaseStore;
  readonly inbox: InboxStore;
  readonly results: RecordPlace;
  readonly logs: RunLogStore;
  health(options?: HealthOptions): Promise<StoreHealth>;
  /** As disposing, before it returns; blocks up to 2 s for a lock. Only for a process that is exiting. */
  closeSync(): void;
}

function closing(
  { queue, closeReader }: Session,
  writer: Database,
  logFlush: LogFlush | undefined,
): { close: () => Promise<void>; closeSync: () => void } {
  const release = (): void => {
    queue.close();
    closeReader();
    logFlush?.close();
    // The last connection to close moves the log into the file.
    writer.close();
  };
  return {
    close: async () => {
      if (!writer.isOpen) return;
      try {
        await queue.flush();
      } finally {
        release();
      }
    },
    closeSync: () => {
      if (!writer.isOpen) return;
      try {
        if (queue.size > 0) queue.writeSync(() => undefined);
        else logFlush?.flushNow();
      } finally {
        release();
      }
    },
  };
}

function openPayloadKeys(session: Session, writer: Database, { vault }: SqliteStoreOptions): PayloadKeys | undefined {
  if (vault === undefined) return undefined;
  const { clock, log } = session;
  const keys = new PayloadKeys({ vault, rows: openPayloadKeyRows(session), clock, log });
  sealPayloadsOf(writer, keys);
  return keys;
}

/** From now on SQLite flushes at checkpoints only, and this flushes what is acknowledged. */
function flushOf(writer: Database, clock: Clock): LogFlush {
  writer.exec("pragma synchronous = normal");
  return new LogFlush({ path: writer.logPath, clock, checkpoint: () => writer.checkpoint() });
}

/**
 * Opens the embedded store, and makes it or brings its schema up to date where that is needed.
 *
 * @throws store_unavailable, store_corrupt, store_newer, store_full, store_busy
 */
export async function openSqliteStore(options: SqliteStoreOptions): Promise<SqliteStore> {
  const { path, clock, random, log, durability = "full", maxPages, checkpointPages } = options;
  const writer = await connect(path, { durability, maxPages, checkpointPages }, { clock, random });
  const logFlush = durability === "full" ? flushOf(writer, clock) : undefined;
  const session = openSession({ writer, clock, random, log, logFlush });
  const enqueued = openEnqueued();
  const keys = openPayloadKeys(session, writer, options);
  const { close, closeSync } = closing(session, writer, logFlush);
  return {
    runs: openRunStore(session, enqueued, keys),
    outbox: openOutboxStore(session, enqueued, keys),
    events: openEventStore(session),
    blocks: openBlockStore(session),
    leases: openLeaseStore(session),
    inbox: openInboxStore(session),
    results: { rows: openResultRows(session), locks: openSharedLocks({ rows: openLockRows(session), clock, log }) },
    logs: openLogStore(session),
    health: (healthOptions) => readHealth(session, durability, healthOptions),
    closeSync,
    [Symbol.asyncDispose]: close,
  };
}
