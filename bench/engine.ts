// What runs cost: task runs per second with 0, 1 and 5 hooks, flow runs, the way from an exception to a hook's POST,
// blocks, memory, and all of it again in a store that is full already. docs/benchmarks.md says how to read it.
import { copyFileSync } from "node:fs";
import { LARGEST_BATCH } from "../src/store/sqlite/commit-queue.ts";
import { type BenchHub, openBenchHub, tempHome, timed } from "./support/bench-hub.ts";
import { figure, type Figure } from "./support/figures.ts";
import { measureMemory } from "./support/memory.ts";
import type { BenchOptions, Report } from "./support/options.ts";
import { measurePosts } from "./support/posts.ts";
import { preload } from "./support/preload.ts";
import { openRawStore, type RunKind, type RunRows } from "./support/raw-store.ts";
import { emptyFlow, HOOK_COUNTS, type HookCount, taskRuns } from "./support/workload.ts";

const FULL = {
  rounds: 7,
  taskRuns: 10_000,
  flowRuns: 300,
  posts: 60,
  loads: 500,
  preloaded: 1_000_000,
  soaked: 1_000_000,
};
const QUICK: typeof FULL = {
  rounds: 5,
  taskRuns: 2_000,
  flowRuns: 60,
  posts: 15,
  loads: 100,
  preloaded: 50_000,
  soaked: 50_000,
};
type Scale = typeof FULL;

const MICROS_PER_MS = 1_000;
const MS_PER_SECOND = 1_000;
/** A task run is stored in three states, and each hook's outcome is a unit of its own. */
const STATES = 3;

const measured = (name: string, unit: string, samples: readonly number[], raw?: readonly number[]): Figure =>
  figure("engine", name, unit, samples, raw);

/** A store with its schema and nothing in it, to be copied. */
async function emptyStore(): Promise<{ readonly path: string } & Disposable> {
  const home = tempHome();
  await using _hub = await openBenchHub(home);
  return { path: home.database, [Symbol.dispose]: () => home[Symbol.dispose]() };
}

/** Milliseconds that bare SQLite takes for these rows in an empty store. */
function rawWrite(template: string, kind: RunKind, runs: readonly RunRows[], runsPerTransaction: number): number {
  using home = tempHome();
  copyFileSync(template, home.database);
  using raw = openRawStore(home.database);
  const begin = performance.now();
  raw.write(kind, runs, runsPerTransaction);
  return performance.now() - begin;
}

/** Milliseconds until so many task runs are stored. */
const timeTaskRuns = ({ hub, within }: BenchHub, count: number, hooks: HookCount): Promise<number> =>
  within(() =>
    timed(async () => {
      await taskRuns(count, hooks);
      await hub.store.runs.flush();
    }),
  );

interface TaskSamples {
  /** Microseconds per task run. */
  readonly ours: number[];
  readonly raw: number[];
}

async function measureTaskRuns(report: Report, scale: Scale, template: string): Promise<RunRows> {
  using home = tempHome();
  await using bench = await openBenchHub(home);
  using reader = openRawStore(home.database);
  const samples = new Map<HookCount, TaskSamples>(HOOK_COUNTS.map((hooks) => [hooks, { ours: [], raw: [] }]));
  let last: RunRows | undefined;
  for (let round = -1; round < scale.rounds; round += 1) {
    for (const [hooks, { ours, raw }] of samples) {
      const ms = await timeTaskRuns(bench, scale.taskRuns, hooks);
      const rows = reader.newest("task-run", scale.taskRuns);
      last = rows.at(-1);
      const rawMs = rawWrite(template, "task-run", rows, Math.ceil(LARGEST_BATCH / (STATES + hooks)));
      if (round < 0) continue;
      ours.push((ms * MICROS_PER_MS) / scale.taskRuns);
      raw.push((rawMs * MICROS_PER_MS) / scale.taskRuns);
    }
  }
  reportTaskRuns(report, samples);
  if (last?.states.length !== STATES) throw new Error(`a task run has ${last?.states.length ?? 0} states`);
  return last;
}

