/** A request as the sink saw it. */
export interface Received {
  readonly deliveryId: string;
  readonly destination: string;
  readonly behaviour: string;
  /** The sink counts the message as taken, whatever the sender heard of it. */
  accepted: boolean;
  /** When the request was whole; epoch milliseconds of the machine. */
  atMs: number;
}

/** A state that a process was told is stored, written down by it before anything else. */
export interface Acknowledged {
  readonly stateId: string;
  /** Blocks that the state's declared hooks name. */
  readonly refs: readonly string[];
  /** Epoch milliseconds of the machine. */
  readonly atMs: number;
}

/** What the state of a run owes by the hooks that are stored with the run. */
export interface Owed {
  readonly stateId: string;
  readonly destination: string;
}

export type StoredStatus = "queued" | "sending" | "delivered" | "suppressed" | "dead";

/** A delivery as the store has it in the end. */
export interface StoredDelivery {
  readonly seq: number;
  readonly id: string;
  readonly stateId: string | null;
  readonly destination: string;
  readonly subject: string;
  readonly status: StoredStatus;
  readonly attempts: number;
  readonly uncertain: boolean;
  readonly reason: string | null;
  readonly detail: string | null;
}

/** The three histories of one store, and what else is looked at in the end. */
export interface Histories {
  readonly acknowledged: readonly Acknowledged[];
  readonly owed: readonly Owed[];
  readonly received: readonly Received[];
  readonly deliveries: readonly StoredDelivery[];
  readonly stateIds: ReadonlySet<string>;
  /** Names of runs that have no end though nobody runs them. */
  readonly unfinishedRuns: readonly string[];
  /** Rows of the attempts table of each delivery, by `seq`. */
  readonly recordedAttempts: ReadonlyMap<number, number>;
  /** What SQLite says of its file; `ok` when it is whole. */
  readonly integrity: string;
}
