import { openBenchHub, tempHome } from "../bench-hub.ts";
import { figure } from "../figures.ts";
import { collectGarbage } from "../memory.ts";
import type { Report } from "../options.ts";
import { enqueueMany, type Payload, saveDestinations } from "./backlog.ts";
import type { Sink } from "./open-sink.ts";

const BYTES_PER_MB = 1_048_576;
const STEPS = 10;
const DESTINATIONS = 100;

/** Resident memory of a process after so many deliveries, beside that after the first tenth of them. */
export async function measureFootprint(report: Report, sink: Sink, payload: Payload, count: number): Promise<void> {
  using home = tempHome();
  await using bench = await openBenchHub(home);
  await saveDestinations(bench.hub, DESTINATIONS, (index) => `${sink.origin}/ok/${index}`);
  const seen: Array<{ readonly rss: number; readonly heap: number }> = [];
  for (let step = 0; step < STEPS; step += 1) {
    await enqueueMany(bench.hub, count / STEPS, DESTINATIONS, payload);
    await bench.hub.drain({ deadlineMs: 600_000 });
    collectGarbage();
    const { rss, heapUsed } = process.memoryUsage();
    seen.push({ rss: rss / BYTES_PER_MB, heap: heapUsed / BYTES_PER_MB });
  }
  const [first, last] = [seen[0], seen.at(-1)];
  if (first === undefined || last === undefined) return;
  report(figure("delivery", "rss_mb", "MB", [last.rss], [first.rss]));
  report(figure("delivery", "heap_mb", "MB", [last.heap], [first.heap]));
}
