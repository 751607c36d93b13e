import { DatabaseSync, type StatementSync } from "node:sqlite";
import { BellhopError } from "../../base/errors.ts";

/** What SQL takes and gives. Booleans are 0 and 1, instants integers, objects JSON text. */
export type SqlValue = string | number | null | Uint8Array;

/** One SQL statement with the types of its parameters, in order, and of its rows. The object is the cache key. */
export interface Query<P extends readonly SqlValue[], R = never> {
  readonly sql: string;
  /** Types only, never set: what goes in and what comes out. */
  readonly types?: (params: P) => R;
}

/** Declares a statement. Write one constant per statement, beside the code that runs it. */
export const query = <P extends readonly SqlValue[], R = never>(sql: string): Query<P, R> => ({ sql });

const CHECKPOINT = query<[], { busy: number }>("pragma wal_checkpoint(full)");

const describe = (value: unknown): string =>
  typeof value === "object"
    ? `a ${value?.constructor?.name ?? "null-prototype object"}`
    : `a ${typeof value} (${String(value)})`;

/**
 * `node:sqlite` takes an object in first place for named parameters, and writes NaN as NULL, both without a word.
 *
 * @throws store_value_invalid
 */
function checkValues(params: readonly unknown[]): void {
  for (const value of params) {
    if (typeof value === "string" || value === null) continue;
    if (typeof value === "number" ? Number.isFinite(value) : value instanceof Uint8Array) continue;
    throw new BellhopError("store_value_invalid", { type: describe(value) });
  }
}

/** The JSON text of a value. @throws store_value_invalid for cycles and big integers */
export function toJson(value: unknown): string {
  try {
    return JSON.stringify(value) ?? "null";
  } catch {
    throw new BellhopError("store_value_invalid", { type: "a value that JSON cannot express" });
  }
}

/** A row as an ordinary object; SQLite's rows have no prototype. */
export const plain = <T extends object>(row: T): T => ({ ...row });

export interface DatabaseOptions {
  readonly readOnly?: boolean;
}

/**
 * One connection with its prepared statements. Every call is synchronous and short; errors are SQLite's own, the
 * layer above gives them their codes.
 */
export class Database {
  readonly path: string;
  readonly #db: DatabaseSync;
  readonly #statements = new Map<object, StatementSync>();

  constructor(path: string, options: DatabaseOptions = {}) {
    this.path = path;
    // timeout 0: SQLite's own waiting would block the event loop, so waiting is done outside (busy.ts).
    this.#db = new DatabaseSync(path, {
      timeout: 0,
      readOnly: options.readOnly ?? false,
      enableForeignKeyConstraints: true,
    });
  }

  /** SQLite's log, beside the file that a link at {@link path} may lead to. */
  get logPath(): string {
    return `${this.#db.location() ?? this.path}-wal`;
  }

  get isOpen(): boolean {
    return this.#db.isOpen;
  }

  /** Runs a statement that gives no rows; returns the number of changed rows. */
  run<P extends readonly SqlValue[]>(statement: Query<P, unknown>, ...params: P): number {
    checkValues(params);
    return Number(this.#prepare(statement).run(...params).changes);
  }

  /** Runs a statement that inserts at most one row; returns its key, null when nothing was inserted. */
  insert<P extends readonly SqlValue[]>(statement: Query<P>, ...params: P): number | null {
    checkValues(params);
    const { changes, lastInsertRowid } = this.#prepare(statement).run(...params);
    return changes === 0 ? null : Number(lastInsertRowid);
  }

  /** The first row. */
  get<P extends readonly SqlValue[], R>(statement: Query<P, R>, ...params: P): R | undefined {
    checkValues(params);
    // The row type stands beside the SQL, and every table is STRICT, so a column cannot hold another type.
    return this.#prepare(statement).get(...params) as R | undefined;
  }

  all<P extends readonly SqlValue[], R>(statement: Query<P, R>, ...params: P): R[] {
    checkValues(params);
    // As in get().
    return this.#prepare(statement).all(...params) as R[];
  }

  /**
   * As `all`, each row an array of its columns in order. Half the time for a wide row: SQLite's objects have no shape of
   * their own, and are slow to make and to read.
   */
  tuples<P extends readonly SqlValue[], R extends readonly SqlValue[]>(statement: Query<P, R>, ...params: P): R[] {
    checkValues(params);
    const prepared = this.#prepare(statement);
    prepared.setReturnArrays(true);
    // As in get(); a statement is read in one of these ways only.
    return prepared.all(...params) as unknown as R[];
  }

  /** Runs SQL text without parameters, several statements at will. */
  exec(sql: string): void {
    this.#db.exec(sql);
  }

  /** All of `fn` or nothing. Takes the write lock first, so that it fails before any work rather than in the middle. */
  transaction<T>(fn: () => T): T {
    return this.#within("begin immediate", fn);
  }

  /** Several reads of one state of the database. */
  snapshot<T>(fn: () => T): T {
    return this.#within("begin", fn);
  }

  /** Inside a transaction: what `fn` wrote is taken back when it throws, the rest stays. */
  savepoint<T>(fn: () => T): T {
    this.#db.exec("savepoint unit");
    try {
      const result = fn();
      this.#db.exec("release unit");
      return result;
    } catch (error) {
      // A full disk ends the whole transaction by itself; then there is no savepoint to go back to.
      if (this.#db.isTransaction) this.#db.exec("rollback to unit; release unit");
      throw error;
    }
  }

  /** Moves the whole log into the file, and flushes both; false when another connection is in the way. */
  checkpoint(): boolean {
    return this.get(CHECKPOINT)?.busy === 0;
  }

  /** How long SQLite itself waits for a lock, blocking the process. Only for a process that is exiting. */
  blockForLock(ms: number): void {
    this.#db.exec(`pragma busy_timeout = ${Math.round(ms)}`);
  }

  close(): void {
    this.#statements.clear();
    if (this.#db.isOpen) this.#db.close();
  }

  #within<T>(begin: string, fn: () => T): T {
    this.#db.exec(begin);
    try {
      const result = fn();
      this.#db.exec("commit");
      return result;
    } catch (error) {
      if (this.#db.isTransaction) this.#db.exec("rollback");
      throw error;
    }
  }

  #prepare(statement: Query<never, unknown>): StatementSync {
    let prepared = this.#statements.get(statement);
    if (prepared === undefined) {
      prepared = this.#db.prepare(statement.sql);
      this.#statements.set(statement, prepared);
    }
    return prepared;
  }
}
