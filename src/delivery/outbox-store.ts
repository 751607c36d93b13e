import type {
  Attempt,
  Delivery,
  DeliveryReason,
  DeliveryStatus,
  DestinationHealth,
  HealthChange,
  HealthNews,
  Settlement,
} from "./delivery.ts";
import type { DeliveryRequest } from "../runs/delivery-request.ts";

/** Which deliveries; every part narrows. */
export interface DeliverySelection {
  readonly status?: readonly DeliveryStatus[];
  readonly destination?: string;
  readonly flowRunId?: string;
  readonly reason?: DeliveryReason;
  /** Created at or after this instant, epoch milliseconds. */
  readonly sinceMs?: number;
  /** Created before this instant, epoch milliseconds. */
  readonly untilMs?: number;
}

export interface DeliveryFilter extends DeliverySelection {
  /** Default 50, at most 200. Newest first. */
  readonly limit?: number;
  readonly offset?: number;
}

export interface DueDestination {
  readonly destination: string;
  readonly dueAtMs: number;
}

/** Deliveries by id, or all that a selection finds. */
export type Which = { readonly ids: readonly string[] } | DeliverySelection;

/** How far a long replay is. Unit: deliveries. */
export interface ReplayProgress {
  readonly replayed: number;
  /** Looked at and left alone: not given up, or not there. */
  readonly skipped: number;
}

/** Where a delivery stands, without what it says. */
export interface Standing {
  readonly id: string;
  readonly destination: string;
  readonly status: DeliveryStatus;
  readonly reason: DeliveryReason | null;
  readonly uncertain: boolean;
  readonly nextAttemptAtMs: number;
  /** Of a queued one: the first unfinished delivery of its subject there, when that is an earlier one and so goes first. */
  readonly behindId: string | null;
}

/** A destination to which nothing is sent before that instant, epoch milliseconds. */
export interface Pause {
  readonly destination: string;
  readonly untilMs: number;
}

export interface StatsOptions {
  readonly nowMs: number;
  /** Attempts of this last span are counted, milliseconds. Default a day. */
  readonly windowMs?: number;
  /** Default: all. */
  readonly destination?: string;
}

export interface DestinationStats {
  readonly destination: string;
  /** All deliveries in the store by status; `delivered` counts those of the window only. */
  readonly counts: Readonly<Record<DeliveryStatus, number>>;
  /** Earliest `nextAttemptAtMs` of what is queued; null when nothing is. */
  readonly oldestDueMs: number | null;
  /** Attempts since midnight UTC, as far as they are in the window. */
  readonly attemptsToday: number;
  /** Attempts in the window. */
  readonly attempts: number;
  /** Deliveries tried in the window that may have arrived more than once. */
  readonly uncertain: number;
  /** Share of the window's attempts that delivered, 0 to 1; null without attempts. */
  readonly successRatio: number | null;
  /** How long the attempts of the window took, milliseconds; null without attempts. */
  readonly latency: {
    readonly p50Ms: number;
    readonly p95Ms: number;
    readonly p99Ms: number;
    readonly maxMs: number;
  } | null;
}

/** What a claim took, and what it left. */
export interface Claimed {
  readonly deliveries: readonly Delivery[];
  /**
   * When the first of what stays queued is due, the destination's pause included; null when nothing stays. Not after
   * `nowMs`: it is due, and was beyond the limit, or behind something unfinished of its subject or of another lease.
   */
  readonly nextDueAtMs: number | null;
}

/**
 * Where deliveries live. Enqueueing is part of `RunStore.commit`; this port is the dispatcher's side.
 * One process at a time works on a destination: `claim` gives nothing while another lease holds one of its deliveries.
 */
