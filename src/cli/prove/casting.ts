import { KILL_POINTS, type KillPoint } from "../../base/kill-points.ts";
import type { Random } from "../../base/random.ts";
import type { KillAt } from "../../config/prove-env.ts";
import { between, oneOf, shuffled } from "./seeded.ts";
import type { WorkerPlan } from "./worker-plan.ts";

/** What one process is to do, and how it is to end. */
export interface Part {
  readonly plan: Pick<WorkerPlan, "mode" | "seed" | "clockOffsetMs" | "clockRate" | "jump" | "flows" | "drainMs">;
  readonly at: KillAt | null;
  /** SIGKILL so long after the start, or after its hub was open; null: it may come to its end. */
  readonly kill: { readonly from: "start" | "ready"; readonly afterMs: number } | null;
  /** The store has room for so many pages more than it holds; null: as the disk allows. */
  readonly roomPages: number | null;
  /** Stopped so long after its hub was open, and let go on; a machine that swaps, or a laptop that is closed. */
  readonly freeze: { readonly afterMs: number; readonly forMs: number } | null;
}

const MINUTE_MS = 60_000;

/** Clocks that are wrong by so much for the life of a process, milliseconds. The largest bounds what the end must wait for. */
const WRONG_BY: readonly [number, ...number[]] = [
  -60 * MINUTE_MS,
  -MINUTE_MS,
  -5_000,
  5_000,
  MINUTE_MS,
  60 * MINUTE_MS,
];
export const MOST_WRONG_MS = 2 * 60 * MINUTE_MS;

const SHARE = { point: 0.65, early: 0.1, wrongClock: 0.1, jump: 0.1, full: 0.04, unharmed: 0.15, frozen: 0.05 };

/** Points that only the first processes on a store reach. */
export const FIRST_POINTS: readonly KillPoint[] = [
  "open:before",
  "migrate:before",
  "migrate:inside",
  "migrate:after",
  "open:after",
];

/** Points that the first process with something to send reaches. */
export const FIRST_SEND_POINTS: readonly KillPoint[] = ["payload-key:before", "payload-key:after"];

/** Points that a process reaches on its way out. */
const LAST_POINTS: ReadonlySet<KillPoint> = new Set<KillPoint>([
  "drain:before",
  "drain:after",
  "close:before",
  "close:after",
  "lease-remove:before",
  "lease-remove:after",
]);

/** Points that come round every few seconds: the clock of such a process runs faster. */
const PERIODIC_POINTS: ReadonlySet<KillPoint> = new Set<KillPoint>(["lease-beat:before", "lease-beat:after"]);
const FAST_RATE = 50;

/** Points that are reached once at most. */
const ONCE_POINTS: ReadonlySet<KillPoint> = new Set<KillPoint>([
  ...FIRST_POINTS,
  ...FIRST_SEND_POINTS,
  ...LAST_POINTS,
  "lease-acquire:before",
  "lease-acquire:after",
  "sweep:before",
  "sweep:after",
  "sweep-crash:before",
  "sweep-crash:after",
  "recover:inside",
  "recover:after",
  "rescan:before",
]);
const MOST_HITS = 8;

const MOST_ROOM_PAGES = 8;

/** A process that does not come to its point is ended at any instant all the same. */
const POINT_LIFE_MS = 1_500;
const START_MS = 300;
const LIFE_MS = 700;

const isLater = (point: KillPoint): boolean => !point.startsWith("migrate:") && !point.startsWith("payload-key:");

/** Deals out parts, every kill point in turn. */
export function* parts(random: Random): Generator<Part, never> {
  let points: KillPoint[] = [];
  for (;;) {
    if (random() >= SHARE.point) {
      yield part(random, null);
      continue;
    }
    if (points.length === 0) points = shuffled(random, KILL_POINTS.filter(isLater));
    yield part(random, points.pop() ?? null);
  }
}

/** A process of the prelude, which ends at a point that later ones do not come to. */
export const firstPart = (random: Random, point: KillPoint): Part => ({
  ...part(random, point),
  at: { point, hit: 1 },
  roomPages: null,
  freeze: null,
});

function part(random: Random, point: KillPoint | null): Part {
  const isLast = point !== null && LAST_POINTS.has(point);
  return {
    plan: {
      mode: "work",
      seed: between(random, 1, 2 ** 31),
      clockOffsetMs: random() < SHARE.wrongClock ? oneOf(random, WRONG_BY) : 0,
      clockRate: point !== null && PERIODIC_POINTS.has(point) ? FAST_RATE : 1,
      jump: random() < SHARE.jump ? { byMs: oneOf(random, WRONG_BY), afterMs: between(random, 0, LIFE_MS) } : null,
      flows: isLast ? between(random, 0, 4) : between(random, 2, 9),
      drainMs: isLast ? 200 : 1_000,
    },
    at: point === null ? null : { point, hit: ONCE_POINTS.has(point) ? 1 : hitOf(random) },
    kill: point === null ? killOf(random) : { from: "ready", afterMs: POINT_LIFE_MS },
    roomPages: random() < SHARE.full ? between(random, 0, MOST_ROOM_PAGES) : null,
    freeze:
      random() < SHARE.frozen ? { afterMs: between(random, 0, LIFE_MS), forMs: between(random, 50, LIFE_MS) } : null,
  };
}

/** The first time more often than a later one. */
const hitOf = (random: Random): number => 1 + Math.floor(MOST_HITS * random() ** 3);

function killOf(random: Random): Part["kill"] {
  const drawn = random();
  if (drawn < SHARE.unharmed) return null;
  if (drawn < SHARE.unharmed + SHARE.early) return { from: "start", afterMs: between(random, 0, START_MS) };
  return { from: "ready", afterMs: between(random, 0, LIFE_MS) };
}
