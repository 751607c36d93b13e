import { setTimeout as sleep } from "node:timers/promises";
import { Agent } from "undici";
import { type BenchHub, openBenchHub, tempHome } from "../bench-hub.ts";
import { figure, median, quantile } from "../figures.ts";
import type { Report } from "../options.ts";
import { nowMs } from "../receiver.ts";
import { enqueue, type Payload, refOf, requestFor, saveDestinations } from "./backlog.ts";
import type { Sink } from "./open-sink.ts";
import { rawRequest } from "./raw.ts";

const PER_SECOND = 200;
/** What is still under way after the last message of a round. */
const SETTLE_MS = 500;

/** Calls `step` so many times, at this pace; one that takes longer is followed at once. */
async function pace(count: number, perSecond: number, step: (index: number) => Promise<void>): Promise<void> {
  const begin = performance.now();
  for (let index = 0; index < count; index += 1) {
    const waitMs = begin + (index * 1_000) / perSecond - performance.now();
    if (waitMs > 0) await sleep(waitMs);
    await step(index);
  }
}

/** Milliseconds from commit to arrival of each delivery to a destination that answers. */
export async function pacedLatencies(
  { hub }: BenchHub,
  sink: Sink,
  load: {
    readonly count: number;
    readonly perSecond: number;
    readonly payload: Payload;
    readonly refs: readonly string[];
  },
): Promise<number[]> {
  const committedMs = new Map<string, number>();
  let lastMs = 0;
  // Called within the commit, before anybody is told.
  using _listening = hub.store.outbox.onEnqueued(() => (lastMs = nowMs()));
  await sink.arrivals();
  await pace(load.count, load.perSecond, async (index) => {
    const request = requestFor(load.refs[index % load.refs.length] ?? "", load.payload);
    await enqueue(hub, [request]);
    committedMs.set(request.id, lastMs);
  });
  await sleep(SETTLE_MS);
  const arrivals = await sink.arrivals();
  return [...committedMs].flatMap(([id, atMs]) => {
    const arrivedMs = arrivals.get(id);
    return arrivedMs === undefined ? [] : [arrivedMs - atMs];
  });
}

/** Milliseconds from a bare request to its arrival, at the same pace. */
async function rawLatencies(sink: Sink, count: number): Promise<number[]> {
  const agent = new Agent({ connections: 64, pipelining: 1 });
  const sentMs = new Map<string, number>();
  await sink.arrivals();
  await pace(count, PER_SECOND, async (index) => {
    const id = `raw-${index}`;
    sentMs.set(id, nowMs());
    await rawRequest({ url: `${sink.origin}/timed/raw`, headers: { "idempotency-key": id }, body: "{}" }, agent);
  });
  const arrivals = await sink.arrivals();
  await agent.close();
  return [...sentMs].map(([id, atMs]) => (arrivals.get(id) ?? Number.NaN) - atMs);
}

export interface PacedScale {
  readonly rounds: number;
  /** Messages of one round. */
  readonly paced: number;
}

/** How long a message takes from its commit to its arrival when 200 come in a second. */
export async function measurePaced(report: Report, sink: Sink, payload: Payload, scale: PacedScale): Promise<void> {
  using home = tempHome();
  await using bench = await openBenchHub(home);
  await saveDestinations(bench.hub, 1, () => `${sink.origin}/timed/0`);
  const load = { count: scale.paced, perSecond: PER_SECOND, payload, refs: [refOf(0)] };
  const samples = { p50: [] as number[], p99: [] as number[], raw50: [] as number[], raw99: [] as number[] };
  for (let round = -1; round < scale.rounds; round += 1) {
    const ours = await pacedLatencies(bench, sink, load);
    const raw = await rawLatencies(sink, scale.paced);
    if (ours.length !== scale.paced) throw new Error(`of ${scale.paced} messages ${ours.length} arrived`);
    if (round < 0) continue;
    samples.p50.push(median(ours));
    samples.p99.push(quantile(ours, 0.99));
    samples.raw50.push(median(raw));
    samples.raw99.push(quantile(raw, 0.99));
  }
  report(figure("delivery", "paced_p50_ms", "ms", samples.p50, samples.raw50));
  report(figure("delivery", "paced_p99_ms", "ms", samples.p99, samples.raw99));
}
