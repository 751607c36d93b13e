import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Clock } from "../../base/clock.ts";
import type { KillPoint } from "../../base/kill-points.ts";
import type { Random } from "../../base/random.ts";
import { FIRST_POINTS, FIRST_SEND_POINTS, firstPart, MOST_WRONG_MS, type Part, parts } from "./casting.ts";
import { check, type Verdict } from "./check.ts";
import { readNotes } from "./notes.ts";
import type { ProcessEnd, Processes } from "./processes.ts";
import { countOpen, countPages, readEnd } from "./read-end.ts";
import { between } from "./seeded.ts";
import type { Sink } from "./sink.ts";
import { lockStore } from "./store-lock.ts";
import type { WorkerPlan } from "./worker-plan.ts";

export interface RoundParts {
  readonly home: string;
  readonly kills: number;
  /** The histories are written down beside the store in any case. */
  readonly keep: boolean;
  /** Processes at the same time. */
  readonly parallel: number;
  readonly sink: Sink;
  readonly processes: Processes;
  readonly clock: Clock;
  readonly random: Random;
  /** Aborted when no more processes are to be killed. */
  readonly enough: AbortSignal;
  /** Aborted by the person. */
  readonly signal: AbortSignal;
  readonly onKill: () => void;
  readonly onStep: (step: string) => void;
}

export interface RoundResult extends Verdict {
  readonly kills: number;
  /** How often each labelled point was the end. */
  readonly points: readonly KillPoint[];
  readonly locks: number;
  readonly fullStores: number;
  readonly wrongClocks: number;
  /** What processes said that ended with an error; a store that is full or locked is no error here. */
  readonly failures: readonly string[];
}

/** How many times faster the years go by from one process to the next, so that retries and breakers come round. */
const TIME_RATE = 60;

/** One in so many processes finds the store locked, for at most so long. */
const LOCK_EVERY = 25;
const LOCK_MS = 2_500;

/** What a process takes to open its hub where nothing else is going on. */
const START_MS = 500;
const MOST_SLOWNESS = 6;

const FIRST_HITS = 2;
const DRAIN_STEP_MS = 20 * 60_000;
const DRAIN_MS = 5_000;
const MOST_DRAINS = 40;

const EXPECTED = /\bcode: store_(full|busy)\b/;

/** One store, from its first opening to the last message. */
export class Round {
  readonly #parts: RoundParts;
  readonly #notesPath: string;
  readonly #storePath: string;
  readonly #startMs: number;
  readonly #deal: Generator<Part, never>;
  readonly #failures: string[] = [];
  #kills = 0;
  #locks = 0;
  #fullStores = 0;
  #wrongClocks = 0;

  constructor(parts_: RoundParts) {
    this.#parts = parts_;
    this.#notesPath = join(parts_.home, "notes.jsonl");
    this.#storePath = join(parts_.home, "bellhop.db");
    this.#startMs = parts_.clock.monotonic();
    this.#deal = parts(parts_.random);
  }

