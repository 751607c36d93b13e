import { DatabaseSync, type SQLInputValue } from "node:sqlite";

type Row = Record<string, SQLInputValue>;

/** What one run left in the store: its row, its states, and what its hooks did. */
export interface RunRows {
  readonly run: Row;
  readonly states: readonly Row[];
  readonly outcomes: readonly Row[];
}

/** Table, the column of `states` that points at it, and the column of `hook_outcomes` that names the run. */
const KINDS = {
  "flow-run": { table: "flow_runs", stateColumn: "flow_run_key", outcomeColumn: "flow_run_id" },
  "task-run": { table: "task_runs", stateColumn: "task_run_key", outcomeColumn: "task_run_id" },
} as const;
export type RunKind = keyof typeof KINDS;

/** Columns that the database numbers itself. */
const KEYS: ReadonlySet<string> = new Set(["key", "seq"]);

const rows = (db: DatabaseSync, sql: string, ...params: SQLInputValue[]): Row[] => db.prepare(sql).all(...params);

/** An insert of all columns but the key, by position; returns the key. */
function insertInto(db: DatabaseSync, table: string): (row: Row) => number | bigint {
  const columns = rows(db, `pragma table_info(${table})`)
    .map(({ name }) => String(name))
    .filter((name) => !KEYS.has(name));
  const statement = db.prepare(
    `insert into ${table} (${columns.join(", ")}) values (${columns.map(() => "?").join(", ")})`,
  );
  return (row) => statement.run(...columns.map((name) => row[name] ?? null)).lastInsertRowid;
}

/** Bare `node:sqlite` on a store's file: prepared inserts, `begin` and `commit`, nothing else. */
export interface RawStore extends Disposable {
  /** The newest runs of a kind with all their rows, oldest first. */
  newest(kind: RunKind, count: number): RunRows[];
  /** Writes these rows, so many runs in each transaction. */
  write(kind: RunKind, runs: readonly RunRows[], runsPerTransaction: number): void;
  /** Writes these rows, each run in as many transactions as it has states. */
  writeStateByState(kind: RunKind, runs: readonly RunRows[]): void;
  /** Keeps no promise about the loss of power from here on; for rows that are not measured. */
  relax(): void;
}

export function openRawStore(path: string): RawStore {
  const db = new DatabaseSync(path);
  // As the store sets its own connection.
  db.exec("pragma journal_mode = wal; pragma synchronous = full; pragma foreign_keys = on");
  const insert = {
    "flow-run": insertInto(db, "flow_runs"),
    "task-run": insertInto(db, "task_runs"),
    states: insertInto(db, "states"),
    outcomes: insertInto(db, "hook_outcomes"),
  };
  // The least a state change can do to its run.
  const touch = {
    "flow-run": db.prepare("update flow_runs set state_id = ? where key = ?"),
    "task-run": db.prepare("update task_runs set state_id = ? where key = ?"),
  };
  const writeRun = (kind: RunKind, { run, states, outcomes }: RunRows): void => {
    const key = insert[kind](run);
    for (const state of states) insert.states({ ...state, [KINDS[kind].stateColumn]: key });
    for (const outcome of outcomes) insert.outcomes(outcome);
  };
  return {
    newest: (kind, count) => {
      const { table, stateColumn, outcomeColumn } = KINDS[kind];
      const runs = rows(db, `select * from ${table} order by key desc limit ?`, count).toReversed();
      const first = runs[0]?.["key"] ?? 0;
      const newer = `(select %s from ${table} where key >= ?)`;
      const states = rows(
        db,
        `select * from states where ${stateColumn} in ${newer.replace("%s", "key")} order by seq`,
        first,
      );
      const outcomes = rows(
        db,
        `select * from hook_outcomes where ${outcomeColumn} in ${newer.replace("%s", "id")} order by key`,
        first,
      );
      const statesOf = Map.groupBy(states, (row) => row[stateColumn]);
      const outcomesOf = Map.groupBy(outcomes, (row) => row[outcomeColumn]);
      return runs.map((run) => ({
        run,
        states: statesOf.get(run["key"]) ?? [],
        outcomes: outcomesOf.get(run["id"]) ?? [],
      }));
    },
    write: (kind, runs, runsPerTransaction) => {
      for (let from = 0; from < runs.length; from += runsPerTransaction) {
        db.exec("begin immediate");
        for (const run of runs.slice(from, from + runsPerTransaction)) writeRun(kind, run);
        db.exec("commit");
      }
    },
    writeStateByState: (kind, runs) => {
      for (const { run, states } of runs) {
        let key: number | bigint | undefined;
        for (const state of states) {
          db.exec("begin immediate");
          if (key === undefined) key = insert[kind](run);
          else touch[kind].run(run["state_id"] ?? null, key);
          insert.states({ ...state, [KINDS[kind].stateColumn]: key });
          db.exec("commit");
        }
      }
    },
    relax: () => db.exec("pragma synchronous = off"),
    [Symbol.dispose]: () => db.close(),
  };
}
