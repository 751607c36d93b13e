import { readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { silentLogger } from "../../src/base/logger.ts";
import { openSealedRecords } from "../../src/results/sealed-records.ts";
import { serializerOf } from "../../src/results/serializers.ts";
import { openResultFolder } from "../../src/store/file-results/open-folder.ts";
import { Database, query } from "../../src/store/sqlite/database.ts";
import { openSqliteStore } from "../../src/store/sqlite/open.ts";
import { DELETE_EXPIRED } from "../../src/store/sqlite/result-store.ts";
import { ManualClock } from "../support/manual-clock.ts";
import { testSealer } from "../support/results.ts";
import { seededRandom, sqliteFixture, tempFolder } from "../support/store-fixture.ts";
import { type PlaceFixture, recordStoreSuite } from "../store/suite-results.ts";

const COUNT = query<[], { n: number }>("select count(*) as n from results");
const DAMAGE = query<[key: string]>("update results set payload = x'00ff' where storage_key = ?");

const filesBelow = (folder: string): string[] =>
  readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name));

async function inStore(): Promise<PlaceFixture> {
  const fixture = await sqliteFixture();
  const opened = new AsyncDisposableStack();
  return {
    place: fixture.store.results,
    clock: fixture.clock,
    beside: async (clock = fixture.clock) => {
      const store = await openSqliteStore({ path: fixture.path, clock, random: seededRandom(), log: silentLogger });
      return opened.use(store).results;
    },
    bytes: async () => Buffer.concat(["", "-wal"].map((end) => readFileSync(`${fixture.path}${end}`))),
    damage: async (key) => {
      const db = new Database(fixture.path);
      db.run(DAMAGE, key);
      db.close();
    },
    [Symbol.asyncDispose]: async () => {
      await opened.disposeAsync();
      await fixture[Symbol.asyncDispose]();
    },
  };
}

async function inFolder(): Promise<PlaceFixture & { readonly folder: string }> {
  const temp = tempFolder();
  const clock = new ManualClock();
  const folder = join(temp.path, "deep", "results");
  const beside = async (own = clock) => openResultFolder(folder, { clock: own, log: silentLogger });
  return {
    folder,
    clock,
    place: await beside(),
    beside,
    bytes: async () => Buffer.concat(filesBelow(temp.path).map((path) => readFileSync(path))),
    damage: async () => {
      const [path = ""] = filesBelow(folder);
      const bytes = readFileSync(path);
      bytes[bytes.length - 1] = (bytes.at(-1) ?? 0) ^ 1;
      writeFileSync(path, bytes);
    },
    [Symbol.asyncDispose]: async () => temp[Symbol.dispose](),
  };
}

describe("results in the store", () => {
  recordStoreSuite(inStore);

  it("do not pile up once they have expired", async () => {
    await using fixture = await sqliteFixture();
    const { clock, store } = fixture;
    const records = openSealedRecords({
      place: store.results,
      serializer: serializerOf(null),
      sealer: testSealer(),
      clock,
      log: silentLogger,
    });
    for (let index = 0; index < 5; index += 1) {
      await records.write(`k${index}`, { value: index, expiresAtMs: clock.now() + 1_000 });
    }

    await clock.advance(1_001);
    await records.write("new", { value: 1, expiresAtMs: null });

    using db = Object.assign(new Database(fixture.path, { readOnly: true }), {
      [Symbol.dispose](this: Database) {
        this.close();
      },
    });
    expect(db.get(COUNT)).toEqual({ n: 1 });
    const plan = db.all(query<[number], { detail: string }>(`explain query plan ${DELETE_EXPIRED.sql}`), 1);
    expect(plan.map((row) => row.detail).join("\n")).toContain("results_by_expiry");
  });
});

describe("results in a folder", () => {
  recordStoreSuite(inFolder);

  it("lie in files of their own, private to the user, and nothing half-written stays", async () => {
    await using fixture = await inFolder();
    const { clock, place, folder } = fixture;
    const records = openSealedRecords({
      place,
      serializer: serializerOf(null),
      sealer: testSealer(),
      clock,
      log: silentLogger,
    });
    for (const key of ["../x", "b"]) await records.write(key, { value: key, expiresAtMs: null });

    const names = readdirSync(folder);

    expect(names).toHaveLength(2);
    for (const name of names) expect(name).toMatch(/^[0-9a-f]{64}\.result$/);
    expect(statSync(folder).mode & 0o077).toBe(0);
    for (const name of names) expect(statSync(join(folder, name)).mode & 0o077).toBe(0);
  });

  it.each([
    ["nothing"],
    ["no line"],
    ["not JSON\nx"],
    ['{"format":2}\nx'],
    ['{"format":1,"serializer":"json","writtenAtMs":1,"expiresAtMs":"x"}\n'],
  ])("are unreadable when the file holds %j", async (content) => {
    await using fixture = await inFolder();
    await fixture.place.rows.write("k", {
      serializer: "json",
      writtenAtMs: 1,
      expiresAtMs: null,
      payload: Buffer.from("x"),
    });
    const [path = ""] = filesBelow(fixture.folder);
    writeFileSync(path, content === "nothing" ? "" : content);

    await expect(fixture.place.rows.read("k")).rejects.toMatchObject({ code: "result_unreadable" });
  });

  it("say so when the folder cannot be made", async () => {
    using temp = tempFolder();
    const path = join(temp.path, "file");
    writeFileSync(path, "");
    const clock = new ManualClock();
    const { rows } = openResultFolder(join(path, "below"), { clock, log: silentLogger });
    const record = { serializer: "json", writtenAtMs: 1, expiresAtMs: null, payload: Buffer.from("x") };

    await expect(rows.write("k", record)).rejects.toMatchObject({ code: "store_unavailable" });
  });
});
