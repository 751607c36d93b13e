import { type Database, query } from "./database.ts";

/** "BELL": marks our files, so that another program's database is never migrated. */
export const APPLICATION_ID = 0x42454c4c;

export interface FileVersion {
  /** Schema version; 0 for a new file. */
  readonly version: number;
  readonly applicationId: number;
  /** Tables and indexes in the file. */
  readonly tables: number;
}

/** Locks nothing but the file's shared lock; reads the header page and the schema. */
const READ_VERSION = query<[], FileVersion>(
  `select user_version as version, application_id as applicationId, (select count(*) from sqlite_schema) as tables
   from pragma_user_version, pragma_application_id`,
);

export const readVersion = (db: Database): FileVersion =>
  db.get(READ_VERSION) ?? { version: 0, applicationId: 0, tables: 0 };
