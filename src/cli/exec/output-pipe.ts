import { spawnSync } from "node:child_process";
import { closeSync, constants, fstatSync, mkdtempSync, openSync, rmSync } from "node:fs";
import { Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Readable } from "node:stream";

/** A pipe from a program to this process. */
export interface OutputPipe {
  readonly source: Readable;
  /** Given to the program; closed here once it has started. */
  readonly writeFd: number;
}

/** Where it is on Linux and macOS; the search path may be empty. */
const MKFIFO = ["/usr/bin/mkfifo", "/bin/mkfifo", "mkfifo"];

/**
 * Opens a pipe as a shell would make it. What Node makes for `"pipe"` is a socket, and a program that opens `/dev/stdout`
 * or `/dev/stderr` by name, as many scripts do, gets ENXIO for a socket on Linux. One pipe can also serve both outputs,
 * which keeps their lines in order.
 *
 * @returns null where there are no named pipes, or none can be made (no place for temporary files).
 */
export function openPipe(): OutputPipe | null {
  if (process.platform === "win32") return null;
  let folder: string | undefined;
  try {
    folder = mkdtempSync(join(tmpdir(), "bellhop-exec-"));
    const path = join(folder, "output");
    const isMade = MKFIFO.some((program) => spawnSync(program, ["-m", "600", path], { stdio: "ignore" }).status === 0);
    if (!isMade) return null;
    // The reading end first and without waiting, else each end would wait for the other.
    const readFd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
    const writeFd = openSync(path, constants.O_WRONLY);
    return { source: new Socket({ fd: readFd, readable: true, writable: false }), writeFd };
  } catch {
    // No space, no permission: Node's own kind does for most programs.
    return null;
  } finally {
    // Both ends are open, so the name is not needed any more.
    if (folder !== undefined) rmSync(folder, { recursive: true, force: true });
  }
}

export const closeFd = (fd: number): void => {
  try {
    closeSync(fd);
  } catch {
    // Already closed.
  }
};

/** Whether both descriptors are the same file, pipe or terminal, as after `2>&1` and under cron. */
export function isSameFile(a: number, b: number): boolean {
  try {
    const [first, second] = [fstatSync(a), fstatSync(b)];
    return first.dev === second.dev && first.ino === second.ino && first.rdev === second.rdev;
  } catch {
    return false;
  }
}
