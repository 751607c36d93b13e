import { mkdir, open, readdir, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { newId } from "../../base/ids.ts";
import { LOCK_LASTS_MS, type LockRows } from "../../results/shared-locks.ts";
import { fileNameOf, folderError, isMissing, isTaken } from "./record-files.ts";

// A folder per lock, a file per time it was taken: 1, 2, 3, … The file with the highest number says who holds the lock,
// or that it was given back. Whoever makes the next file takes the lock; the file system lets only one make it. A file
// is written again by its own holder only, and the highest one is never removed, so nobody can take over in the middle.

interface Turn {
  readonly number: number;
  /** Null when it was given back. */
  readonly holder: string | null;
  readonly untilMs: number;
}

const NO_TURN: Turn = { number: 0, holder: null, untilMs: 0 };

const contentOf = (holder: string | null, untilMs: number): string => JSON.stringify({ holder, untilMs });

async function numbersIn(folder: string): Promise<number[]> {
  try {
    const names = await readdir(folder);
    return names.filter((name) => /^\d+$/.test(name)).map(Number);
  } catch (error) {
    if (isMissing(error)) return [];
    throw error;
  }
}

/** The latest turn. One whose file is being written just now counts as held. */
async function latest(folder: string, nowMs: number): Promise<Turn> {
  const number = Math.max(0, ...(await numbersIn(folder)));
  if (number === 0) return NO_TURN;
  return { number, ...(await readTurn(join(folder, String(number)), nowMs)) };
}

async function readTurn(path: string, nowMs: number): Promise<Omit<Turn, "number">> {
  const file = await open(path, "r");
  try {
    const text = await file.readFile("utf8");
    if (text !== "") {
      // Written by this file's code only; anything else throws below or is compared as it is.
      const { holder, untilMs } = JSON.parse(text) as Omit<Turn, "number">;
      return { holder, untilMs };
    }
    // Made, and not yet written: held, unless its maker died in between.
    const { mtimeMs } = await file.stat();
    return { holder: "", untilMs: Math.min(mtimeMs, nowMs) + LOCK_LASTS_MS };
  } finally {
    await file.close();
  }
}

const isFree = ({ holder, untilMs }: Turn, nowMs: number): boolean => holder === null || untilMs <= nowMs;

/** Replaces the holder's own file in one step. */
async function rewrite(folder: string, number: number, content: string): Promise<void> {
  const beside = join(folder, `.${newId()}`);
  await writeFile(beside, content, { mode: 0o600 });
  await rename(beside, join(folder, String(number)));
}

/** Makes the next turn's file; false when somebody else did. */
async function takeTurn(folder: string, number: number, content: string): Promise<boolean> {
  try {
    await writeFile(join(folder, String(number)), content, { flag: "wx", mode: 0o600 });
  } catch (error) {
    if (isTaken(error)) return false;
    throw error;
  }
  const numbers = await numbersIn(folder);
  if (numbers.some((other) => other > number)) {
    // The turns between were taken, given back and cleared away since the look at the folder.
    await rm(join(folder, String(number)), { force: true });
    return false;
  }
  const before = numbers.filter((other) => other < number);
  await Promise.all(before.map((other) => rm(join(folder, String(other)), { force: true })));
  return true;
}

/** Locks as files in a folder, for all processes that share it. */
export function openLockFiles(folder: string): LockRows {
  const folderOf = (name: string): string => join(folder, "locks", fileNameOf(name));

  const guarded = async <T>(fn: () => Promise<T>): Promise<T> => {
    try {
      return await fn();
    } catch (error) {
      throw folderError(error, folder);
    }
  };

  /** The latest turn; looks again when its file was cleared away meanwhile. */
  const look = async (name: string, nowMs: number): Promise<Turn> => {
    for (;;) {
      try {
        return await latest(folderOf(name), nowMs);
      } catch (error) {
        if (!isMissing(error)) throw error;
      }
    }
  };

  const asHolder = async (name: string, holder: string, content: string): Promise<boolean> => {
    const turn = await look(name, 0);
    if (turn.holder !== holder) return false;
    await rewrite(folderOf(name), turn.number, content);
    return !(await numbersIn(folderOf(name))).some((number) => number > turn.number);
  };

  return {
    take: (name, holder, nowMs, untilMs) =>
      guarded(async () => {
        const own = folderOf(name);
        await mkdir(own, { recursive: true, mode: 0o700 });
        const turn = await look(name, nowMs);
        const content = contentOf(holder, untilMs);
        if (isFree(turn, nowMs)) return takeTurn(own, turn.number + 1, content);
        return turn.holder === holder && asHolder(name, holder, content);
      }),
    renew: (name, holder, untilMs) => guarded(() => asHolder(name, holder, contentOf(holder, untilMs))),
    release: (name, holder) => guarded(async () => void (await asHolder(name, holder, contentOf(null, 0)))),
    holder: (name, nowMs) =>
      guarded(async () => {
        const turn = await look(name, nowMs);
        return isFree(turn, nowMs) ? null : turn.holder;
      }),
  };
}
