import type { Clock } from "../../src/base/clock.ts";
import type { Logger, LogFields } from "../../src/base/logger.ts";
import type { HeldLease } from "../../src/hooks/lease.ts";
import type { Seeded } from "./seeded.ts";
import { StoreFaults } from "./faults.ts";
import type { History } from "./history.ts";
import { type Owner, SimClock, type World } from "./world.ts";

/** Where a process can be made to die or to freeze, other than while it waits. */
export const POINTS = ["store-before", "store-after", "send-before", "send-accepted", "send-answered"] as const;
export type Point = (typeof POINTS)[number];

/** Never settles: what the dead are still waiting for. */
const NEVER = new Promise<never>(() => undefined);

export interface LogLine {
  readonly level: string;
  readonly message: string;
  readonly fields: LogFields;
}

/** A call of a port: `port.method`, and what it was given. */
export interface Call {
  readonly port: string;
  readonly method: string;
  readonly args: readonly unknown[];
}

/** Told of every call that took effect, whether its caller lived to learn of it or not. */
export interface CallObserver {
  took(process: SimProcess, call: Call, value: unknown): void;
  told(process: SimProcess, call: Call, value: unknown): void;
}

export interface ProcessParts {
  readonly name: string;
  readonly host: string;
  readonly world: World;
  readonly history: History;
  readonly random: Seeded;
  readonly observer: CallObserver;
}

/**
 * One process that exists in name only. It lives inside this one, but reaches the world only through here: its clock, its
 * store, its network. When it dies nothing of that answers any more; when it is frozen, everything waits.
 */
export class SimProcess implements Owner {
  readonly name: string;
  readonly host: string;
  readonly clock: Clock & { offsetMs: number };
  readonly random: Seeded;
  readonly faults: StoreFaults;
  readonly log: Logger;
  readonly lines: LogLine[] = [];
  lease: HeldLease | null = null;
  isDead = false;
  isFrozen = false;
  /** It is being closed, or is: nobody asks anything of it any more. */
  isLeaving = false;
  readonly #world: World;
  readonly #history: History;
  readonly #observer: CallObserver;
  #held: (() => void)[] = [];
  #fate: { readonly at: Point; left: number; readonly freezesForMs: number | null } | null = null;
  /** Calls keep their order, and so do answers. */
  #callsFreeMs = 0;
  #answersFreeMs = 0;

  constructor({ name, host, world, history, random, observer }: ProcessParts) {
    this.name = name;
    this.host = host;
    this.#world = world;
    this.#history = history;
    this.#observer = observer;
    this.random = random;
    this.clock = new SimClock(world, this);
    this.faults = new StoreFaults(random.fork("store"));
    const at =
      (level: string) =>
      (message: string, fields: LogFields = {}) =>
        void (this.isDead || this.lines.push({ level, message, fields }));
    this.log = { debug: at("debug"), info: at("info"), warn: at("warn"), error: at("error") };
  }

  get leaseId(): string {
    return this.lease?.id ?? "";
  }

  /** Alive, awake, and not on its way out. */
  get isWorking(): boolean {
    return this.lease !== null && !this.isDead && !this.isFrozen && !this.isLeaving;
  }

  die(): void {
    if (this.isDead) return;
    this.isDead = true;
    this.#held = [];
    this.#history.add(this.name, { kind: "died", lease: this.leaseId });
  }

  /** Dies at the n-th time that it gets there from now on. */
  dieAt(at: Point, nth: number): void {
    this.#fate = { at, left: nth, freezesForMs: null };
  }

  /** Freezes at the n-th time that it gets there from now on, e.g. right after a request has left. */
  freezeAt(at: Point, nth: number, freezesForMs: number): void {
    this.#fate = { at, left: nth, freezesForMs };
  }

  /** Lives on, whatever was planned. */
  spare(): void {
    this.#fate = null;
  }

