import type { HubEvent, HubEventName, StoredEvent } from "./event.ts";

export interface EventFilter {
  /** Only events behind this position; 0 for all. Default 0. */
  readonly afterSeq?: number;
  /** Default: all. */
  readonly events?: readonly HubEventName[];
  /** Default 50, at most 200. */
  readonly limit?: number;
}

/**
 * Where events of the hub live. Events that tell of a delivery are stored with its settlement, in one transaction; see
 * `OutboxStore.settle`.
 */
export interface EventStore {
  /** Stores events that belong to no other write. An id that is already stored is ignored. */
  append(events: readonly HubEvent[]): Promise<void>;
  /** In commit order, from the oldest. A reader keeps the last `seq` it has seen as its cursor. */
  read(filter?: EventFilter): Promise<StoredEvent[]>;
  /** Position of the newest event; 0 when there is none. */
  lastSeq(): Promise<number>;
}
