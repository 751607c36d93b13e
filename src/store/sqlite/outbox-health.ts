import { killPoint } from "../../base/kill-points.ts";
import type { DestinationHealth, HealthMemory } from "../../delivery/delivery.ts";
import { newHealth } from "../../delivery/health.ts";
import { type Database, query, toJson } from "./database.ts";

const COLUMNS = `destination, consecutive_failures as consecutiveFailures, consecutive_refusals as consecutiveRefusals,
  breaker, open_for_ms as openForMs, probe_at_ms as probeAtMs, failing_since_ms as failingSinceMs,
  last_success_ms as lastSuccessMs, last_told_ms as lastToldMs, disabled_reason as disabledReason, memory,
  given_up as givenUp, replayed_at_ms as replayedAtMs`;

/** A row of `destinations`, under the port's names. */
type HealthRow = Omit<DestinationHealth, "memory"> & { readonly memory: string };

/** A plain object, as the port promises. */
const toHealth = (row: HealthRow): DestinationHealth => ({
  ...row,
  // Written by toJson() from a value of this type.
  memory: JSON.parse(row.memory) as HealthMemory,
});

/** Unique index on destination. */
export const READ_HEALTH = query<[destination: string], HealthRow>(
  `select ${COLUMNS} from destinations where destination = ?`,
);

/** One row per destination, in the order of the unique index. */
export const LIST_HEALTH = query<[], HealthRow>(`select ${COLUMNS} from destinations order by destination`);

export const WRITE_HEALTH = query<
  [
    destination: string,
    consecutiveFailures: number,
    consecutiveRefusals: number,
    breaker: string,
    openForMs: number,
    probeAtMs: number | null,
    failingSinceMs: number | null,
    lastSuccessMs: number | null,
    lastToldMs: number | null,
    disabledReason: string | null,
    memory: string,
  ]
>(
  `insert into destinations (destination, consecutive_failures, consecutive_refusals, breaker, open_for_ms, probe_at_ms,
     failing_since_ms, last_success_ms, last_told_ms, disabled_reason, memory)
   values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
   on conflict (destination) do update set consecutive_failures = excluded.consecutive_failures,
     consecutive_refusals = excluded.consecutive_refusals, breaker = excluded.breaker, open_for_ms = excluded.open_for_ms,
     probe_at_ms = excluded.probe_at_ms, failing_since_ms = excluded.failing_since_ms,
     last_success_ms = excluded.last_success_ms, last_told_ms = excluded.last_told_ms,
     disabled_reason = excluded.disabled_reason, memory = excluded.memory`,
);

/** Unique index on destination. The next delivery to a disabled destination is sent as a test. */
export const TEST_NOW = query<[destination: string]>(
  "update destinations set probe_at_ms = 0 where destination = ? and disabled_reason is not null",
);

/** Unique index on destination. A destination that never failed has no row, and nothing there that could be too old. */
const REPLAYED = query<[nowMs: number, destination: string]>(
  `update destinations set replayed_at_ms = ?, probe_at_ms = case when disabled_reason is null then probe_at_ms else 0 end
   where destination = ?`,
);

/** A person wants to know whether it works now, and gives what waits its full chance again. */
export const noteReplay = (db: Database, destination: string, nowMs: number): void =>
  void db.run(REPLAYED, nowMs, destination);

/** Unique index on destination. */
const COUNT_GIVEN_UP = query<[count: number, destination: string]>(
  "update destinations set given_up = given_up + ? where destination = ?",
);

/**
 * Counts deliveries that are given up without the result of an attempt, in the transaction that does it, for whoever looks
 * after their destination next. The number only grows, and a health that is written at the same time leaves it alone.
 */
export function countGivenUp(db: Database, destinations: readonly string[]): void {
  for (const [destination, { length }] of Map.groupBy(destinations, (name) => name)) {
    if (db.run(COUNT_GIVEN_UP, length, destination) > 0) continue;
    prepareHealth(newHealth(destination))(db);
    db.run(COUNT_GIVEN_UP, length, destination);
  }
}

const whole = (ms: number | null): number | null => (ms === null ? null : Math.ceil(ms));

/** Copies a health and returns what puts it in place of what is stored of the destination. @throws store_value_invalid */
export function prepareHealth(health: DestinationHealth): (db: Database) => void {
  const params = [
    health.destination,
    health.consecutiveFailures,
    health.consecutiveRefusals,
    health.breaker,
    Math.ceil(health.openForMs),
    whole(health.probeAtMs),
    whole(health.failingSinceMs),
    whole(health.lastSuccessMs),
    whole(health.lastToldMs),
    health.disabledReason,
    toJson(health.memory),
  ] as const;
  return (db) => {
    db.run(WRITE_HEALTH, ...params);
    killPoint("health:inside");
  };
}

export const readHealth = (db: Database, destination: string): DestinationHealth | null => {
  const row = db.get(READ_HEALTH, destination);
  return row === undefined ? null : toHealth(row);
};

export const listHealth = (db: Database): DestinationHealth[] => db.all(LIST_HEALTH).map(toHealth);
