import { statfsSync } from "node:fs";
import { dirname } from "node:path";
import { BellhopError, messageOf } from "../../base/errors.ts";

/** Primary result codes. Source: SQLite documentation, "Result and Error Codes". */
const SQLITE = {
  error: 1,
  busy: 5,
  locked: 6,
  io: 10,
  corrupt: 11,
  full: 13,
  cannotOpen: 14,
  protocol: 15,
  tooBig: 18,
  constraint: 19,
  mismatch: 20,
  range: 25,
  notADatabase: 26,
} as const;

/** A disk with less free space than this is what an I/O error of SQLite then means. One page of shared memory. */
const NO_SPACE_BYTES = 32_768;

/** SQLite answers with an I/O error (SQLITE_IOERR_SHMSIZE), not with SQLITE_FULL, when the index of its log cannot grow. */
function diskIsFull(path: string): boolean {
  try {
    const { bavail, bsize } = statfsSync(dirname(path));
    return bavail * bsize < NO_SPACE_BYTES;
  } catch {
    // Not every file system tells (ENOSYS), and the folder itself may be gone (ENOENT): then it is not known to be full.
    return false;
  }
}

/** The primary result code, or undefined when the error is not SQLite's. */
function primaryCode(error: unknown): number | undefined {
  if (!(error instanceof Error) || !("errcode" in error) || typeof error.errcode !== "number") return undefined;
  return error.errcode & 0xff;
}

/** Codes that say "this statement", not "this database". */
const ONE_STATEMENT: ReadonlySet<number> = new Set([
  SQLITE.error,
  SQLITE.tooBig,
  SQLITE.constraint,
  SQLITE.mismatch,
  SQLITE.range,
]);

/** True when nothing can be written now; false when only the one statement was refused. */
export function stopsStore(error: unknown): boolean {
  const code = primaryCode(error);
  return code !== undefined && !ONE_STATEMENT.has(code);
}

/** True when the lock is held by someone else, so that waiting helps. */
export function isBusy(error: unknown): boolean {
  const code = primaryCode(error);
  return code === SQLITE.busy || code === SQLITE.locked || code === SQLITE.protocol;
}

/** From the flush of the log, where a file system gives out space late. */
const saysNoSpace = (error: unknown): boolean =>
  error instanceof Error && "code" in error && (error.code === "ENOSPC" || error.code === "EDQUOT");

/** Gives an error of `node:sqlite` its code. Errors that have one pass through. */
export function storeError(error: unknown, path: string): BellhopError {
  if (BellhopError.is(error)) return error;
  const reason = messageOf(error);
  const options = { cause: error };
  const code = primaryCode(error);
  if (isBusy(error)) return new BellhopError("store_busy", { path, waitedMs: 0 }, options);
  if (code === SQLITE.full || saysNoSpace(error)) return new BellhopError("store_full", { path }, options);
  if (code === SQLITE.corrupt || code === SQLITE.notADatabase)
    return new BellhopError("store_corrupt", { path, reason }, options);
  // Names of tables and columns only, never values.
  if (code === SQLITE.constraint) return new BellhopError("store_conflict", { rule: reason }, options);
  if ((code === SQLITE.io || code === SQLITE.cannotOpen) && diskIsFull(path))
    return new BellhopError("store_full", { path }, options);
  return new BellhopError("store_unavailable", { path, reason }, options);
}