  async run(): Promise<RoundResult> {
    const { home, sink, parallel, onStep } = this.#parts;
    mkdirSync(home, { recursive: true, mode: 0o700 });
    writeFileSync(this.#notesPath, "", { mode: 0o600 });
    sink.forget();
    sink.behave(false);
    onStep("opening the store, killed on the way");
    await this.#open();
    onStep("killing");
    await Promise.all([...Array.from({ length: parallel }, () => this.#lane()), this.#lockNowAndThen()]);
    onStep("sending what is left");
    sink.behave(true);
    const open = await this.#drain();
    onStep(`comparing the histories${open === 0 ? "" : `, ${open} left open`}`);
    return this.#judge();
  }

  /** Killed at each step of the first opening, and then opened. */
  async #open(): Promise<void> {
    const { random, kills } = this.#parts;
    for (let hit = 0; hit < FIRST_HITS; hit += 1) {
      for (const point of FIRST_POINTS) {
        if (this.#kills >= kills / 4) break;
        const part = firstPart(random, point);
        await this.#play({ ...part, plan: { ...part.plan, mode: "open", clockOffsetMs: 0, jump: null } });
      }
    }
    await this.#must("save", 0);
    for (const point of FIRST_SEND_POINTS) {
      if (this.#kills >= kills / 2) return;
      await this.#play(firstPart(random, point));
    }
  }

  async #lane(): Promise<void> {
    const { kills, enough, signal } = this.#parts;
    while (this.#kills < kills && !enough.aborted && !signal.aborted) {
      await this.#play(this.#deal.next().value);
    }
  }

  async #play(part: Part): Promise<void> {
    const { processes, clock, onKill } = this.#parts;
    const startedMs = clock.monotonic();
    const running = processes.start(this.#planOf(part), part.at);
    const { kill, freeze } = part;
    if (freeze !== null) {
      await running.ready;
      clock.timer(freeze.afterMs, () => running.freeze(freeze.forMs), { keepAlive: false });
    }
    if (kill !== null) {
      if (kill.from === "ready") await running.ready;
      // A machine that starts slowly is slow at everything else.
      const slowness = kill.from === "ready" ? (clock.monotonic() - startedMs) / START_MS : 1;
      const afterMs = kill.afterMs * Math.min(MOST_SLOWNESS, Math.max(1, slowness));
      using _kill = clock.timer(afterMs, () => running.kill());
      await running.ended;
    }
    const end = await running.ended;
    if (end.wasKilled) {
      this.#kills += 1;
      onKill();
    } else this.#note(end);
  }

  #planOf({ plan, roomPages }: Part): WorkerPlan {
    if (roomPages !== null) this.#fullStores += 1;
    if (plan.clockOffsetMs !== 0 || plan.jump !== null) this.#wrongClocks += 1;
    return {
      ...plan,
      clockOffsetMs: plan.clockOffsetMs + this.#timeMs(),
      home: this.#parts.home,
      notesPath: this.#notesPath,
      sinkUrl: this.#parts.sink.url,
      storePages: roomPages === null ? null : countPages(this.#storePath) + roomPages,
    };
  }

  #timeMs(): number {
    return Math.round((this.#parts.clock.monotonic() - this.#startMs) * TIME_RATE);
  }

  #note({ code, said, wasHung }: ProcessEnd): void {
    if (wasHung) this.#failures.push(`it did not end by itself: ${said.trim()}`);
    else if (code !== 0 && !EXPECTED.test(said)) this.#failures.push(`exit code ${code}: ${said.trim()}`);
  }

  async #lockNowAndThen(): Promise<void> {
    const { clock, random, kills, enough, signal } = this.#parts;
    const isOver = (): boolean => this.#kills >= kills || enough.aborted || signal.aborted;
    for (let next = LOCK_EVERY / 2; !isOver(); await clock.sleep(100)) {
      if (this.#kills < next) continue;
      next = this.#kills + between(random, 1, 2 * LOCK_EVERY);
      if (await lockStore(this.#storePath, random() * LOCK_MS, clock, enough)) this.#locks += 1;
    }
  }

  /** A process that nobody harms. */
  async #must(mode: WorkerPlan["mode"], clockOffsetMs: number): Promise<void> {
    const { processes, random, signal } = this.#parts;
    signal.throwIfAborted();
    const plan: Part["plan"] = {
      mode,
      seed: between(random, 1, 2 ** 31),
      clockOffsetMs,
      clockRate: 1,
      jump: null,
      flows: 0,
      drainMs: DRAIN_MS,
    };
    const { code, said, wasHung } = await processes.start(
      this.#planOf({ plan, at: null, kill: null, roomPages: null, freeze: null }),
      null,
    ).ended;
    if (wasHung) throw new Error(`a process of the proof did not end by itself: ${said.trim()}`);
    if (code !== 0) throw new Error(`a process of the proof failed: ${said.trim()}`);
  }

  /** What is still open when nobody waits any longer. */
  async #drain(): Promise<number> {
    let open = Infinity;
    for (let step = 0; step < MOST_DRAINS && open > 0; step += 1) {
      await this.#must("drain", MOST_WRONG_MS + step * DRAIN_STEP_MS);
      open = countOpen(this.#storePath);
    }
    return open;
  }

  #judge(): RoundResult {
    const { sink, home, keep } = this.#parts;
    const { acknowledged, killedAt } = readNotes(this.#notesPath);
    const verdict = check({ acknowledged, received: sink.received, ...readEnd(this.#storePath) });
    if (keep || verdict.breaches.length > 0) {
      const lines = (rows: readonly object[]): string => rows.map((row) => `${JSON.stringify(row)}\n`).join("");
      writeFileSync(join(home, "received.jsonl"), lines(sink.received), { mode: 0o600 });
      writeFileSync(join(home, "breaches.jsonl"), lines(verdict.breaches), { mode: 0o600 });
    }
    return {
      ...verdict,
      kills: this.#kills,
      points: killedAt,
      locks: this.#locks,
      fullStores: this.#fullStores,
      wrongClocks: this.#wrongClocks,
      failures: this.#failures,
    };
  }
}
