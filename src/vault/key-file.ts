import { lstatSync, readFileSync, statSync } from "node:fs";
import { dirname } from "node:path";
import { newId } from "../base/ids.ts";
import type { Logger } from "../base/logger.ts";
import { BellhopError } from "../base/errors.ts";
import { makeFolder, syncFolder } from "../base/make-folder.ts";
import { InvalidEncryptionKeyError } from "../block/errors.ts";

export interface KeyFileOptions {
  /** Accept a file that others can read, with a warning. */
  readonly allowInsecure: boolean;
  readonly log: Logger;
}

const codeOf = (error: unknown): string | undefined =>
  error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : undefined;

/** For writing only, which happens once in the life of a store: every process reads the key, and loading this takes 2 ms. */
const files = () => import("node:fs/promises");

/**
 * Content of the file; null when there is none. A link that leads nowhere, to a volume that is not mounted for instance,
 * is not the same as none: a new key would be made in place of the one that is away.
 *
 * @throws encryption_key_invalid when others can read it, or nobody can
 */
export async function readKeyFile(path: string, { allowInsecure, log }: KeyFileOptions): Promise<string | null> {
  try {
    const { mode } = statSync(path);
    // Windows has no such bits; the folder's access list protects the file there.
    if (process.platform !== "win32" && (mode & 0o077) !== 0) {
      const problem = `others can read it (mode ${(mode & 0o777).toString(8)}); run chmod 600 on it`;
      if (!allowInsecure) throw new InvalidEncryptionKeyError({ source: path, problem });
      log.warn("the encryption key file can be read by others", { path });
    }
    return readFileSync(path, "utf8");
  } catch (error) {
    if (BellhopError.is(error)) throw error;
    const code = codeOf(error);
    if (code === "ENOENT" && lstatSync(path, { throwIfNoEntry: false }) === undefined) return null;
    const problem = code === "ENOENT" ? "it is a link that leads nowhere" : `it cannot be read (${code ?? "no code"})`;
    throw new InvalidEncryptionKeyError({ source: path, problem });
  }
}

/**
 * Creates the file with this content, complete or not at all, readable by its owner only. It survives a loss of power
 * from then on, as what is sealed with it does.
 *
 * @returns False when a file is there already; it is left as it is.
 */
export async function createKeyFile(path: string, content: string): Promise<boolean> {
  const { link, rm } = await files();
  makeFolder(dirname(path));
  const temporary = `${path}.${newId()}`;
  await writeNew(temporary, content);
  try {
    // Unlike a rename, a link never replaces a file, and unlike an exclusive open, nobody sees it half written.
    await link(temporary, path);
    return true;
  } catch (error) {
    if (codeOf(error) === "EEXIST") return false;
    if (!NO_LINKS.has(codeOf(error))) throw error;
    return await createDirectly(path, content);
  } finally {
    await rm(temporary, { force: true });
    // Also of a file that somebody else has made, who may not have come to this.
    syncFolder(dirname(path));
  }
}

/** Removes the file where there is one. */
export async function removeKeyFile(path: string): Promise<void> {
  const { rm } = await files();
  await rm(path, { force: true });
}

/** What file systems without hard links answer, e.g. exFAT and some network folders. */
const NO_LINKS: ReadonlySet<string | undefined> = new Set([
  "EPERM",
  "ENOSYS",
  "ENOTSUP",
  "EOPNOTSUPP",
  "EISDIR",
  "EMLINK",
]);

async function createDirectly(path: string, content: string): Promise<boolean> {
  try {
    await writeNew(path, content);
    return true;
  } catch (error) {
    if (codeOf(error) === "EEXIST") return false;
    throw error;
  }
}

async function writeNew(path: string, content: string): Promise<void> {
  const { open } = await files();
  await using file = await open(path, "wx", 0o600);
  await file.writeFile(`${content}\n`, "utf8");
  await file.sync();
}