  /** True when this is where the process dies. */
  reaches(point: Point): boolean {
    if (this.isDead) return true;
    const fate = this.#fate;
    if (fate === null || fate.at !== point) return false;
    fate.left -= 1;
    if (fate.left > 0) return false;
    this.#fate = null;
    if (fate.freezesForMs !== null) {
      if (!this.isFrozen) this.freezeFor(fate.freezesForMs);
      return false;
    }
    this.#history.add(this.name, { kind: "deed", deed: "killed", about: point });
    this.die();
    return true;
  }

  /** Stops for so long, as a laptop that is closed or a machine that is moved, and goes on as if nothing had been. */
  freezeFor(ms: number): void {
    this.isFrozen = true;
    this.#history.add(this.name, { kind: "froze", lease: this.leaseId });
    this.#world.at(this.#world.nowMs + ms, () => this.#thaw());
  }

  #thaw(): void {
    if (!this.isFrozen || this.isDead) return;
    this.isFrozen = false;
    this.#history.add(this.name, { kind: "thawed", lease: this.leaseId });
    const held = this.#held;
    this.#held = [];
    for (const fn of held) this.#world.at(this.#world.nowMs, fn, this);
  }

  hold(fn: () => void): void {
    if (!this.isDead) this.#held.push(fn);
  }

  /** Something arrives from outside. */
  receive(fn: () => void): void {
    this.#world.touch();
    if (this.isDead) return;
    if (this.isFrozen) this.hold(fn);
    else fn();
  }

  /** The port as this process reaches it. */
  port<T extends object>(port: string, real: T): T {
    return new Proxy(real, {
      get: (target, name) => {
        const value: unknown = Reflect.get(target, name);
        if (typeof value !== "function" || typeof name === "symbol") return value;
        return (...args: unknown[]) =>
          this.#call({ port, method: name, args }, () => Reflect.apply(value, target, args) as unknown);
      },
    });
  }

  #call(call: Call, run: () => unknown): unknown {
    this.#world.touch();
    if (SYNCHRONOUS.has(call.method)) return this.isDead ? IGNORED : run();
    if (this.reaches("store-before")) return NEVER;
    const { before, after, delayMs, answerMs } = this.faults.draw(this.#world.nowMs);
    return new Promise((resolve, reject) => {
      const tell = (fn: () => void) => this.#answerAfter(answerMs, fn);
      const begin = () => {
        if (this.isDead) return;
        if (before !== undefined) {
          this.#note("call refused", call);
          tell(() => reject(before));
          return;
        }
        start(run).then(
          (value) => {
            this.#world.touch();
            this.#observer.took(this, call, value);
            if (this.reaches("store-after")) return;
            tell(() => {
              if (after !== undefined) {
                this.#note("answer lost", call);
                reject(after);
              } else {
                this.#observer.told(this, call, value);
                resolve(value);
              }
            });
          },
          (error: unknown) => tell(() => reject(error)),
        );
      };
      this.#beginAfter(delayMs, begin);
    });
  }

  #note(deed: string, { port, method }: Call): void {
    this.#history.add(this.name, { kind: "deed", deed, about: `${port}.${method}` });
  }

  #beginAfter(delayMs: number, fn: () => void): void {
    const nowMs = this.#world.nowMs;
    this.#callsFreeMs = Math.max(this.#callsFreeMs, nowMs + delayMs);
    if (this.#callsFreeMs <= nowMs) fn();
    else this.#world.at(this.#callsFreeMs, fn, this);
  }

  #answerAfter(delayMs: number, fn: () => void): void {
    const nowMs = this.#world.nowMs;
    this.#answersFreeMs = Math.max(this.#answersFreeMs, nowMs + delayMs);
    if (this.#answersFreeMs <= nowMs) this.receive(fn);
    else this.#world.at(this.#answersFreeMs, fn, this);
  }
}

/** Methods that answer at once. */
const SYNCHRONOUS: ReadonlySet<string> = new Set([
  "journal",
  "record",
  "recordHook",
  "commitSync",
  "removeSync",
  "version",
  "onEnqueued",
]);

const IGNORED = { [Symbol.dispose]: () => undefined };

async function start(run: () => unknown): Promise<unknown> {
  return run();
}
