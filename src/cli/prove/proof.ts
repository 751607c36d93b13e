import { rmSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { availableParallelism, tmpdir } from "node:os";
import { join } from "node:path";
import { KILL_POINTS, type KillPoint } from "../../base/kill-points.ts";
import type { Breach } from "./check.ts";
import { Processes, type ProcessParts } from "./processes.ts";
import { Round, type RoundResult } from "./round.ts";
import { seededRandom } from "./seeded.ts";
import { startSink } from "./sink.ts";

export interface ProofOptions extends ProcessParts {
  readonly kills: number;
  /** No more processes are killed after this; null: as long as it takes. */
  readonly seconds: number | null;
  readonly seed: number;
  /** The stores stay where they are. */
  readonly keep: boolean;
  readonly signal: AbortSignal;
  readonly onProgress: (kills: number, step: string) => void;
}

/** A broken promise, and the folder of the store that it was found in. */
export interface FoundBreach extends Breach {
  readonly home: string;
}

export interface Proof {
  readonly kills: number;
  readonly enqueued: number;
  readonly delivered: number;
  readonly suppressed: number;
  readonly dead: Readonly<Record<string, number>>;
  readonly attempts: number;
  readonly requests: number;
  readonly duplicated: number;
  readonly uncertain: number;
  readonly breaches: readonly FoundBreach[];
  /** How often each labelled point was the end of a process. */
  readonly points: ReadonlyMap<KillPoint, number>;
  readonly locks: number;
  readonly fullStores: number;
  readonly wrongClocks: number;
  readonly failures: readonly string[];
  readonly stores: number;
  readonly latencyMs: { readonly p50: number; readonly p95: number; readonly p99: number; readonly max: number } | null;
  readonly seconds: number;
  /** Where the stores are kept; null when they were removed. */
  readonly home: string | null;
}

/** Kills on one store; then a new one, so that first openings are proven too and histories stay small. */
const KILLS_PER_STORE = 500;

const PER_CORE = 2;
const MOST_PROCESSES = 16;

/** Kills processes until there were enough, and compares what was promised with what happened. */
export async function prove(options: ProofOptions): Promise<Proof> {
  const { clock, kills, seed, seconds, signal, onProgress, keep } = options;
  await using opened = new AsyncDisposableStack();
  const random = seededRandom(seed);
  const root = await mkdtemp(join(tmpdir(), "bellhop-prove-"));
  let isKept = true;
  opened.defer(async () => {
    if (!isKept) await rm(root, { recursive: true, force: true });
  });
  const sink = opened.use(await startSink({ clock, random }));
  const processes = opened.use(new Processes(options));
  // The person does not wait for what is under way.
  const onAbort = (): void => {
    processes[Symbol.dispose]();
    if (!keep) rmSync(root, { recursive: true, force: true });
  };
  signal.addEventListener("abort", onAbort, { once: true });
  opened.defer(() => signal.removeEventListener("abort", onAbort));
  const time = new AbortController();
  if (seconds !== null) opened.use(clock.timer(seconds * 1_000, () => time.abort()));
  const startMs = clock.monotonic();
  const results: { readonly home: string; readonly result: RoundResult }[] = [];
  const done = { kills: 0 };
  while (done.kills < kills && !time.signal.aborted) {
    signal.throwIfAborted();
    const home = join(root, `store-${results.length + 1}`);
    const round = new Round({
      home,
      keep,
      kills: Math.min(KILLS_PER_STORE, kills - done.kills),
      parallel: Math.min(MOST_PROCESSES, Math.max(3, availableParallelism() * PER_CORE)),
      sink,
      processes,
      clock,
      random,
      enough: time.signal,
      signal,
      onKill: () => onProgress((done.kills += 1), "killing"),
      onStep: (step) => onProgress(done.kills, step),
    });
    const result = await round.run();
    results.push({ home, result });
    if (result.breaches.length === 0 && !keep) await rm(home, { recursive: true, force: true });
  }
  const proof = sum(results, (clock.monotonic() - startMs) / 1_000);
  isKept = keep || proof.breaches.length > 0;
  return { ...proof, home: isKept ? root : null };
}

function sum(
  rounds: readonly { readonly home: string; readonly result: RoundResult }[],
  seconds: number,
): Omit<Proof, "home"> {
  const results = rounds.map(({ result }) => result);
  const total = (of: (result: RoundResult) => number): number => results.reduce((all, result) => all + of(result), 0);
  const dead: Record<string, number> = {};
  for (const result of results)
    for (const [reason, count] of Object.entries(result.dead)) dead[reason] = (dead[reason] ?? 0) + count;
  const points = new Map<KillPoint, number>(KILL_POINTS.map((point) => [point, 0]));
  for (const point of results.flatMap((result) => result.points)) points.set(point, (points.get(point) ?? 0) + 1);
  return {
    kills: total((result) => result.kills),
    enqueued: total((result) => result.enqueued),
    delivered: total((result) => result.delivered),
    suppressed: total((result) => result.suppressed),
    dead,
    attempts: total((result) => result.attempts),
    requests: total((result) => result.requests),
    duplicated: total((result) => result.duplicated),
    uncertain: total((result) => result.uncertain),
    breaches: rounds.flatMap(({ home, result }) => result.breaches.map((breach) => ({ ...breach, home }))),
    points,
    locks: total((result) => result.locks),
    fullStores: total((result) => result.fullStores),
    wrongClocks: total((result) => result.wrongClocks),
    failures: results.flatMap((result) => result.failures),
    stores: results.length,
    latencyMs: percentiles(results.flatMap((result) => result.latenciesMs)),
    seconds,
  };
}

function percentiles(values: readonly number[]): Proof["latencyMs"] {
  const sorted = values.toSorted((a, b) => a - b);
  const at = (share: number): number => sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? 0;
  return sorted.length === 0 ? null : { p50: at(0.5), p95: at(0.95), p99: at(0.99), max: at(1) };
}
