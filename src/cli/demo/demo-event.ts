import type { JsonObject } from "../../base/json.ts";
import type { Attempt, Delivery } from "../../delivery/delivery.ts";
import type { Received } from "../../inbox/received.ts";
import type { StateWire } from "../../states/state.ts";
import { attemptJson, deliveryJson } from "../wire.ts";

export interface RecordedDelivery {
  readonly delivery: Delivery;
  readonly attempts: readonly Attempt[];
}

/** What happens in the demo, in order; `--json` prints one of these per line. */
export type DemoEvent =
  | { readonly event: "inbox"; readonly slack: string; readonly smtp: string; readonly home: string }
  | { readonly event: "block"; readonly ref: string; readonly description: string }
  | {
      readonly event: "state";
      readonly atMs: number;
      readonly object: "flow" | "task";
      readonly name: string;
      readonly state: StateWire;
    }
  | { readonly event: "message"; readonly message: Received }
  | { readonly event: "delivery"; readonly recorded: RecordedDelivery }
  | {
      readonly event: "result";
      readonly ok: boolean;
      readonly slack: number;
      readonly mail: number;
      readonly afterFailureMs: number | null;
    };

/** The event as it is printed for programs; `raw` adds the bytes of messages. */
export function demoEventJson(event: DemoEvent, raw: boolean): JsonObject {
  if (event.event === "state") return stateJson(event);
  if (event.event === "message") return { ...messageJson(event.message), ...(raw ? { raw: event.message.raw } : {}) };
  if (event.event === "delivery") {
    const { delivery, attempts } = event.recorded;
    return { event: "delivery", ...deliveryJson(delivery), attempt_log: attempts.map(attemptJson) };
  }
  if (event.event === "result") {
    return {
      event: "result",
      ok: event.ok,
      slack: event.slack,
      mail: event.mail,
      after_failure_ms: event.afterFailureMs,
    };
  }
  return { ...event };
}

function stateJson({ object, name, state }: Extract<DemoEvent, { event: "state" }>): JsonObject {
  const { id, type, timestamp, message } = state;
  return { event: "state", object, name, state_id: id, state_type: type, state_name: state.name, timestamp, message };
}

function messageJson(message: Received): JsonObject {
  if (message.channel !== "mail") return { event: "message", channel: message.channel, payload: message.json ?? null };
  const { from, to, subject, text, html } = message.mail;
  return { event: "message", channel: "mail", from, to, subject, text, html };
}
