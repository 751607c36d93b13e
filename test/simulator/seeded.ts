import type { Random } from "../../src/base/random.ts";

/** Chance of a simulation: the same seed gives the same numbers, on every machine. */
export interface Seeded {
  /** In [0, 1). */
  readonly next: Random;
  /** Whole, both ends included. */
  int(from: number, to: number): number;
  chance(probability: number): boolean;
  pick<T>(list: readonly T[]): T;
  /** Milliseconds, most of them short: mean `mean`, at most ten times that. */
  wait(mean: number): number;
  /** A source of its own, so that what one part draws changes nothing for the others. */
  fork(label: string): Seeded;
}

/** 32 bits of a text. Source: FNV-1a. */
export function hash32(text: string): number {
  let hash = 0x811c9dc5;
  for (let at = 0; at < text.length; at += 1) hash = Math.imul(hash ^ text.charCodeAt(at), 0x01000193);
  return hash >>> 0;
}

/** Source: mulberry32, by Tommy Ettinger (public domain). */
function mulberry32(seed: number): Random {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

export function seeded(seed: string): Seeded {
  const next = mulberry32(hash32(seed));
  return {
    next,
    int: (from, to) => from + Math.floor(next() * (to - from + 1)),
    chance: (probability) => next() < probability,
    pick: (list) => {
      const item = list[Math.floor(next() * list.length)];
      if (item === undefined) throw new Error("nothing to pick from");
      return item;
    },
    wait: (mean) => Math.min(mean * 10, -Math.log(1 - next()) * mean),
    fork: (label) => seeded(`${seed}/${label}`),
  };
}
