// State changes with random faults, in this process and in processes that end in the middle of them. Ends with exit code
// 1 when a run is left open without a process, or when a timer, a listener or the context of a run is left.
import { figure } from "./support/figures.ts";
import type { BenchOptions, Report } from "./support/options.ts";
import { soak } from "./support/soak-run.ts";

const TRANSITIONS = { full: 1_000_000, quick: 20_000 };
/** Processes that end in the middle of it: one for so many transitions, each kind of end at least once. */
const TRANSITIONS_PER_CHILD = 25_000;
const LEAST_CHILDREN = 5;
const BYTES_PER_MB = 1_048_576;

export async function run(report: Report, { quick, transitions }: BenchOptions): Promise<void> {
  const goal = transitions ?? TRANSITIONS[quick ? "quick" : "full"];
  const rounds = Math.ceil(goal / TRANSITIONS_PER_CHILD / LEAST_CHILDREN);
  const seed = Math.floor(Math.random() * 2 ** 31);
  process.stderr.write(`seed ${seed}\n`);
  const begin = performance.now();
  const result = await soak({ transitions: goal, children: rounds * LEAST_CHILDREN, seed });
  const seconds = (performance.now() - begin) / 1_000;
  report(figure("soak", "transitions", "", [result.transitions]));
  report(figure("soak", "runs", "", [result.runs]));
  report(figure("soak", "transitions_per_s", "1/s", [result.transitions / seconds]));
  report(figure("soak", "heap_growth_mb", "MB", [result.heapGrowthBytes / BYTES_PER_MB]));
  report(figure("soak", "violations", "", [result.violations.length]));
  for (const violation of result.violations) process.stderr.write(`violation: ${violation}\n`);
  if (result.violations.length > 0) process.exitCode = 1;
}
