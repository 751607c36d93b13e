import { createHash } from "node:crypto";
import { mkdir, open, readFile, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { BellhopError, messageOf } from "../../base/errors.ts";
import { newId } from "../../base/ids.ts";
import { redact } from "../../base/redactor.ts";
import type { RecordRows, StoredRecord } from "../../results/record-rows.ts";

// A file per record: one line of JSON, then the sealed content. It is written beside its place and renamed into it, so
// that a reader sees all of it or nothing.

const LINE_END = 0x0a;
const FORMAT = 1;

/** Names are hashes: whatever a key is, its file lies in the folder, and keys that differ in case differ. */
export const fileNameOf = (key: string): string => createHash("sha256").update(key).digest("hex");

const hasCode = (error: unknown, code: string): boolean =>
  error instanceof Error && "code" in error && error.code === code;

export const isMissing = (error: unknown): boolean => hasCode(error, "ENOENT");
export const isTaken = (error: unknown): boolean => hasCode(error, "EEXIST");

/** Gives an error of the file system its code. */
export function folderError(error: unknown, path: string): BellhopError {
  if (BellhopError.is(error)) return error;
  return hasCode(error, "ENOSPC")
    ? new BellhopError("store_full", { path }, { cause: error })
    : new BellhopError("store_unavailable", { path, reason: messageOf(error) }, { cause: error });
}

function parse(key: string, bytes: Buffer): StoredRecord {
  const refuse = (reason: string, cause?: unknown): never => {
    throw new BellhopError("result_unreadable", { key: redact(key), reason }, { cause });
  };
  const end = bytes.indexOf(LINE_END);
  if (end < 0) return refuse("its file is cut off");
  let head: unknown;
  try {
    head = JSON.parse(bytes.toString("utf8", 0, end));
  } catch (error) {
    return refuse("its file is not a record", error);
  }
  // Looked at property by property.
  const { format, serializer, writtenAtMs, expiresAtMs } = (head ?? {}) as Readonly<Record<string, unknown>>;
  if (format !== FORMAT || typeof serializer !== "string" || typeof writtenAtMs !== "number")
    return refuse("its file is not a record of this version");
  if (expiresAtMs !== null && typeof expiresAtMs !== "number") return refuse("its expiration is not an instant");
  return { serializer, writtenAtMs, expiresAtMs, payload: bytes.subarray(end + 1) };
}

/** Writes a file and flushes it to the disk. */
async function writeDurably(path: string, content: Uint8Array): Promise<void> {
  const file = await open(path, "wx", 0o600);
  try {
    await file.writeFile(content);
    await file.sync();
  } finally {
    await file.close();
  }
}

/** Flushes the names in a folder; not every system can. */
async function syncFolder(folder: string): Promise<void> {
  try {
    const handle = await open(folder, "r");
    try {
      await handle.sync();
    } finally {
      await handle.close();
    }
  } catch {
    // EISDIR, EPERM, EINVAL on Windows and some network file systems: the rename is as durable as they make it.
  }
}

/** Results in a folder, which several processes may share. The folder is made at the first write. */
export function openRecordFiles(folder: string): RecordRows {
  const pathOf = (key: string): string => join(folder, `${fileNameOf(key)}.result`);
  return {
    read: async (key) => {
      try {
        return parse(key, await readFile(pathOf(key)));
      } catch (error) {
        if (isMissing(error)) return null;
        throw folderError(error, folder);
      }
    },

    write: async (key, { payload, ...head }) => {
      const line = Buffer.from(`${JSON.stringify({ format: FORMAT, ...head })}\n`, "utf8");
      const beside = join(folder, `.${newId()}.tmp`);
      try {
        await mkdir(folder, { recursive: true, mode: 0o700 });
        await writeDurably(beside, Buffer.concat([line, payload]));
        await rename(beside, pathOf(key));
        await syncFolder(folder);
      } catch (error) {
        // What went wrong first is what counts.
        await rm(beside, { force: true }).catch(() => undefined);
        throw folderError(error, folder);
      }
    },
  };
}
