// What delivering costs: messages per second out of the store, the way from commit to arrival, what a bad neighbour and a
// full store change, and memory. docs/benchmarks.md says how to read it.
import { runPayload, textPayload } from "./support/delivery/backlog.ts";
import { type DrainKind, measureDrain } from "./support/delivery/drains.ts";
import { measureFootprint } from "./support/delivery/footprint.ts";
import { measureGrowth } from "./support/delivery/growth.ts";
import { measureNeighbours } from "./support/delivery/neighbours.ts";
import { openSink } from "./support/delivery/open-sink.ts";
import { measurePaced } from "./support/delivery/paced.ts";
import type { BenchOptions, Report } from "./support/options.ts";

const FULL = {
  rounds: 5,
  drained: 40_000,
  paced: 2_000,
  neighbours: 6_000,
  turns: 4,
  old: 1_000_000,
  footprint: 500_000,
};
const QUICK: typeof FULL = {
  rounds: 3,
  drained: 5_000,
  paced: 400,
  neighbours: 600,
  turns: 1,
  old: 50_000,
  footprint: 20_000,
};

const MANY = 10_000;

export async function run(report: Report, { quick }: BenchOptions): Promise<void> {
  const scale = quick ? QUICK : FULL;
  const { rounds, drained } = scale;
  await using sink = await openSink();
  const rendered = await runPayload(sink.origin);
  await measureFootprint(report, sink, textPayload, scale.footprint);
  const sample = { title: String(textPayload["title"]), text: String(textPayload["body"]) };
  const drain = (name: string, more: Partial<DrainKind>): Promise<void> =>
    measureDrain(
      report,
      sink,
      { name, count: drained, destinations: 1, payload: textPayload, sample, ...more },
      rounds,
    );
  await drain("drain_sqlite_per_s", {});
  await drain("drain_sqlite_per_s_100", { destinations: 100 });
  // At least two for each: opening a destination is part of it.
  await drain("drain_sqlite_per_s_10000", { destinations: MANY, count: Math.max(drained, 2 * MANY) });
  await drain("drain_rendered_per_s", { destinations: 100, payload: rendered });
  await measurePaced(report, sink, rendered, scale);
  await measureNeighbours(report, sink, rendered, scale);
  await measureGrowth(report, sink, textPayload, scale);
}
