import { DatabaseSync, type SQLInputValue } from "node:sqlite";

/** Columns that the database numbers itself. */
const KEYS: ReadonlySet<string> = new Set(["key", "seq"]);
/** As the store sets its connection; the rest is in the file. */
const PRAGMAS = "pragma synchronous = full; pragma foreign_keys = on; pragma journal_mode = wal";

type Row = Record<string, SQLInputValue>;

/** What one run left in the store: its row, its states, and what its hooks did. */
export interface RunRows {
  readonly run: Row;
  readonly states: readonly Row[];
  readonly outcomes: readonly Row[];
}

export type RunTable = "flow_runs" | "task_runs";

interface Insert {
  /** Returns the row's key. */
  (row: Row): number | bigint;
}

/** An insert of all columns but the key, by position. */
function insertInto(db: DatabaseSync, table: string): Insert {
  const columns = (db.prepare(`pragma table_info(${table})`).all() as { name: string }[])
    .map(({ name }) => name)
    .filter((name) => !KEYS.has(name));
  const statement = db.prepare(
    `insert into ${table} (${columns.join(", ")}) values (${columns.map(() => "?").join(", ")})`,
  );
  return (row) => statement.run(...columns.map((name) => row[name] ?? null)).lastInsertRowid;
}

/** Bare `node:sqlite` on a store's file: nothing but prepared inserts, begin and commit. */
export interface RawStore extends Disposable {
  /** The newest runs of a table with all their rows, in the order in which they were made. */
  newest(table: RunTable, count: number): RunRows[];
  /** Writes these rows, so many runs per transaction. */
  write(table: RunTable, runs: readonly RunRows[], runsPerTransaction: number): void;
  /** Removes runs by hand, so that they can be written again. */
  clear(): void;
}

export function openRawStore(path: string): RawStore {
  const db = new DatabaseSync(path);
  db.exec(PRAGMAS);
  const insert = {
    flow_runs: insertInto(db, "flow_runs"),
    task_runs: insertInto(db, "task_runs"),
    states: insertInto(db, "states"),
    hook_outcomes: insertInto(db, "hook_outcomes"),
  };
  const writeRun = (table: RunTable, { run, states, outcomes }: RunRows): void => {
    const key = insert[table](run);
    const column = table === "flow_runs" ? "flow_run_key" : "task_run_key";
    for (const state of states) {
      state[column] = key;
      insert.states(state);
    }
    for (const outcome of outcomes) insert.hook_outcomes(outcome);
  };
  return {
    newest: (table, count) => {
      const kind = table === "flow_runs" ? "flow_run" : "task_run";
      const runs = db.prepare(`select * from ${table} order by key desc limit ?`).all(count) as Row[];
      const statesOf = db.prepare(`select * from states where ${kind}_key = ? order by seq`);
      const outcomesOf = db.prepare(
        table === "task_runs"
          ? "select * from hook_outcomes where state_id in (select id from states where task_run_key = ?)"
          : "select * from hook_outcomes where state_id in (select id from states where flow_run_key = ?)",
      );
      return runs.toReversed().map((run) => {
        const key = run["key"] ?? null;
        return { run, states: statesOf.all(key) as Row[], outcomes: [] as Row[], outcomesOf, key };
      });
    },
    write: (table, runs, runsPerTransaction) => {
      for (let from = 0; from < runs.length; from += runsPerTransaction) {
        db.exec("begin immediate");
        for (const run of runs.slice(from, from + runsPerTransaction)) writeRun(table, run);
        db.exec("commit");
      }
    },
    clear: () => db.exec("delete from hook_outcomes; delete from states; delete from task_runs; delete from flow_runs"),
    [Symbol.dispose]: () => db.close(),
  };
}
