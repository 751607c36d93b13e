import { DatabaseSync } from "node:sqlite";
import type { Owed, StoredDelivery, StoredStatus } from "./history.ts";

/** What a store says in the end. Read with SQL of our own: the code under proof must not speak for itself. */
export interface StoreEnd {
  readonly deliveries: readonly StoredDelivery[];
  readonly owed: readonly Owed[];
  readonly stateIds: ReadonlySet<string>;
  readonly unfinishedRuns: readonly string[];
  readonly recordedAttempts: ReadonlyMap<number, number>;
  readonly integrity: string;
}

type Row = Readonly<Record<string, unknown>>;

const DELIVERIES = `select seq, id, state_id as stateId, destination, subject, status, attempts, uncertain, reason, detail
  from deliveries where origin = 'hook' order by seq`;

const STATES = `select s.id, s.type, s.name, coalesce(f.hooks, t.hooks) as hooks from states s
  left join flow_runs f on f.key = s.flow_run_key left join task_runs t on t.key = s.task_run_key`;

const ENDED = "('COMPLETED', 'FAILED', 'CRASHED', 'CANCELLED')";
const UNFINISHED = `select 'flow run ' || name || ' is ' || state_name as run from flow_runs where state_type not in ${ENDED}
  union all
  select 'task run ' || name || ' is ' || state_name from task_runs where state_type not in ${ENDED}`;

const ATTEMPTS = "select delivery_seq as seq, count(*) as count from attempts group by delivery_seq";

const OPEN = `select (select count(*) from deliveries where status in ('queued', 'sending'))
  + (select count(*) from (${UNFINISHED})) as count`;

function withStore<T>(path: string, read: (all: (sql: string) => Row[]) => T): T {
  const db = new DatabaseSync(path, { readOnly: true, timeout: 10_000 });
  try {
    return read((sql) => db.prepare(sql).all());
  } finally {
    db.close();
  }
}

/** Deliveries that are still to be sent, and runs that have no end. */
export const countOpen = (path: string): number => withStore(path, (all) => Number(all(OPEN)[0]?.["count"] ?? 0));

/** Pages of the file, as the next transaction finds them. */
export const countPages = (path: string): number =>
  withStore(path, (all) => Number(all("pragma page_count")[0]?.["page_count"] ?? 0));

export function readEnd(path: string): StoreEnd {
  return withStore(path, (all) => {
    const states = all(STATES);
    return {
      deliveries: all(DELIVERIES).map(toDelivery),
      owed: states.flatMap(owedBy),
      stateIds: new Set(states.map((row) => String(row["id"]))),
      unfinishedRuns: all(UNFINISHED).map((row) => String(row["run"])),
      recordedAttempts: new Map(all(ATTEMPTS).map((row) => [Number(row["seq"]), Number(row["count"])])),
      integrity: all("pragma integrity_check")
        .map((row) => String(row["integrity_check"]))
        .join("; "),
    };
  });
}

const textOrNull = (value: unknown): string | null => (typeof value === "string" ? value : null);

const toDelivery = (row: Row): StoredDelivery => ({
  seq: Number(row["seq"]),
  id: String(row["id"]),
  stateId: textOrNull(row["stateId"]),
  destination: String(row["destination"]),
  subject: String(row["subject"]),
  // What else it might be is as good as open, and found out.
  status: String(row["status"]) as StoredStatus,
  attempts: Number(row["attempts"]),
  uncertain: row["uncertain"] === 1,
  reason: textOrNull(row["reason"]),
  detail: textOrNull(row["detail"]),
});

interface StoredHook {
  readonly on: readonly string[];
  readonly retries?: boolean;
  readonly ref: string;
}

function owedBy({ id, type, name, hooks }: Row): Owed[] {
  // Written by the engine; what cannot be read ends the proof with an error.
  const declared = JSON.parse(String(hooks)) as StoredHook[];
  return declared
    .filter(({ on, retries }) => on.includes(String(type)) || (retries === true && name === "AwaitingRetry"))
    .map(({ ref }) => ({ stateId: String(id), destination: ref }));
}
