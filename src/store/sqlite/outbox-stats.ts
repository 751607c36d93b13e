import type { DeliveryStatus } from "../../delivery/delivery.ts";
import type { DestinationStats, StatsOptions } from "../../delivery/outbox-store.ts";
import { query } from "./database.ts";
import type { Session } from "./session.ts";

interface Count {
  readonly destination: string;
  readonly status: DeliveryStatus;
  readonly count: number;
  readonly oldestDueMs: number | null;
}

// Each walks a partial index: what is not delivered is little.
export const COUNT_QUEUED = query<[], Count>(
  `select destination, 'queued' as status, count(*) as count, min(next_attempt_at_ms) as oldestDueMs
   from deliveries indexed by deliveries_due where status = 'queued' group by destination`,
);
export const COUNT_SENDING = query<[], Count>(
  `select destination, 'sending' as status, count(*) as count, null as oldestDueMs
   from deliveries indexed by deliveries_sending where status = 'sending' group by destination`,
);
export const COUNT_GIVEN_UP = query<[], Count>(
  `select destination, status, count(*) as count, null as oldestDueMs
   from deliveries indexed by deliveries_given_up where status in ('dead', 'suppressed') group by status, destination`,
);

interface AttemptFacts {
  readonly key: number;
  readonly destination: string;
  readonly startedAtMs: number;
  readonly durationMs: number;
  /** `delivered`, `retry`, `permanent`. */
  readonly kind: string;
  /** 1 when this attempt ended the delivery well. */
  readonly isLast: 0 | 1;
  /** 1 when its process died, so that nobody knows how long it took. */
  readonly isLost: 0 | 1;
  /** 1 for the last attempt of a delivery that may have arrived more than once. */
  readonly isUncertain: 0 | 1;
}

/** Along the primary key, from the newest. */
export const ATTEMPTS_BEFORE = query<[beforeKey: number, destination: string, limit: number], AttemptFacts>(
  `select a.key, d.destination, a.started_at_ms as startedAtMs, a.duration_ms as durationMs, a.outcome ->> 'kind' as kind,
     d.status = 'delivered' and a.number = d.attempts and a.outcome ->> 'kind' = 'delivered' as isLast,
     coalesce(a.outcome ->> 'reason' = 'process-ended', 0) as isLost,
     case d.uncertain when 1 then a.key = (select max(x.key) from attempts x where x.delivery_seq = d.seq) else 0 end
       as isUncertain
   from attempts a join deliveries d on d.seq = a.delivery_seq
   where a.key < ?1 and (?2 = '' or d.destination = ?2) order by a.key desc limit ?3`,
);

/** Attempts read at once, so that the event loop turns every few milliseconds. */
const CHUNK = 2_000;
/** The newest so many attempts are enough for the figures of a window. */
const MOST_ATTEMPTS = 200_000;

const DAY_MS = 86_400_000;

interface Tally {
  readonly counts: Record<DeliveryStatus, number>;
  oldestDueMs: number | null;
  attemptsToday: number;
  attempts: number;
  delivered: number;
  uncertain: number;
  readonly durationsMs: number[];
}

const newTally = (): Tally => ({
  counts: { queued: 0, sending: 0, delivered: 0, suppressed: 0, dead: 0 },
  oldestDueMs: null,
  attemptsToday: 0,
  attempts: 0,
  delivered: 0,
  uncertain: 0,
  durationsMs: [],
});

function latencyOf(durationsMs: readonly number[]): DestinationStats["latency"] {
  if (durationsMs.length === 0) return null;
  const sorted = durationsMs.toSorted((a, b) => a - b);
  // Nearest rank.
  const of = (share: number): number => sorted[Math.ceil(share * sorted.length) - 1] ?? 0;
  return { p50Ms: of(0.5), p95Ms: of(0.95), p99Ms: of(0.99), maxMs: of(1) };
}

const toStats = (destination: string, tally: Tally): DestinationStats => ({
  destination,
  counts: tally.counts,
  oldestDueMs: tally.oldestDueMs,
  attemptsToday: tally.attemptsToday,
  attempts: tally.attempts,
  uncertain: tally.uncertain,
  successRatio: tally.attempts === 0 ? null : tally.delivered / tally.attempts,
  latency: latencyOf(tally.durationsMs),
});

class Tallies {
  readonly #byDestination = new Map<string, Tally>();
  readonly #fromMs: number;
  readonly #midnightMs: number;

  constructor({ nowMs, windowMs = DAY_MS }: StatsOptions) {
    this.#fromMs = nowMs - windowMs;
    this.#midnightMs = Math.floor(nowMs / DAY_MS) * DAY_MS;
  }

  addCount({ destination, status, count, oldestDueMs }: Count): void {
    const tally = this.#of(destination);
    tally.counts[status] += count;
    if (oldestDueMs !== null) tally.oldestDueMs = oldestDueMs;
  }

  /** False for one that ended before the window. */
  addAttempt({ destination, startedAtMs, durationMs, kind, isLast, isLost, isUncertain }: AttemptFacts): boolean {
    if (startedAtMs + durationMs < this.#fromMs) return false;
    const tally = this.#of(destination);
    tally.attempts += 1;
    if (startedAtMs >= this.#midnightMs) tally.attemptsToday += 1;
    if (kind === "delivered") tally.delivered += 1;
    tally.counts.delivered += isLast;
    tally.uncertain += isUncertain;
    if (isLost === 0) tally.durationsMs.push(durationMs);
    return true;
  }

  all(): DestinationStats[] {
    const entries = [...this.#byDestination].toSorted(([a], [b]) => (a < b ? -1 : 1));
    return entries.map(([destination, tally]) => toStats(destination, tally));
  }

  #of(destination: string): Tally {
    let tally = this.#byDestination.get(destination);
    if (tally === undefined) this.#byDestination.set(destination, (tally = newTally()));
    return tally;
  }
}

/** See `OutboxStore.stats`. Attempts are read from the newest back, until a whole chunk is older than the window. */
export async function readStats({ read }: Session, options: StatsOptions): Promise<DestinationStats[]> {
  const { destination = "" } = options;
  const tallies = new Tallies(options);
  const counts = await read((db) =>
    db.snapshot(() => [...db.all(COUNT_QUEUED), ...db.all(COUNT_SENDING), ...db.all(COUNT_GIVEN_UP)]),
  );
  for (const count of counts) if (destination === "" || count.destination === destination) tallies.addCount(count);
  let beforeKey = Number.MAX_SAFE_INTEGER;
  for (let seen = 0; seen < MOST_ATTEMPTS; seen += CHUNK) {
    const chunk = await read((db) => db.all(ATTEMPTS_BEFORE, beforeKey, destination, CHUNK));
    const counted = chunk.filter((attempt) => tallies.addAttempt(attempt)).length;
    const last = chunk.at(-1);
    if (last === undefined || chunk.length < CHUNK || counted === 0) break;
    beforeKey = last.key;
    await new Promise<void>((resolve) => setImmediate(resolve));
  }
  return tallies.all();
}
