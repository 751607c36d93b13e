import type { Clock } from "../../base/clock.ts";
import { BellhopError } from "../../base/errors.ts";
import type { Logger } from "../../base/logger.ts";
import type { Random } from "../../base/random.ts";
import { untilUnlocked } from "./busy.ts";
import { CommitQueue, type Work } from "./commit-queue.ts";
import { Database, query } from "./database.ts";
import type { LogFlush } from "./log-flush.ts";

/** What the ports are built from: one connection that writes in batches, one that reads what is committed. */
export interface Session {
  readonly clock: Clock;
  readonly log: Logger;
  readonly queue: CommitQueue;
  /** Reads what is durable, after everything that was written behind. @throws the store's codes */
  read<T>(fn: Work<T>): Promise<T>;
  /** As `read`, for tables nothing is written behind to; answers also while the store takes no writes. */
  readCommitted<T>(fn: Work<T>): Promise<T>;
  /** Changes whenever another connection than the writing one of this session has committed. */
  version(): number;
  /** Closes the reading connection; reads are refused from then on. */
  closeReader(): void;
}

/** Reads a number out of shared memory; locks nothing. */
const DATA_VERSION = query<[], { version: number }>("select data_version as version from pragma_data_version");

interface SessionParts {
  readonly writer: Database;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  readonly logFlush?: LogFlush | undefined;
}

export function openSession({ writer, clock, random, log, logFlush }: SessionParts): Session {
  const queue = new CommitQueue({ db: writer, clock, random, log, logFlush });
  let reader: Database | undefined;
  let closed = false;

  const readCommitted = <T>(fn: Work<T>): Promise<T> =>
    untilUnlocked(writer.path, { clock, random }, () => {
      if (closed) throw new BellhopError("store_unavailable", { path: writer.path, reason: "it was closed" });
      // Opened at the first read; a process that only writes never pays for it.
      reader ??= new Database(writer.path, { readOnly: true });
      return fn(reader);
    });

  return {
    clock,
    log,
    queue,
    readCommitted,
    read: async (fn) => {
      if (queue.appended > 0) await queue.submit(() => undefined);
      // What others have committed by now is not shown before it can no longer be lost.
      else await queue.flushed();
      return readCommitted(fn);
    },
    // Of the writing connection: its own commits do not count. Source: SQLite documentation, "PRAGMA data_version".
    version: () => writer.get(DATA_VERSION)?.version ?? 0,
    closeReader: () => {
      closed = true;
      reader?.close();
      reader = undefined;
    },
  };
}
