import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { silentLogger } from "../../src/base/logger.ts";
import { openSqliteStore, type SqliteStore, type SqliteStoreOptions } from "../../src/store/sqlite/open.ts";
import { ManualClock } from "./manual-clock.ts";

/** A new empty folder; disposing removes it. */
export function tempFolder(): { readonly path: string } & Disposable {
  const path = mkdtempSync(join(tmpdir(), "bellhop-store-"));
  return { path, [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true }) };
}

/** A source of numbers that always gives the same ones. */
export function seededRandom(seed = 1): () => number {
  let state = seed;
  return () => {
    // Source: "Numerical Recipes", quick and dirty linear congruential generator.
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}

export interface StoreFixture extends AsyncDisposable {
  readonly store: SqliteStore;
  readonly clock: ManualClock;
  /** A second opening of the same database, as another process has it. Closed with the fixture. */
  beside(): Promise<SqliteStore>;
}

/** Gives a new, empty store. A suite takes one, so that it can run on every kind of store. */
export type StoreOpener = () => Promise<StoreFixture>;

export async function sqliteFixture(
  options: Partial<SqliteStoreOptions> = {},
): Promise<StoreFixture & { readonly path: string }> {
  await using building = new AsyncDisposableStack();
  const folder = building.use(tempFolder());
  const clock = new ManualClock();
  const path = join(folder.path, "home", "bellhop.db");
  const open = async (): Promise<SqliteStore> =>
    opened.use(await openSqliteStore({ path, clock, random: seededRandom(), log: silentLogger, ...options }));
  const opened = building.use(new AsyncDisposableStack());
  const store = await open();
  const owned = building.move();
  return { store, clock, path, beside: open, [Symbol.asyncDispose]: () => owned.disposeAsync() };
}
