import type { Clock } from "../../src/base/clock.ts";
import { hash32 } from "./seeded.ts";

/** Whoever events happen to. What happens to the dead is dropped; what happens to the frozen waits until they thaw. */
export interface Owner {
  readonly name: string;
  readonly isDead: boolean;
  readonly isFrozen: boolean;
  /** Keeps what happened meanwhile, in order. */
  hold(fn: () => void): void;
}

interface Happening {
  readonly dueMs: number;
  /** Among those due together: mixes owners, keeps the order of each. */
  readonly tie: number;
  readonly order: number;
  readonly owner: Owner | null;
  readonly fn: () => void;
  isCancelled: boolean;
}

/** Turns of the event loop without any activity after which nothing is under way any more. */
const QUIET_TURNS = 3;

/** A simulation that does more than this at one instant goes round in circles. */
const MOST_TURNS = 20_000;

/** Who asks for the time more often than this while it stands still never lets go of the process. */
const MOST_GLANCES = 300_000;

/** Wall clock at the start, epoch milliseconds. */
export const START_MS = Date.UTC(2026, 0, 1);

const turn = () => new Promise<void>((resolve) => setImmediate(resolve));

const isBefore = (a: Happening, b: Happening): boolean =>
  a.dueMs !== b.dueMs ? a.dueMs < b.dueMs : a.tie !== b.tie ? a.tie < b.tie : a.order < b.order;

/** Virtual time, and everything that is to happen in it. Nothing here waits for real time. */
export class World {
  readonly #salt: string;
  readonly #heap: Happening[] = [];
  #order = 0;
  #nowMs = 0;
  #activity = 0;
  #glances = 0;
  #circles: Error | null = null;

  constructor(salt: string) {
    this.#salt = salt;
  }

  /** Milliseconds since the start. */
  get nowMs(): number {
    return this.#nowMs;
  }

  /** Something is going on: time must not move yet. */
  touch(): void {
    this.#activity += 1;
  }

