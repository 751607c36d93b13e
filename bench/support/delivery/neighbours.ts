import { openBenchHub, tempHome } from "../bench-hub.ts";
import { figure, quantile } from "../figures.ts";
import type { Report } from "../options.ts";
import { type Payload, refOf, saveDestinations } from "./backlog.ts";
import type { Sink } from "./open-sink.ts";
import { pacedLatencies } from "./paced.ts";

const DESTINATIONS = 100;
const PER_SECOND = 400;
/** What the bad one of the hundred does; `timed` is a good one. */
const KINDS = ["timed", "hang", "limited"] as const;
type Kind = (typeof KINDS)[number];
/** Milliseconds on the way to the others while one of a hundred behaves like that. */
async function waysBeside(kind: Kind, sink: Sink, payload: Payload, count: number): Promise<number[]> {
  using home = tempHome();
  await using bench = await openBenchHub(home);
  await saveDestinations(bench.hub, DESTINATIONS, (index) => `${sink.origin}/${index === 0 ? kind : "timed"}/${index}`);
  const refs = Array.from({ length: DESTINATIONS }, (_, index) => refOf(index));
  // Opens the connections and loads the blocks.
  await pacedLatencies(bench, sink, { count: DESTINATIONS * 2, perSecond: PER_SECOND, payload, refs });
  const ways = await pacedLatencies(bench, sink, { count, perSecond: PER_SECOND, payload, refs });
  const least = Math.floor(count * (1 - 1 / DESTINATIONS)) - 1;
  if (ways.length < least) throw new Error(`of ${least} messages ${ways.length} arrived in time`);
  return ways;
}

export interface NeighbourScale {
  readonly rounds: number;
  /** Messages of each kind in a round. */
  readonly neighbours: number;
  /** Turns in which they are sent, so that noise of the machine meets all kinds alike. */
  readonly turns: number;
}

/** How much later the others get theirs when one of a hundred destinations hangs, or answers 429. */
export async function measureNeighbours(
  report: Report,
  sink: Sink,
  payload: Payload,
  scale: NeighbourScale,
): Promise<void> {
  const p99s: Record<Kind, number[]> = { timed: [], hang: [], limited: [] };
  for (let round = 0; round < scale.rounds; round += 1) {
    const ways: Record<Kind, number[]> = { timed: [], hang: [], limited: [] };
    for (let turn = 0; turn < scale.turns; turn += 1) {
      // Each kind comes first, second and third equally often.
      for (const offset of KINDS.keys()) {
        const kind = KINDS[(turn + offset) % KINDS.length] ?? "timed";
        ways[kind].push(...(await waysBeside(kind, sink, payload, scale.neighbours / scale.turns)));
      }
    }
    for (const kind of KINDS) p99s[kind].push(quantile(ways[kind], 0.99));
  }
  const change = (kind: Kind): number[] =>
    p99s[kind].map((p99, round) => (p99 / (p99s.timed[round] ?? Number.NaN) - 1) * 100);
  report(figure("delivery", "hundred_p99_ms", "ms", p99s.timed));
  report(figure("delivery", "slow_neighbour_p99_change", "%", change("hang")));
  report(figure("delivery", "limited_neighbour_p99_change", "%", change("limited")));
}
