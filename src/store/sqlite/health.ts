import { statSync } from "node:fs";
import type { StoreHealth } from "../store-health.ts";
import type { Durability } from "./connect.ts";
import { type Database, query } from "./database.ts";
import { readVersion } from "./file-version.ts";
import type { Session } from "./session.ts";
import { storeError } from "./sqlite-error.ts";

const READ_ENGINE = query<[], { engine: string; journalMode: string }>(
  "select sqlite_version() as engine, journal_mode as journalMode from pragma_journal_mode",
);

/** Reads every page, and blocks the process as long as that takes. */
const CHECK = query<[], { problem: string }>("select integrity_check as problem from pragma_integrity_check");
const CHECK_LINKS = query<[], { problem: string }>(
  `select 'row ' || rowid || ' of "' || "table" || '" refers to a missing row of "' || parent || '"' as problem
   from pragma_foreign_key_check limit 20`,
);

const bytesOf = (path: string): number => statSync(path, { throwIfNoEntry: false })?.size ?? 0;

/** A file damaged beyond reading is a finding here, not an error. */
function findProblems(db: Database): string[] {
  try {
    const found = [...db.all(CHECK), ...db.all(CHECK_LINKS)];
    return found.map((row) => row.problem).filter((problem) => problem !== "ok");
  } catch (error) {
    const coded = storeError(error, db.path);
    if (coded.code !== "store_corrupt") throw error;
    return [coded.message];
  }
}

export interface HealthOptions {
  /** Also check every page and link. Default false: it reads the whole file. */
  readonly integrity?: boolean;
}

export function readHealth(
  session: Session,
  durability: Durability,
  options: HealthOptions = {},
): Promise<StoreHealth> {
  const { queue, readCommitted } = session;
  return readCommitted((db) => {
    const { engine, journalMode } = db.get(READ_ENGINE) ?? { engine: "unknown", journalMode: "unknown" };
    return {
      path: db.path,
      engine,
      schemaVersion: readVersion(db).version,
      journalMode,
      durability,
      fileBytes: bytesOf(db.path),
      logBytes: bytesOf(`${db.path}-wal`),
      queuedWrites: queue.size,
      lastFailure: queue.lastFailure?.code ?? null,
      problems: options.integrity === true ? findProblems(db) : null,
    };
  });
}
