import { chmodSync, closeSync, openSync, statSync } from "node:fs";
import { dirname } from "node:path";
import { BellhopError, messageOf } from "../../base/errors.ts";
import { makeFolder } from "../../base/make-folder.ts";
import { SCHEMA_VERSION } from "../schema-version.ts";
import { type Waiting, untilUnlocked } from "./busy.ts";
import { Database } from "./database.ts";
import { APPLICATION_ID, readVersion } from "./file-version.ts";
import { storeError } from "./sqlite-error.ts";

/**
 * The log is moved into the database when it has so many pages, 16 MB. A page that changes often is then moved once instead
 * of four times, and the process stops four times less often for it, beside SQLite's default of 1,000. The index of the log
 * has a first table of 4,062 pages. Source: SQLite documentation, "WAL-mode File Format".
 */
const CHECKPOINT_PAGES = 4_000;

/** The log is cut to this size after a large burst, bytes. */
const KEEP_LOG_BYTES = 67_108_864;

/**
 * What a commit is worth.
 * - `full`: the log is flushed to the disk before a commit is acknowledged. A commit that was acknowledged survives the death of the
 *   process, of the machine, and the loss of power, as far as the disk itself keeps what it says it has flushed.
 * - `normal`: the log is flushed at checkpoints only. Acknowledged commits survive the death of the process. When the
 *   machine dies or loses power, the newest commits of up to some seconds may be gone; the database is whole, and no
 *   commit is there without those before it.
 */
export type Durability = "full" | "normal";

const unavailable = (path: string, reason: string, cause?: unknown): BellhopError =>
  new BellhopError("store_unavailable", { path, reason }, { cause });

/** The folder private to the user when we make it, the file private always. Windows keeps its own access lists. */
function prepareFile(path: string): void {
  const existing = statSync(path, { throwIfNoEntry: false });
  if (existing?.isDirectory() === true) throw unavailable(path, "it is a folder");
  if (existing === undefined) {
    // SQLite flushes the names in this folder, but not the folder's own.
    makeFolder(dirname(path));
    // SQLite gives the log and its index the permissions of this file.
    closeSync(openSync(path, "a", 0o600));
  } else if (process.platform !== "win32" && (existing.mode & 0o077) !== 0) tighten(path);
}

function tighten(path: string): void {
  try {
    chmodSync(path, 0o600);
  } catch {
    // EPERM, ENOTSUP: file systems without permissions (FAT, network shares) show every file as open to all.
  }
}

function openFile(path: string): Database {
  try {
    prepareFile(path);
  } catch (error) {
    // The folder cannot be made or written: EACCES, EROFS, ENOTDIR, ENOSPC, EPERM.
    throw isNoSpace(error) ? new BellhopError("store_full", { path }, { cause: error }) : unavailableFile(path, error);
  }
  try {
    return new Database(path);
  } catch (error) {
    throw storeError(error, path);
  }
}

const isNoSpace = (error: unknown): boolean => error instanceof Error && "code" in error && error.code === "ENOSPC";

const unavailableFile = (path: string, error: unknown): BellhopError =>
  BellhopError.is(error) ? error : unavailable(path, messageOf(error), error);

/** @throws store_newer, store_unavailable */
function checkOwner(db: Database): boolean {
  const { version, applicationId, tables } = readVersion(db);
  const isNew = version === 0 && applicationId === 0 && tables === 0;
  if (!isNew && applicationId !== APPLICATION_ID) throw unavailable(db.path, "it is the database of another program");
  if (version > SCHEMA_VERSION)
    throw new BellhopError("store_newer", { path: db.path, found: version, known: SCHEMA_VERSION });
  return version === SCHEMA_VERSION;
}

interface ConnectOptions {
  readonly durability: Durability;
  readonly maxPages?: number | undefined;
  readonly checkpointPages?: number | undefined;
}

/**
 * Opens the writing connection and brings the schema up to date; loads the migrations only when one is missing.
 *
 * @throws store_unavailable, store_corrupt, store_full, store_newer, store_busy
 */
export async function connect(
  path: string,
  { durability, maxPages, checkpointPages = CHECKPOINT_PAGES }: ConnectOptions,
  waiting: Waiting,
): Promise<Database> {
  const db = openFile(path);
  try {
    const upToDate = await untilUnlocked(path, waiting, () => {
      db.exec(`pragma synchronous = ${durability}; pragma journal_size_limit = ${KEEP_LOG_BYTES};
        pragma wal_autocheckpoint = ${checkpointPages}`);
      // Belongs to the connection, and goes with it.
      if (maxPages !== undefined) db.exec(`pragma max_page_count = ${Math.round(maxPages)}`);
      return checkOwner(db);
    });
    if (!upToDate) await (await import("./migrate.ts")).migrate(db, waiting);
    return db;
  } catch (error) {
    db.close();
    throw storeError(error, path);
  }
}
