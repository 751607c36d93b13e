import { join } from "node:path";
import { expect, it } from "vitest";
import { silentLogger } from "../../src/base/logger.ts";
import { newId } from "../../src/base/ids.ts";
import { MIGRATIONS } from "../../src/store/migrations/all.ts";
import { Database, query } from "../../src/store/sqlite/database.ts";
import { APPLICATION_ID } from "../../src/store/sqlite/file-version.ts";
import { openSqliteStore } from "../../src/store/sqlite/open.ts";
import { ManualClock } from "../support/manual-clock.ts";
import { seededRandom, tempFolder } from "../support/store-fixture.ts";
import { START_MS } from "../support/store-records.ts";
import { claimFrom, idsOf, OPS } from "./outbox-kit.ts";

const INSERT = query<[id: string, key: string, status: string, severity: string, leaseId: string | null]>(
  `insert into deliveries (id, dedup_key, status, severity, lease_id, destination, subject, next_attempt_at_ms, attempts,
     origin, created_at_ms, updated_at_ms, uncertain, payload)
   values (?, ?, ?, ?, ?, '${OPS}', 'flow-run/' || ?1, ${START_MS}, 0, 'hook', ${START_MS}, ${START_MS}, 0, '{"a":1}')`,
);

it("deliveries of a store without severity order keep going, the gravest first", async () => {
  using folder = tempFolder();
  const path = join(folder.path, "bellhop.db");
  const old = new Database(path);
  for (const migration of MIGRATIONS.slice(0, 2)) old.exec(migration.sqlite);
  old.exec(`pragma application_id = ${APPLICATION_ID}; pragma user_version = 2`);
  const rows = [
    ["queued", "info", null],
    ["queued", "critical", null],
    ["sending", "warning", "gone"],
    ["delivered", "error", null],
    ["dead", "error", null],
  ] as const;
  const ids = rows.map(([status, severity, leaseId]) => {
    const id = newId();
    old.run(INSERT, id, id, status, severity, leaseId);
    return id;
  });
  old.close();

  await using store = await openSqliteStore({
    path,
    clock: new ManualClock(),
    random: seededRandom(),
    log: silentLogger,
  });

  expect(await store.outbox.recover("gone", START_MS)).toBe(1);
  const claimed = await claimFrom(store.outbox);
  expect(idsOf(claimed)).toEqual([ids[1], ids[2], ids[0]]);
  expect(claimed[0]).toMatchObject({ payload: { a: 1 }, coalesce: null });
  expect(idsOf(await store.outbox.list({ status: ["dead"] }))).toEqual([ids[4]]);
  expect((await store.health({ integrity: true })).problems).toEqual([]);
});
