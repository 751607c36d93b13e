import type { JsonValue } from "../base/json.ts";
import type { RecordStore } from "./record-store.ts";

/** Where the result of one run is kept. */
export interface ResultPlan {
  /** Under this key it is written, when the run's work counts. */
  readonly storageKey: string;
  /** True: a record under the key takes the place of the run. */
  readonly isLookedUp: boolean;
  readonly store: RecordStore;
  /** True: runs in any case, and replaces the record. */
  readonly refresh: boolean;
  /** Milliseconds; null for ever. */
  readonly expiresInMs: number | null;
  /** The description of the record that the run's state carries. */
  metadata(): JsonValue;
}
