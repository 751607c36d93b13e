import { closeSync, fsyncSync, mkdirSync, openSync } from "node:fs";
import { dirname, resolve } from "node:path";

/** Flushes the names in a folder to the disk; what is in a file stays there without its name after a loss of power. */
export function syncFolder(path: string): void {
  try {
    const folder = openSync(path, "r");
    try {
      fsyncSync(folder);
    } finally {
      closeSync(folder);
    }
  } catch {
    // EISDIR, EPERM, EINVAL on Windows and some network file systems; EACCES above the folder of a user: what cannot be
    // flushed is as durable as the system makes it by itself.
  }
}

/** Makes a folder private to the user, and those above it, where they are missing; their names survive a loss of power. */
export function makeFolder(path: string): void {
  const made = resolve(path);
  const highest = resolve(mkdirSync(made, { recursive: true, mode: 0o700 }) ?? made);
  // Also of a folder that was there already: it may be a moment old, and its maker may not have come to this.
  for (let each = made; each.length >= highest.length && each !== dirname(each); each = dirname(each))
    syncFolder(dirname(each));
}