const perSecond = (micros: number): number => (MS_PER_SECOND * MICROS_PER_MS) / micros;

function reportTaskRuns(report: Report, samples: ReadonlyMap<HookCount, TaskSamples>): void {
  for (const [hooks, { ours, raw }] of samples) {
    const name = hooks === 0 ? "task_runs_per_s" : `task_runs_per_s_${hooks}_hook${hooks === 1 ? "" : "s"}`;
    report(measured(name, "1/s", ours.map(perSecond), raw.map(perSecond)));
  }
  const [none, five] = [samples.get(0), samples.get(5)];
  if (none === undefined || five === undefined) return;
  const less = (all: readonly number[], part: readonly number[], share = 1): number[] =>
    all.map((value, index) => (value - (part[index] ?? Number.NaN)) / share);
  report(measured("overhead_us", "us", less(none.ours, none.raw), none.raw));
  report(measured("hook_cost_us", "us", less(five.ours, none.ours, 5), less(five.raw, none.raw, 5)));
}

/** A flow run is committed state by state, so the raw limit is three transactions. */
async function measureFlowRuns(report: Report, scale: Scale, template: string): Promise<RunRows> {
  using home = tempHome();
  await using bench = await openBenchHub(home);
  using reader = openRawStore(home.database);
  const [ours, raw]: [number[], number[]] = [[], []];
  let last: RunRows | undefined;
  for (let round = -1; round < scale.rounds; round += 1) {
    const ms = await bench.within(() =>
      timed(async () => {
        for (let index = 0; index < scale.flowRuns; index += 1) await emptyFlow();
      }),
    );
    const rows = reader.newest("flow-run", scale.flowRuns);
    last = rows.at(-1);
    const rawMs = rawWriteStateByState(template, rows);
    if (round < 0) continue;
    ours.push(ms / scale.flowRuns);
    raw.push(rawMs / scale.flowRuns);
  }
  report(measured("flow_run_ms", "ms", ours, raw));
  if (last?.states.length !== STATES) throw new Error(`a flow run has ${last?.states.length ?? 0} states`);
  return last;
}

function rawWriteStateByState(template: string, runs: readonly RunRows[]): number {
  using home = tempHome();
  copyFileSync(template, home.database);
  using raw = openRawStore(home.database);
  const begin = performance.now();
  raw.writeStateByState("flow-run", runs);
  return performance.now() - begin;
}

/** Throughput in a store with a million runs, as a share of the throughput in an empty one. */
async function measureGrowth(report: Report, scale: Scale, flowRun: RunRows, taskRun: RunRows): Promise<void> {
  using small = tempHome();
  using large = tempHome();
  await using without = await openBenchHub(small);
  await using with_ = await openBenchHub(large);
  preload(large.database, scale.preloaded, flowRun, taskRun);
  const [ratios, full, empty]: [number[], number[], number[]] = [[], [], []];
  for (let round = -1; round < scale.rounds; round += 1) {
    const emptyMs = await timeTaskRuns(without, scale.taskRuns, 0);
    const fullMs = await timeTaskRuns(with_, scale.taskRuns, 0);
    if (round < 0) continue;
    ratios.push(emptyMs / fullMs);
    full.push((scale.taskRuns / fullMs) * MS_PER_SECOND);
    empty.push((scale.taskRuns / emptyMs) * MS_PER_SECOND);
  }
  report(measured("growth_ratio", "", ratios));
  report(measured("task_runs_per_s_grown", "1/s", full, empty));
}

export async function run(report: Report, { quick }: BenchOptions): Promise<void> {
  const scale = quick ? QUICK : FULL;
  // First, while nothing else has made room in memory that growth could hide in.
  await measureMemory(report, scale.soaked);
  using template = await emptyStore();
  const taskRun = await measureTaskRuns(report, scale, template.path);
  const flowRun = await measureFlowRuns(report, scale, template.path);
  await measurePosts(report, scale);
  await measureGrowth(report, scale, flowRun, taskRun);
}
