import type { JsonObject } from "../base/json.ts";

/**
 * A notification that a state change owes. It is stored in the transaction that stores the state, so one cannot exist
 * without the other.
 */
export interface DeliveryRequest {
  /** UUIDv7. */
  readonly id: string;
  /**
   * Same key, same notification: a second request with it is ignored, whoever makes it. A rule that looks at a state
   * makes it of what identifies the notification: `<state id>/<hook index>/<destination>`; a state belongs to one run.
   */
  readonly dedupKey: string;
  /** Block reference, e.g. `slack-webhook/ops`. */
  readonly destination: string;
  /** What it is about, e.g. `flow-run/<id>`. Deliveries about one subject to one destination keep their order. */
  readonly subject: string;
  readonly severity: "info" | "success" | "warning" | "error" | "critical";
  readonly flowRunId: string | null;
  readonly taskRunId: string | null;
  readonly stateId: string | null;
  /** What to render: template name and options, and the message context as it was when the state was entered. */
  readonly payload: JsonObject;
  readonly createdAtMs: number;
  /** Given up after this; null takes the channel's profile. */
  readonly expiresAtMs: number | null;
  /**
   * `latest`: tells of progress, so it is dropped while it waits when a newer one of this kind about a later state of the
   * same subject is enqueued for the same destination. Default null: it is never dropped.
   */
  readonly coalesce?: "latest" | null;
}
