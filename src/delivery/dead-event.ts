import { newId } from "../base/ids.ts";
import { redact } from "../base/redactor.ts";
import type { HubEvent } from "../events/event.ts";
import type { Delivery, DeliveryReason } from "./delivery.ts";

/** What a dead letter's event tells of its delivery. */
export type DeadFacts = Pick<
  Delivery,
  "id" | "destination" | "subject" | "severity" | "flowRunId" | "taskRunId" | "attempts"
>;

export interface DeadEnd {
  readonly reason: DeliveryReason | null;
  readonly detail: string | null;
  readonly atMs: number;
}

/** The event of a delivery that is given up. It is stored in the transaction that gives it up. */
export function deadEvent(delivery: DeadFacts, { reason, detail, atMs }: DeadEnd): HubEvent {
  const { id, destination, subject, severity, flowRunId, taskRunId, attempts } = delivery;
  return {
    id: newId(),
    occurredMicros: Math.floor(atMs * 1_000),
    event: "bellhop.delivery.dead",
    resource: {
      "prefect.resource.id": `bellhop.delivery.${id}`,
      "prefect.resource.name": destination,
      "bellhop.destination": destination,
      "bellhop.severity": severity,
      "bellhop.reason": reason ?? "",
    },
    payload: {
      delivery_id: id,
      destination,
      subject,
      severity,
      reason,
      detail: detail === null ? null : redact(detail),
      attempts,
      flow_run_id: flowRunId,
      task_run_id: taskRunId,
    },
  };
}