export interface OutboxStore {
  /** Destinations with queued deliveries, and when the first of each is due (pauses of the destination included). */
  due(): Promise<DueDestination[]>;
  /**
   * Takes due deliveries of one destination and marks them `sending` for `leaseId`: the gravest first (critical, error,
   * warning, others), then in order of arrival. Within one subject the order of arrival always holds: an earlier one is
   * taken first, whatever its severity, and a subject whose first one is queued for later waits.
   *
   * A delivery whose process died twice or more comes alone, and only when nothing else of the destination is in flight,
   * so that one message that kills its process does not take others with it.
   */
  claim(request: { destination: string; leaseId: string; nowMs: number; limit: number }): Promise<Claimed>;
  /**
   * Notes durably that the attempt of a claimed delivery is about to leave. False when `leaseId` does not hold it any
   * more, or it was noted already for this claim: it must not be sent then.
   */
  begin(id: string, leaseId: string): Promise<boolean>;
  /**
   * Writes the attempts, moves their deliveries, stores what the settlements ask for besides, and the health of their
   * destinations, all in one transaction.
   *
   * @throws delivery_move_refused when `leaseId` does not hold one of them any more; nothing is written then
   */
  settle(settlements: readonly Settlement[], leaseId: string, health?: readonly DestinationHealth[]): Promise<void>;
  /** Gives claimed deliveries back unattempted; those that `leaseId` does not hold any more are left alone. */
  release(ids: readonly string[], nextAttemptAtMs: number, leaseId: string): Promise<void>;
  /**
   * Ends deliveries without an attempt (expired, block deleted): queued ones, and those that `leaseId` holds; others are
   * left alone. What ends as `dead` comes with its event. `also` is stored with it.
   */
  retire(
    ids: readonly string[],
    end: {
      readonly to: "suppressed" | "dead";
      readonly reason: DeliveryReason | null;
      readonly detail: string;
      readonly also?: readonly DeliveryRequest[];
    },
    leaseId: string | null,
  ): Promise<void>;
  /**
   * Queues again what a dead process was sending; those deliveries become `uncertain`, and each gets an attempt with the
   * reason `process-ended`. After {@link MOST_PROCESS_ENDS} of them in a row it is dead instead, with its event. What was
   * taken alone and had not begun was not sent: it is queued again as it was, a little later.
   * Returns how many were queued again or ended.
   */
  recover(leaseId: string, nowMs: number): Promise<number>;
  /** Queued deliveries of one destination that were created by then, due or not, in order of arrival. They stay as they are. */
  overdue(request: {
    readonly destination: string;
    readonly createdUntilMs: number;
    readonly limit: number;
  }): Promise<Delivery[]>;
  /** The latest that `recover` gave up and nobody has got in their place, by the key of a fallback; in order of arrival. */
  lost(destination: string, limit: number): Promise<Delivery[]>;
  /** Nothing is sent to the destination before this instant; survives a restart. */
  pause(destination: string, untilMs: number): Promise<void>;
  /** Records a direct send, write-behind. */
  journal(delivery: Omit<Delivery, "seq">, attempt: Attempt): void;
  /**
   * A person's replay: dead or suppressed back to queued with attempts 0, in batches, under the same id, which is the
   * idempotency key. A selection without a status means the dead. Returns how many were queued.
   */
  replay(which: Which, nowMs: number, onProgress?: (progress: ReplayProgress) => void): Promise<number>;
  /** A person's refusal: queued to suppressed. What is being sent or has ended is left alone. Returns how many ended. */
  cancel(ids: readonly string[]): Promise<number>;

  read(id: string): Promise<Delivery | null>;
  /** The one that a request with this `dedupKey` made. */
  readByKey(dedupKey: string): Promise<Delivery | null>;
  /** By id or by a unique part of it: its first 4 or more characters, or beginning and end as `01994f1f..3a1b`. */
  find(idOrPrefix: string): Promise<Delivery | null>;
  list(filter?: DeliveryFilter): Promise<Delivery[]>;
  attempts(deliveryId: string): Promise<Attempt[]>;
  /** Ids of all that a selection finds, in order of arrival. Not for what was delivered: that may be millions. */
  ids(
    selection: DeliverySelection & { readonly status: readonly Exclude<DeliveryStatus, "delivered">[] },
  ): Promise<string[]>;
  /** Where these deliveries stand, in no particular order; ids that are not stored are left out. */
  standing(ids: readonly string[]): Promise<Standing[]>;
  /** Pauses that are not over, by name. */
  pauses(): Promise<Pause[]>;
  /** Null for a destination that has none yet. */
  readHealth(destination: string): Promise<DestinationHealth | null>;
  /** Of every destination that has one, by name. */
  listHealth(): Promise<DestinationHealth[]>;
  /** Stores health that no settlement goes with, and what there is to tell of it, in one transaction. */
  writeHealth(health: DestinationHealth, news?: HealthNews): Promise<void>;
  /**
   * Reads a health, lets `change` decide, and stores what it gives, all in one transaction. Returns what is stored then.
   *
   * @param change Synchronous and free of side effects; null leaves everything as it is.
   */
  changeHealth(
    destination: string,
    change: (stored: DestinationHealth | null) => HealthChange | null,
  ): Promise<DestinationHealth | null>;
  /** Per destination, by name. Reads in small steps, so that a large store does not hold up the process. */
  stats(options: StatsOptions): Promise<DestinationStats[]>;
  /** Calls back after each commit of this process that enqueued deliveries. Dispose to stop. */
  onEnqueued(listener: (destinations: readonly string[]) => void): Disposable;
}

/** Ends of processes in a row, each while the delivery was out, after which it is given up. */
export const MOST_PROCESS_ENDS = 5;
