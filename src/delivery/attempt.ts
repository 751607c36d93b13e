import type { Clock } from "../base/clock.ts";
import { messageOf } from "../base/errors.ts";
import type { Logger } from "../base/logger.ts";
import { redact } from "../base/redactor.ts";
import type { OnAmbiguous, RateLimit, RetryProfileName } from "../channel/channel.ts";
import type { SendResult } from "../channel/transport.ts";
import type { Attempt, Delivery, Settlement } from "./delivery.ts";
import type { OutboxStore } from "./outbox-store.ts";

/** A destination as loaded for a batch of its deliveries. */
export interface OpenDestination {
  /** How it is retried. */
  readonly profile: RetryProfileName;
  /** null: as fast as it goes. */
  readonly rate: RateLimit | null;
  /** Default: by the profile. */
  readonly onAmbiguous?: OnAmbiguous;
  /** Destination of what this one does not take; default: none. */
  readonly fallback?: string;
  /** Counts the changes of what was loaded; null or absent when nothing was. */
  readonly revision?: number | null;
  /** Renders and sends once. Never rejects: a failed send, also one that could not begin, is an outcome. */
  attempt(delivery: Delivery, signal: AbortSignal): Promise<SendResult>;
}

/** What the dispatcher needs in order to send; it knows neither blocks nor templates. */
export interface Deliver {
  /** Loads the destination. What cannot be loaded opens as one whose attempts say so; rejects only if the store fails. */
  open(destination: string): Promise<OpenDestination>;
}

const DETAIL_CHARS = 500;

interface Sending {
  readonly opened: OpenDestination;
  readonly signal: AbortSignal;
  readonly log: Logger;
}

/** One attempt. Never rejects, even if a channel does. */
export async function sendOnce(delivery: Delivery, { opened, signal, log }: Sending): Promise<SendResult> {
  try {
    return await opened.attempt(delivery, signal);
  } catch (error) {
    // A bug in a channel: the message may have left, and it is kept for another attempt.
    const detail = redact(messageOf(error)).slice(0, DETAIL_CHARS);
    log.error("a channel threw instead of giving an outcome", { deliveryId: delivery.id, error: detail });
    return {
      outcome: { kind: "retry", reason: "unexpected-response", detail, ambiguous: true },
      durationMs: 0,
      status: null,
    };
  }
}

/** The attempts since the delivery was queued or replayed, oldest first; none if they cannot be read. */
export async function readHistory(
  delivery: Delivery,
  { outbox, log }: { readonly outbox: OutboxStore; readonly log: Logger },
): Promise<readonly Attempt[]> {
  try {
    return (await outbox.attempts(delivery.id)).slice(-delivery.attempts);
  } catch (error) {
    // Without them the number of attempts still bounds the retries.
    log.warn("earlier attempts could not be read", { deliveryId: delivery.id, error: redact(messageOf(error)) });
    return [];
  }
}

interface Ended {
  readonly delivery: Delivery;
  readonly attempt: Attempt;
  readonly decision: Pick<Settlement, "to" | "reason" | "nextAttemptAtMs">;
}

export function logAttempt(
  { delivery, attempt, decision }: Ended,
  { log, clock }: { readonly log: Logger; readonly clock: Clock },
): void {
  const { to, reason, nextAttemptAtMs } = decision;
  const { id: deliveryId, destination } = delivery;
  const fields = { deliveryId, destination, attempt: attempt.number, reason, status: attempt.status };
  const isInPart = reason === "partial";
  if (to === "dead") log.error("delivery given up", fields);
  else if (to !== "delivered") {
    const retryInMs = Math.max(0, nextAttemptAtMs - clock.now());
    log.warn(isInPart ? "delivered in part" : "delivery attempt failed", { ...fields, retryInMs });
  } else if (isInPart) log.warn("delivered in part", fields);
  else log.debug("delivered", fields);
}
