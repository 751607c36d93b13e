import type { JsonObject } from "../base/json.ts";
import type { Outcome, Reason } from "../channel/outcome.ts";
import type { HubEvent } from "../events/event.ts";
import type { DeliveryRequest } from "../runs/delivery-request.ts";

/**
 * A delivery is one message for one destination; a destination is one block document.
 * - `queued`: due at `nextAttemptAtMs`. `sending`: one attempt is in flight, held by `leaseId`.
 * - `delivered`, `suppressed` (not wanted any more), `dead` (given up). A person may replay the last two.
 */
export type DeliveryStatus = "queued" | "sending" | "delivered" | "suppressed" | "dead";

/** Everything that can happen to a stored delivery. */
export type MoveName =
  | "claim"
  | "begin"
  | "settle"
  | "release"
  | "recover"
  | "retire"
  | "overtake"
  | "cancel"
  | "replay";

interface Move {
  readonly from: readonly DeliveryStatus[];
  readonly to: readonly DeliveryStatus[];
}

/** A delivery's whole life. Nothing changes a status but by a move of this table; moves out of `sending` ask for its lease. */
export const MOVES: Readonly<Record<MoveName, Move>> = {
  /** A process takes it in order to send it. */
  claim: { from: ["queued"], to: ["sending"] },
  /** Its attempt is about to leave; noted only of one that may be what ends its process. */
  begin: { from: ["sending"], to: ["sending"] },
  /** The result of an attempt. */
  settle: { from: ["sending"], to: ["delivered", "queued", "dead", "suppressed"] },
  /** Given back unattempted. */
  release: { from: ["sending"], to: ["queued"] },
  /** Its process died. Dead when that has happened too often. */
  recover: { from: ["sending"], to: ["queued", "dead"] },
  /** Ended without an attempt: expired, or its destination is gone. */
  retire: { from: ["queued", "sending"], to: ["suppressed", "dead"] },
  /** A newer one about the same subject came, while this one waited. */
  overtake: { from: ["queued"], to: ["suppressed"] },
  /** A person does not want it any more. */
  cancel: { from: ["queued"], to: ["suppressed"] },
  /** A person wants it after all. */
  replay: { from: ["dead", "suppressed"], to: ["queued"] },
};

export const canMove = (move: MoveName, from: DeliveryStatus, to: DeliveryStatus): boolean =>
  MOVES[move].from.includes(from) && MOVES[move].to.includes(to);

/** Why a delivery is where it is: the outcome of its last attempt, or what ended it without one. */
export type DeliveryReason =
  | Reason
  | "expired"
  | "attempts-exhausted"
  /** `detail` is the id of the newer one. */
  | "overtaken"
  | "cancelled-by-person";

export interface Delivery extends DeliveryRequest {
  /** Order of arrival in the store. */
  readonly seq: number;
  /** `hook`: owed by a state change. `notify`: one direct send, recorded afterwards. */
  readonly origin: "hook" | "notify";
  readonly status: DeliveryStatus;
  readonly attempts: number;
  readonly nextAttemptAtMs: number;
  readonly leaseId: string | null;
  readonly reason: DeliveryReason | null;
  readonly detail: string | null;
  readonly providerId: string | null;
  /** The provider may have accepted it more than once: an attempt ended without an answer. */
  readonly uncertain: boolean;
  readonly updatedAtMs: number;
  /**
   * Set when the stored payload could not be opened, with the reason for people; `payload` is empty then. Its attempt
   * ends as `key-unavailable` and is repeated.
   */
  readonly unreadable?: string;
  /**
   * Set by a claim when processes ended with it twice or more in a row: it was taken alone, and is sent only after
   * `OutboxStore.begin` has noted it.
   */
  readonly isSuspect?: true;
}

export interface Attempt {
  readonly deliveryId: string;
  /** 1 for the first. */
  readonly number: number;
  readonly startedAtMs: number;
  readonly durationMs: number;
  readonly outcome: Outcome;
  /** HTTP status or SMTP reply code, when there was an answer. */
  readonly status: number | null;
}

/** The result of an attempt and where it leaves the delivery. */
export interface Settlement {
  readonly attempt: Attempt;
  /** `seq` of the delivery, as it was claimed. Default: looked up by its id. */
  readonly seq?: number;
  readonly to: DeliveryStatus;
  readonly nextAttemptAtMs: number;
  readonly reason: DeliveryReason | null;
  readonly detail: string | null;
  readonly providerId: string | null;
  readonly uncertain: boolean;
  /** Replaces the delivery's payload; default: it stays. */
  readonly payload?: JsonObject;
  /** Deliveries that this result asks for, e.g. the fallback's. */
  readonly also?: readonly DeliveryRequest[];
  /** What the result means for those who watch. A dead delivery comes with its `bellhop.delivery.dead`. */
  readonly events?: readonly HubEvent[];
}

/** How a destination fares, kept from process to process. */
export interface DestinationHealth {
  readonly destination: string;
  /** Outcomes in a row that count as failures of the destination. */
  readonly consecutiveFailures: number;
  /** Deliveries in a row that were refused for good. */
  readonly consecutiveRefusals: number;
  /** `open`: nothing is sent before `probeAtMs`. `half-open`: one delivery is let through. */
  readonly breaker: "closed" | "open" | "half-open";
  /** Length of the current opening, milliseconds; the next one is longer. 0 while closed. */
  readonly openForMs: number;
  readonly probeAtMs: number | null;
  /** First failure since the last success. */
  readonly failingSinceMs: number | null;
  readonly lastSuccessMs: number | null;
  /** When people were last told that it fails. */
  readonly lastToldMs: number | null;
  /** Why it is not used until a person clears it; null: it is used. */
  readonly disabledReason: string | null;
  readonly memory: HealthMemory;
  /** Deliveries given up without the result of an attempt, ever. Counted by the store with each of them; never written back. */
  readonly givenUp: number;
  /** When a person last replayed deliveries to it: what waits then gets its full chance. Kept by the store as well. */
  readonly replayedAtMs: number | null;
}

/** What the rules of health remember besides. */
export interface HealthMemory {
  /** Instants of the latest counted failures in a row, oldest first; at most as many as open the breaker. */
  readonly recentFailuresMs: readonly number[];
  /** Delivery of the latest refusal. */
  readonly lastRefusedId: string | null;
  /** Reason and detail of the latest failure, cut; null after a success. */
  readonly lastFailure: string | null;
  /** Revision of the block that was disabled; a newer one is used again. */
  readonly disabledRevision: number | null;
  /** When the present trouble was raised as an event; null: it was not. */
  readonly raisedMs: number | null;
  /** What people were told of the present trouble. */
  readonly told: "nothing" | "failing" | "disabled";
  /** Deliveries given up by the result of an attempt that people were not told of yet. */
  readonly untoldDead: number;
  /** How many of `givenUp` were looked at, for the messages to be sent in their place. */
  readonly givenUpSeen: number;
  /** How many of `givenUp` people were told of. */
  readonly givenUpTold: number;
}

/** What is stored together with a health that changed. */
export interface HealthNews {
  readonly also?: readonly DeliveryRequest[];
  readonly events?: readonly HubEvent[];
}

/** A health to store, and what there is to tell of it. */
export interface HealthChange {
  readonly health: DestinationHealth;
  readonly news: HealthNews;
}