  /** Somebody asks for the time. @throws when that goes on for ever, which ends the loop that does it */
  glance(): void {
    this.#glances += 1;
    if (this.#glances < MOST_GLANCES) return;
    this.#glances = 0;
    this.#circles = new Error("somebody goes round in circles without ever waiting");
    throw this.#circles;
  }

  at(dueMs: number, fn: () => void, owner: Owner | null = null): Disposable {
    const tie = owner === null ? 0 : hash32(`${this.#salt}/${owner.name}/${Math.floor(dueMs)}`);
    const due = Math.max(dueMs, this.#nowMs);
    const happening: Happening = { dueMs: due, tie, order: this.#order, owner, fn, isCancelled: false };
    this.#order += 1;
    this.touch();
    push(this.#heap, happening);
    return { [Symbol.dispose]: () => void (happening.isCancelled = true) };
  }

  sleep(ms: number): Promise<void> {
    return new Promise((resolve) => this.at(this.#nowMs + ms, resolve));
  }

  /** When the next thing happens; null when nothing will. */
  get nextMs(): number | null {
    for (let first = this.#heap[0]; first !== undefined; first = this.#heap[0]) {
      if (!first.isCancelled && first.owner?.isDead !== true) return first.dueMs;
      pop(this.#heap);
    }
    return null;
  }

  /** Lets the next thing happen, and everything that follows from it without time passing. */
  async step(): Promise<void> {
    if (this.nextMs === null) throw new Error("nothing is left to happen");
    const happening = pop(this.#heap);
    if (happening === undefined) return;
    this.#nowMs = Math.max(this.#nowMs, happening.dueMs);
    this.#glances = 0;
    const { owner } = happening;
    const happen = () => {
      if (!happening.isCancelled) happening.fn();
    };
    if (owner?.isFrozen === true) owner.hold(happen);
    else happen();
    await this.quiet();
  }

  /** Runs until this instant. */
  async runUntil(untilMs: number): Promise<void> {
    await this.quiet();
    for (let next = this.nextMs; next !== null && next <= untilMs; next = this.nextMs) await this.step();
    this.#nowMs = Math.max(this.#nowMs, untilMs);
  }

  /** Runs until the promise is settled; fails when it cannot be any more, or not before the deadline. */
  async drive<T>(work: PromiseLike<T>, what: string, withinMs = Infinity): Promise<T> {
    const progress = { isDone: false };
    const marked = Promise.resolve(work).finally(() => (progress.isDone = true));
    // Awaited below; only the loop must not see it as unhandled.
    marked.catch(() => undefined);
    const untilMs = this.#nowMs + withinMs;
    for (await this.quiet(); !progress.isDone;) {
      const next = this.nextMs;
      if (next === null || next > untilMs) throw new Error(`${what} does not end`);
      await this.step();
    }
    return marked;
  }

  /** Passes time in which nothing of what is planned happens: for clocks that are set, machines that slept. */
  skipTo(ms: number): void {
    this.#nowMs = Math.max(this.#nowMs, ms);
  }

  async quiet(): Promise<void> {
    await this.#untilQuiet();
    if (this.#circles !== null) throw this.#circles;
  }

  async #untilQuiet(): Promise<void> {
    let still = 0;
    for (let turns = 0; still < QUIET_TURNS; turns += 1) {
      if (turns > MOST_TURNS) throw new Error("the simulation goes round in circles at one instant");
      const before = this.#activity;
      await turn();
      still = this.#activity === before ? still + 1 : 0;
    }
  }
}

/** The clock of one process: the world's time, off by what its wall clock was set to. */
export class SimClock implements Clock {
  readonly #world: World;
  readonly #owner: Owner | null;
  #lastMicros = 0;
  /** How far the wall clock is ahead of the world's, milliseconds. */
  offsetMs = 0;

  constructor(world: World, owner: Owner | null) {
    this.#world = world;
    this.#owner = owner;
  }

  now(): number {
    this.#world.glance();
    return START_MS + Math.floor(this.#world.nowMs + this.offsetMs);
  }

  nowMicros(): number {
    const micros = Math.floor((START_MS + this.#world.nowMs + this.offsetMs) * 1_000);
    this.#lastMicros = micros > this.#lastMicros ? micros : this.#lastMicros + 1;
    return this.#lastMicros;
  }

  monotonic(): number {
    return this.#world.nowMs;
  }

  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      if (signal?.aborted === true) {
        reject(signal.reason);
        return;
      }
      const onAbort = () => {
        timer[Symbol.dispose]();
        this.#world.touch();
        reject(signal?.reason);
      };
      const timer = this.timer(ms, () => {
        signal?.removeEventListener("abort", onAbort);
        resolve();
      });
      signal?.addEventListener("abort", onAbort, { once: true });
    });
  }

  timer(ms: number, fn: () => void): Disposable {
    return this.#world.at(this.#world.nowMs + Math.max(0, ms), fn, this.#owner);
  }
}

/** Binary min-heap: the parent of position i is at (i - 1) / 2. */
function push(heap: Happening[], item: Happening): void {
  let at = heap.push(item) - 1;
  while (at > 0) {
    const up = (at - 1) >> 1;
    const parent = heap[up];
    if (parent === undefined || !isBefore(item, parent)) break;
    heap[at] = parent;
    at = up;
  }
  heap[at] = item;
}

function pop(heap: Happening[]): Happening | undefined {
  const first = heap[0];
  const last = heap.pop();
  if (last === undefined || heap.length === 0) return first;
  let at = 0;
  for (;;) {
    const [left, right] = [heap[2 * at + 1], heap[2 * at + 2]];
    const smaller = right !== undefined && left !== undefined && isBefore(right, left) ? right : left;
    if (smaller === undefined || !isBefore(smaller, last)) break;
    heap[at] = smaller;
    at = smaller === left ? 2 * at + 1 : 2 * at + 2;
  }
  heap[at] = last;
  return first;
}
