import { type Home, openBenchHub, tempHome } from "../bench-hub.ts";
import { figure } from "../figures.ts";
import type { Report } from "../options.ts";
import { copyHome, enqueueMany, openBenchCore, type Payload, saveDestinations } from "./backlog.ts";
import type { Sink } from "./open-sink.ts";
import { rawPosts } from "./raw.ts";

/** The first round of each kind loads modules and is not measured. */
export const WARM_UP = 1;
/** Longest drain, milliseconds. */
const DEADLINE_MS = 600_000;

export interface Backlog extends Disposable {
  readonly home: Home;
  readonly count: number;
}

/** A store in which so many deliveries wait for so many destinations. */
export async function openBacklog(
  sink: Sink,
  { count, destinations, payload }: { count: number; destinations: number; payload: Payload },
): Promise<Backlog> {
  const home = tempHome();
  await using core = await openBenchCore(home);
  await saveDestinations(core, destinations, (index) => `${sink.origin}/ok/${index}`);
  await enqueueMany(core, count, destinations, payload);
  return { home, count, [Symbol.dispose]: () => home[Symbol.dispose]() };
}

/** Milliseconds from the opening of a copy of the backlog until all of it is delivered, each attempt with its row. */
export async function drainCopy({ home, count }: Backlog, sink: Sink): Promise<number> {
  using copy = copyHome(home);
  // Awaited here: the copy is removed when this returns.
  return await drainHome(copy, count, sink);
}

/** As {@link drainCopy}, of the store itself: it is empty then. */
export async function drainHome(home: Home, count: number, sink: Sink): Promise<number> {
  await sink.count();
  let ms = 0;
  {
    const begin = performance.now();
    await using bench = await openBenchHub(home);
    const { queued, delivered, dead } = await bench.hub.drain({ deadlineMs: DEADLINE_MS });
    ms = performance.now() - begin;
    const arrived = await sink.count();
    if (queued + dead > 0 || delivered !== count || arrived !== count)
      throw new Error(`of ${count} deliveries ${arrived} arrived, ${queued} are queued and ${dead} are dead`);
  }
  return ms;
}

/** The body and headers of one delivery, for bare requests of the same size. */
const rawPost = (sink: Sink, { title, text }: { readonly title: string; readonly text: string }) => ({
  url: `${sink.origin}/ok/raw`,
  headers: {
    "content-type": "application/json",
    "idempotency-key": "01994f1f-0000-7000-8000-000000000000",
    "user-agent": "Bellhop",
    accept: "application/json",
  },
  body: JSON.stringify({ title, text }),
});

export interface DrainKind {
  readonly name: string;
  readonly count: number;
  readonly destinations: number;
  readonly payload: Payload;
  /** What a message of this kind says, about, for bare requests of its size. */
  readonly sample: { readonly title: string; readonly text: string };
}

/** Deliveries per second out of a store, beside bare requests per second, in turn. */
export async function measureDrain(report: Report, sink: Sink, kind: DrainKind, rounds: number): Promise<void> {
  const { name, count, destinations, payload, sample } = kind;
  using backlog = await openBacklog(sink, { count, destinations, payload });
  const [ours, raw]: [number[], number[]] = [[], []];
  for (let round = -WARM_UP; round < rounds; round += 1) {
    const rawMs = await rawPosts(rawPost(sink, sample), count);
    const ms = await drainCopy(backlog, sink);
    if (round < 0) continue;
    ours.push((count / ms) * 1_000);
    raw.push((count / rawMs) * 1_000);
  }
  report(figure("delivery", name, "1/s", ours, raw));
}
