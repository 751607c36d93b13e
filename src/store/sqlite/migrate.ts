import { newId } from "../../base/ids.ts";
import { killPoint } from "../../base/kill-points.ts";
import { MIGRATIONS } from "../migrations/all.ts";
import { SCHEMA_VERSION } from "../schema-version.ts";
import { type Waiting, untilUnlocked } from "./busy.ts";
import { type Database, query } from "./database.ts";
import { APPLICATION_ID, readVersion } from "./file-version.ts";

const SET_WAL = query<[], { journal_mode: string }>("pragma journal_mode = wal");

/** Locks the whole database, at its first opening only. */
const INSERT_STORE_ID = query<[id: string]>("insert into store_facts (name, value) values ('store_id', ?)");

/** Changing the journal mode is refused without an error while another process does the same. */
function useWal(db: Database): void {
  const mode = db.get(SET_WAL)?.journal_mode;
  if (mode !== "wal") throw Object.assign(new Error(`the journal mode stayed ${mode ?? "unknown"}`), { errcode: 5 });
}

/** Applies what is missing, in one transaction; whoever comes second finds nothing missing. */
function applyMissing(db: Database): void {
  db.transaction(() => {
    const { version } = readVersion(db);
    for (const migration of MIGRATIONS) if (migration.version > version) db.exec(migration.sqlite);
    if (version === 0) db.run(INSERT_STORE_ID, newId());
    // Pragmas take no parameters; both values are constants of this code.
    if (version < SCHEMA_VERSION)
      db.exec(`pragma application_id = ${APPLICATION_ID}; pragma user_version = ${SCHEMA_VERSION}`);
    killPoint("migrate:inside");
  });
}

/** Brings the database to this code's schema. Safe when several processes do it at once. */
export async function migrate(db: Database, waiting: Waiting): Promise<void> {
  await untilUnlocked(db.path, waiting, () => useWal(db));
  killPoint("migrate:before");
  await untilUnlocked(db.path, waiting, () => applyMissing(db));
  killPoint("migrate:after");
}
