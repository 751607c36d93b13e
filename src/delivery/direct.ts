import type { DirectSend } from "../block/ambient.ts";
import type { Attempt, Delivery } from "./delivery.ts";

/** The record of a direct `notify()`: one delivery with its one attempt, as it ended. */
export function directDelivery(send: DirectSend): [Omit<Delivery, "seq">, Attempt] {
  const { outcome } = send;
  const endedAtMs = send.startedAtMs + send.durationMs;
  const delivered = outcome.kind === "delivered";
  const delivery: Omit<Delivery, "seq"> = {
    id: send.deliveryId,
    origin: "notify",
    dedupKey: send.deliveryId,
    destination: send.destination,
    subject: `notify/${send.deliveryId}`,
    severity: "info",
    flowRunId: null,
    taskRunId: null,
    stateId: null,
    payload: { title: send.title, body: send.body },
    createdAtMs: send.startedAtMs,
    expiresAtMs: null,
    status: delivered ? "delivered" : "dead",
    attempts: 1,
    nextAttemptAtMs: endedAtMs,
    leaseId: null,
    reason: delivered ? null : outcome.reason,
    detail: delivered ? null : outcome.detail,
    providerId: delivered ? (outcome.providerId ?? null) : null,
    uncertain: outcome.kind === "retry" && outcome.ambiguous,
    updatedAtMs: endedAtMs,
  };
  const { startedAtMs, durationMs, status } = send;
  return [delivery, { deliveryId: send.deliveryId, number: 1, startedAtMs, durationMs, outcome, status }];
}
