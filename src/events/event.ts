import type { Micros } from "../base/instant.ts";
import type { JsonObject } from "../base/json.ts";

/**
 * What happened to a delivery or a destination, for whoever watches over the alerts themselves. State changes of runs
 * are events too; they are read from the states.
 */
export type HubEventName =
  | "bellhop.delivery.dead"
  | "bellhop.destination.failing"
  | "bellhop.destination.recovered"
  | "bellhop.channel.disabled"
  | "bellhop.channel.throttled";

export interface HubEvent {
  /** UUID. A second event with the same id is ignored, so a derived id makes an event that cannot happen twice. */
  readonly id: string;
  /** Wall clock, epoch microseconds. */
  readonly occurredMicros: Micros;
  readonly event: HubEventName;
  /** What it happened to. `prefect.resource.id` names it; all values are texts. */
  readonly resource: Readonly<Record<string, string>> & { readonly "prefect.resource.id": string };
  /** Facts for templates and people; secrets masked. */
  readonly payload: JsonObject;
}

/** An event as it reads back. */
export interface StoredEvent extends HubEvent {
  /** Position in commit order, across all processes on the store; numbers may be missing. */
  readonly seq: number;
}
