import type { RecordRows, StoredRecord } from "../../results/record-rows.ts";
import { query } from "./database.ts";
import type { Session } from "./session.ts";

// One row per record, found by the unique index on storage_key. Nothing is written behind, so reads need not wait.

interface Row {
  readonly serializer: string;
  readonly writtenAtMs: number;
  readonly expiresAtMs: number | null;
  readonly payload: Uint8Array;
}

export const READ_RESULT = query<[key: string], Row>(
  `select serializer, written_at_ms as writtenAtMs, expires_at_ms as expiresAtMs, payload
   from results where storage_key = ?`,
);

const WRITE_RESULT = query<
  [key: string, writtenAtMs: number, expiresAtMs: number | null, serializer: string, payload: Uint8Array]
>(
  `insert into results (storage_key, written_at_ms, expires_at_ms, serializer, payload) values (?, ?, ?, ?, ?)
   on conflict (storage_key) do update set written_at_ms = excluded.written_at_ms,
     expires_at_ms = excluded.expires_at_ms, serializer = excluded.serializer, payload = excluded.payload`,
);

/** Each write takes some expired records with it, so that they do not pile up. Index results_by_expiry. */
export const DELETE_EXPIRED = query<[nowMs: number]>(
  `delete from results where key in
     (select key from results where expires_at_ms <= ? order by expires_at_ms limit 10)`,
);

/** Results in the embedded store. */
export function openResultRows({ queue, readCommitted }: Session): RecordRows {
  return {
    read: async (key) => {
      const row = await readCommitted((db) => db.get(READ_RESULT, key));
      return row === undefined ? null : { ...row };
    },
    write: (key, { writtenAtMs, expiresAtMs, serializer, payload }: StoredRecord) =>
      queue.submit((db) => {
        db.run(DELETE_EXPIRED, writtenAtMs);
        db.run(WRITE_RESULT, key, writtenAtMs, expiresAtMs, serializer, payload);
      }),
  };
}
