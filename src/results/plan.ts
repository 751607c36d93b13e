import type { Clock } from "../base/clock.ts";
import { newId } from "../base/ids.ts";
import type { JsonObject } from "../base/json.ts";
import { redact } from "../base/redactor.ts";
import { VERSION } from "../base/version.ts";
import { hashOf } from "./hash.ts";
import type { RecordStore, ResultRecord } from "./record-store.ts";
import type { OpenedResults } from "./result-services.ts";

/** How the result of one run is kept. */
export interface ResultPlan {
  /** What the result is looked up and kept under; null: it is kept under a new id and never looked up. */
  readonly key: string | null;
  /** What it is kept under in any case: the key, else the new id. */
  readonly storageKey: string;
  readonly store: RecordStore;
  /** True: run in any case and replace what is there. */
  readonly refresh: boolean;
  /** Null: never expires. */
  readonly expiresInMs: number | null;
  /** The value as a record that expires from now on. */
  record(value: unknown): ResultRecord;
  /** What stands in the state's `data` for this record, so that others can load it. Source: Prefect 3, ResultRecordMetadata. */
  metadata(record: Pick<ResultRecord, "expiresAtMs">): JsonObject;
  /** The same storage under a new id: for what must not be found under the key, such as a failure. */
  anew(): ResultPlan;
}

export interface PlanInit {
  readonly results: OpenedResults;
  readonly key: string | null;
  readonly refresh: boolean;
  readonly expiresInMs: number | null;
  readonly clock: Clock;
}

const LONGEST_KEY = 512;

/** Keys are stored as they are, so one that holds a known secret, or is very long, becomes a hash. */
export const storedKey = (key: string): string =>
  key.length > LONGEST_KEY || redact(key) !== key ? `sha256-${hashOf(key)}` : key;

export function makePlan(init: PlanInit): ResultPlan {
  const { results, refresh, expiresInMs, clock } = init;
  const key = init.key === null ? null : storedKey(init.key);
  const storageKey = key ?? newId();
  return {
    key,
    storageKey,
    store: results.store,
    refresh,
    expiresInMs,
    record: (value) => ({ value, expiresAtMs: expiresInMs === null ? null : clock.now() + expiresInMs }),
    metadata: ({ expiresAtMs }) => ({
      storage_key: storageKey,
      expiration: expiresAtMs === null ? null : new Date(expiresAtMs).toISOString(),
      serializer: { type: results.serializerType },
      storage_block_id: null,
      storage: results.storage,
      version: VERSION,
    }),
    anew: () => makePlan({ ...init, key: null, expiresInMs: null }),
  };
}
