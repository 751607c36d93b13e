import type { Attempt, Delivery, DeliveryStatus, Settlement } from "./delivery.ts";

export interface DeliveryFilter {
  readonly status?: readonly DeliveryStatus[];
  readonly destination?: string;
  readonly flowRunId?: string;
  /** Default 50, at most 200. Newest first. */
  readonly limit?: number;
  readonly offset?: number;
}

export interface DueDestination {
  readonly destination: string;
  readonly dueAtMs: number;
}

/**
 * Where deliveries live. Enqueueing is part of `RunStore.commit`; this port is the dispatcher's side.
 * One process at a time works on a destination: `claim` gives nothing while another lease holds one of its deliveries.
 */
export interface OutboxStore {
  /** Destinations with queued deliveries, and when the first of each is due (pauses of the destination included). */
  due(): Promise<DueDestination[]>;
  /**
   * Takes the due deliveries of one destination in order of arrival and marks them `sending` for `leaseId`. Stops before
   * a delivery whose subject has an earlier one still queued for later, so order per subject and destination holds.
   */
  claim(request: { destination: string; leaseId: string; nowMs: number; limit: number }): Promise<Delivery[]>;
  /** Writes the attempts and moves their deliveries, in one transaction. */
  settle(settlements: readonly Settlement[]): Promise<void>;
  /** Gives claimed deliveries back unattempted. */
  release(ids: readonly string[], nextAttemptAtMs: number): Promise<void>;
  /** Ends queued deliveries without an attempt (expired, block deleted). */
  retire(ids: readonly string[], to: "suppressed" | "dead", reason: Delivery["reason"], detail: string): Promise<void>;
  /** Queues again what a dead process was sending; those deliveries become `uncertain`. Returns how many. */
  recover(leaseId: string, nowMs: number): Promise<number>;
  /** Nothing is sent to the destination before this instant; survives a restart. */
  pause(destination: string, untilMs: number): Promise<void>;
  /** Records a direct send, write-behind. */
  journal(delivery: Omit<Delivery, "seq">, attempt: Attempt): void;
  /** A person's replay: dead or suppressed back to queued with attempts 0. False when it is in another status. */
  replay(id: string, nowMs: number): Promise<boolean>;

  read(id: string): Promise<Delivery | null>;
  /** By id or by a unique part of it: its first 4 or more characters, or beginning and end as `01994f1f..3a1b`. */
  find(idOrPrefix: string): Promise<Delivery | null>;
  list(filter?: DeliveryFilter): Promise<Delivery[]>;
  attempts(deliveryId: string): Promise<Attempt[]>;
  /** Calls back after each commit of this process that enqueued deliveries. Dispose to stop. */
  onEnqueued(listener: (destinations: readonly string[]) => void): Disposable;
}
