import { closeSync, openSync, readFileSync, writeSync } from "node:fs";
import { isKillPoint, type KillPoint } from "../../base/kill-points.ts";
import type { Acknowledged } from "./history.ts";

/**
 * What a process writes down before it goes on. One write call per line on a file opened for appending: what was written
 * is there after SIGKILL, and lines of several processes do not mix.
 */
export interface NoteBook extends Disposable {
  acknowledge(note: Acknowledged): void;
  killedAt(point: KillPoint): void;
}

export function openNotes(path: string): NoteBook {
  const file = openSync(path, "a", 0o600);
  const write = (note: object): void => void writeSync(file, `${JSON.stringify(note)}\n`);
  return {
    acknowledge: write,
    killedAt: (killedAt) => write({ killedAt }),
    [Symbol.dispose]: () => closeSync(file),
  };
}

export interface Notes {
  readonly acknowledged: readonly Acknowledged[];
  readonly killedAt: readonly KillPoint[];
}

export function readNotes(path: string): Notes {
  const acknowledged: Acknowledged[] = [];
  const killedAt: KillPoint[] = [];
  for (const line of readFileSync(path, "utf8").split("\n")) {
    if (line === "") continue;
    // Written above.
    const note = JSON.parse(line) as Acknowledged | { readonly killedAt: string };
    if (!("killedAt" in note)) acknowledged.push(note);
    else if (isKillPoint(note.killedAt)) killedAt.push(note.killedAt);
  }
  return { acknowledged, killedAt };
}
