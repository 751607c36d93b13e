import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { openBenchHub, tempHome } from "./bench-hub.ts";
import { figure } from "./figures.ts";
import type { Report } from "./options.ts";
import { taskRuns } from "./workload.ts";

const BYTES_PER_MB = 1_048_576;
const STEPS = 10;

/** Collects garbage, all of it. */
export function collectGarbage(): void {
  setFlagsFromString("--expose-gc");
  // The flag puts the function on the global object of every new context.
  const collect = runInNewContext("gc") as () => void;
  collect();
}

interface Sizes {
  readonly rss: number;
  readonly heap: number;
}

function sizes(): Sizes {
  collectGarbage();
  const { rss, heapUsed } = process.memoryUsage();
  return { rss: rss / BYTES_PER_MB, heap: heapUsed / BYTES_PER_MB };
}

/** What stays in memory of so many task runs; the first tenth warms up and does not count. */
export async function measureMemory(report: Report, count: number): Promise<void> {
  using home = tempHome();
  await using bench = await openBenchHub(home);
  const seen: Sizes[] = [];
  for (let step = 0; step < STEPS; step += 1) {
    await bench.within(() => taskRuns(count / STEPS, 0));
    await bench.hub.store.runs.flush();
    seen.push(sizes());
  }
  const [first, last] = [seen[0], seen.at(-1)];
  if (first === undefined || last === undefined) return;
  report(figure("engine", "rss_growth_mb", "MB", [last.rss - first.rss], [first.rss]));
  report(figure("engine", "heap_growth_mb", "MB", [last.heap - first.heap], [first.heap]));
}
