import {
  chmodSync,
  closeSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  statSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { describe, expect, it } from "vitest";
import { BellhopError, errorCode } from "../../src/base/errors.ts";
import { silentLogger } from "../../src/base/logger.ts";
import { MIGRATIONS } from "../../src/store/migrations/all.ts";
import { SCHEMA_VERSION } from "../../src/store/schema-version.ts";
import { Database } from "../../src/store/sqlite/database.ts";
import { openSqliteStore, type SqliteStoreOptions } from "../../src/store/sqlite/open.ts";
import { ManualClock } from "../support/manual-clock.ts";
import { seededRandom, sqliteFixture, tempFolder } from "../support/store-fixture.ts";
import { aChange, aFlowRun, aRequest } from "../support/store-records.ts";

const isWindows = process.platform === "win32";
const modeOf = (path: string) => statSync(path).mode & 0o777;

const openAt = (path: string, options: Partial<SqliteStoreOptions> = {}) =>
  openSqliteStore({ path, clock: new ManualClock(), random: seededRandom(), log: silentLogger, ...options });

const failureAt = (path: string, clock = new ManualClock()): Promise<BellhopError> =>
  openAt(path, { clock }).then(
    async (store) => {
      await store[Symbol.asyncDispose]();
      throw new Error("it opened");
    },
    (error: unknown) => {
      if (BellhopError.is(error)) return error;
      throw error;
    },
  );

/** A closed store with some runs in it. */
async function filledStore(path: string, runs: number): Promise<void> {
  await using store = await openAt(path);
  await Promise.all(
    Array.from({ length: runs }, () => store.runs.commit(aChange(aFlowRun(), undefined, { requests: [aRequest()] }))),
  );
}

describe("opening a store", () => {
  it.skipIf(isWindows)("makes the folder and the files private to the user", async () => {
    await using fixture = await sqliteFixture();
    await fixture.store.runs.commit(aChange(aFlowRun()));

    expect(modeOf(dirname(fixture.path))).toBe(0o700);
    for (const suffix of ["", "-wal", "-shm"]) expect(modeOf(fixture.path + suffix)).toBe(0o600);
  });

  it.skipIf(isWindows)("makes a file private again that was opened to others", async () => {
    using folder = tempFolder();
    const path = join(folder.path, "bellhop.db");
    await filledStore(path, 1);
    chmodSync(path, 0o644);

    await (await openAt(path))[Symbol.asyncDispose]();

    expect(modeOf(path)).toBe(0o600);
  });

  it("writes a log, flushes it with every commit and checks links", async () => {
    await using fixture = await sqliteFixture();
    const health = await fixture.store.health({ integrity: true });

    expect(health).toMatchObject({
      path: fixture.path,
      schemaVersion: SCHEMA_VERSION,
      journalMode: "wal",
      durability: "full",
      queuedWrites: 0,
      lastFailure: null,
      problems: [],
    });
    expect(health.fileBytes + health.logBytes).toBeGreaterThan(0);
  });

  it("knows as many schemas as there are migrations, numbered without gaps", () => {
    expect(MIGRATIONS.map((migration) => migration.version)).toEqual(
      Array.from({ length: SCHEMA_VERSION }, (_, index) => index + 1),
    );
  });

  it("keeps what was queued when it is closed", async () => {
    using folder = tempFolder();
    const path = join(folder.path, "bellhop.db");
    const run = aFlowRun();
    const store = await openAt(path);
    store.runs.record(aChange(run));

    await store[Symbol.asyncDispose]();
    await store[Symbol.asyncDispose]();

    await using again = await openAt(path);
    expect(await again.runs.readFlowRun(run.id)).not.toBeNull();
  });

  it("keeps what was queued when an exiting process closes it", async () => {
    using folder = tempFolder();
    const path = join(folder.path, "bellhop.db");
    const run = aFlowRun();
    const store = await openAt(path);
    store.runs.record(aChange(run));

    store.closeSync();
    store.closeSync();

    await using again = await openAt(path);
    expect(await again.runs.readFlowRun(run.id)).not.toBeNull();
    expect(readdirSync(folder.path)).not.toContain("bellhop.db-journal");
  });

  it("leaves no log behind when the last process closes it", async () => {
    using folder = tempFolder();
    await filledStore(join(folder.path, "bellhop.db"), 3);

    expect(readdirSync(folder.path)).toEqual(["bellhop.db"]);
  });

  it("answers with a code after it was closed", async () => {
    using folder = tempFolder();
    const store = await openAt(join(folder.path, "bellhop.db"));
    await store[Symbol.asyncDispose]();

    expect(await store.runs.commit(aChange(aFlowRun())).catch(errorCode)).toBe("store_unavailable");
    expect(await store.runs.listFlowRuns().catch(errorCode)).toBe("store_unavailable");
  });
});

describe("a store that cannot be used", () => {
  it.each([
    { what: "a folder", make: (path: string) => mkdirSync(path), code: "store_unavailable" },
    { what: "garbage", make: (path: string) => writeFileSync(path, "garbage ".repeat(2_000)), code: "store_corrupt" },
    { what: "a text", make: (path: string) => writeFileSync(path, "hello"), code: "store_corrupt" },
  ])("says $code of $what", async ({ make, code }) => {
    using folder = tempFolder();
    const path = join(folder.path, "bellhop.db");
    make(path);

    const failure = await failureAt(path);

    expect(failure.code).toBe(code);
    expect(failure.message).toContain(path);
    expect(failure.hint.length).toBeGreaterThan(20);
  });

  it("says so when a file stands where the folder should be", async () => {
    using folder = tempFolder();
    writeFileSync(join(folder.path, "home"), "");

    expect((await failureAt(join(folder.path, "home", "bellhop.db"))).code).toBe("store_unavailable");
  });

  it("leaves another program's database alone", async () => {
    using folder = tempFolder();
    const path = join(folder.path, "theirs.db");
    const theirs = new Database(path);
    theirs.exec("create table contacts (name text)");
    theirs.close();
    const before = readFileSync(path);

    const failure = await failureAt(path);

    expect(failure.code).toBe("store_unavailable");
    expect(failure.message).toMatch(/another program/);
    expect(readFileSync(path).equals(before)).toBe(true);
  });

  it("refuses a store of a newer version and says what to do", async () => {
    using folder = tempFolder();
    const path = join(folder.path, "bellhop.db");
    await filledStore(path, 1);
    const newer = new Database(path);
    newer.exec(`pragma user_version = ${SCHEMA_VERSION + 3}`);
    newer.close();

    const failure = await failureAt(path);

    expect(failure.code).toBe("store_newer");
    expect(failure.details).toEqual({ path, found: SCHEMA_VERSION + 3, known: SCHEMA_VERSION });
    expect(failure.hint).toMatch(/Update Bellhop/);
  });

  it("says that a truncated store is damaged", async () => {
    using folder = tempFolder();
    const path = join(folder.path, "bellhop.db");
    await filledStore(path, 300);
    truncateSync(path, Math.floor(statSync(path).size / 2));

    const failure = await openAt(path).then(
      async (store) => {
        await using open = store;
        return open.runs.listFlowRuns({ limit: 200 }).catch((error: unknown) => error);
      },
      (error: unknown) => error,
    );

    expect(errorCode(failure)).toBe("store_corrupt");
  });

  it("says that a store with destroyed pages is damaged, on reading, on writing and in its health", async () => {
    using folder = tempFolder();
    const path = join(folder.path, "bellhop.db");
    await filledStore(path, 300);
    destroyPages(path);

    await using store = await openAt(path);
    const reading = await store.runs.listFlowRuns({ limit: 200 }).catch(errorCode);
    const writing = await store.runs.commit(aChange(aFlowRun())).catch(errorCode);
    const health = await store.health({ integrity: true });

    expect([reading, writing]).toEqual(["store_corrupt", "store_corrupt"]);
    expect(health.problems?.length).toBeGreaterThan(0);
  });

  it("waits for a locked store and gives up after ten seconds", async () => {
    using folder = tempFolder();
    const path = join(folder.path, "bellhop.db");
    const holder = new Database(path);
    // A rollback journal and an exclusive lock, as a backup program may hold it.
    holder.exec("pragma locking_mode = exclusive; begin exclusive; create table t (a)");
    const clock = new ManualClock();

    const failing = failureAt(path, clock);
    await clock.advance(10_100);
    const failure = await failing;
    holder.exec("rollback");
    holder.close();

    expect(failure.code).toBe("store_busy");
  });
});

/** Overwrites the second half of the pages, where the rows are, with a page type that does not exist. */
function destroyPages(path: string): void {
  const pageBytes = readFileSync(path).readUInt16BE(16);
  const pages = Math.floor(statSync(path).size / pageBytes);
  const file = openSync(path, "r+");
  for (let page = Math.floor(pages / 2); page < pages; page += 1)
    writeSync(file, Buffer.alloc(64, 0x7f), 0, 64, page * pageBytes);
  closeSync(file);
}
