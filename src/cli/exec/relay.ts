import { write } from "node:fs";
import type { Readable } from "node:stream";
import type { Clock } from "../../base/clock.ts";
import { messageOf } from "../../base/errors.ts";
import type { Tail } from "./tail.ts";

/** Wait before a pipe that is full is tried again, milliseconds. */
const FULL_MS = 5;

export interface RelayTo {
  readonly clock: Clock;
  /** Where the bytes go; null: nowhere. */
  readonly fd: number | null;
  readonly tail: Tail;
  readonly warn: (text: string) => void;
}

/**
 * Copies an output byte for byte, as it comes, until it ends. Reads on only when what was read is written, so memory stays
 * flat however fast the program prints, and a slow reader slows the program down as it would without us.
 */
export async function relay(source: Readable, { clock, fd, tail, warn }: RelayTo): Promise<void> {
  let target = fd;
  try {
    for await (const chunk of source) {
      const bytes = chunk as Buffer; // no encoding is set on it
      tail.push(bytes);
      if (target === null) continue;
      try {
        await writeAll(target, bytes, clock);
      } catch (error) {
        // The reader is gone (`| head`). Leaving closes our end as well, and the program learns of it as usual.
        if (errnoOf(error) === "EPIPE") return;
        warn(`the program's output cannot be passed on (${messageOf(error)}); it goes on without`);
        target = null;
      }
    }
  } catch {
    // Closed by us, or unreadable: both are its end.
  } finally {
    source.destroy();
  }
}

const errnoOf = (error: unknown): unknown => (error instanceof Error && "code" in error ? error.code : undefined);

/** `process.stdout` would hold up the whole process, its timers included, while a reader is slow. */
async function writeAll(fd: number, bytes: Buffer, clock: Clock): Promise<void> {
  for (let at = 0; at < bytes.length;) {
    try {
      at += await writeSome(fd, bytes, at);
    } catch (error) {
      if (errnoOf(error) !== "EAGAIN") throw error;
      await clock.sleep(FULL_MS);
    }
  }
}

const writeSome = (fd: number, bytes: Buffer, at: number): Promise<number> =>
  new Promise((resolve, reject) => {
    write(fd, bytes, at, bytes.length - at, null, (error, written) => {
      if (error === null) resolve(written);
      else reject(error);
    });
  });
