import type { JsonObject } from "../base/json.ts";
import type { Outcome, Reason } from "../channel/outcome.ts";
import type { DeliveryRequest } from "../runs/delivery-request.ts";

/**
 * A delivery is one message for one destination; a destination is one block document.
 * - `queued`: due at `nextAttemptAtMs`. `sending`: one attempt is in flight, held by `leaseId`.
 * - `delivered`, `suppressed` (expired or overtaken), `dead` (given up; a person may replay it).
 */
export type DeliveryStatus = "queued" | "sending" | "delivered" | "suppressed" | "dead";

/** A delivery's whole life. Only `canMove` reads this table, and nothing changes a status without it. */
export const MOVES: Readonly<Record<DeliveryStatus, readonly DeliveryStatus[]>> = {
  queued: ["sending", "suppressed", "dead"],
  sending: ["delivered", "queued", "dead", "suppressed"],
  dead: ["queued"],
  delivered: [],
  suppressed: ["queued"],
};

export const canMove = (from: DeliveryStatus, to: DeliveryStatus): boolean => MOVES[from].includes(to);

export interface Delivery extends DeliveryRequest {
  /** Order of arrival in the store. */
  readonly seq: number;
  /** `hook`: owed by a state change. `notify`: one direct send, recorded afterwards. */
  readonly origin: "hook" | "notify";
  readonly status: DeliveryStatus;
  readonly attempts: number;
  readonly nextAttemptAtMs: number;
  readonly leaseId: string | null;
  readonly reason: Reason | "expired" | "attempts-exhausted" | null;
  readonly detail: string | null;
  readonly providerId: string | null;
  /** The provider may have accepted it more than once: an attempt ended without an answer. */
  readonly uncertain: boolean;
  readonly updatedAtMs: number;
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
  readonly to: DeliveryStatus;
  readonly nextAttemptAtMs: number;
  readonly reason: Delivery["reason"];
  readonly detail: string | null;
  readonly providerId: string | null;
  readonly uncertain: boolean;
  /** Replaces the delivery's payload; default: it stays. */
  readonly payload?: JsonObject;
}
