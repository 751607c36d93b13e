import type { RateLimit, RetryProfileName } from "../channel/channel.ts";
import type { SendResult } from "../channel/transport.ts";
import type { Delivery } from "./delivery.ts";

/** A destination as loaded for a batch of its deliveries. */
export interface OpenDestination {
  /** How it is retried. */
  readonly profile: RetryProfileName;
  /** null: as fast as it goes. */
  readonly rate: RateLimit | null;
  /** Renders and sends once. Never rejects: a failed send, also one that could not begin, is an outcome. */
  attempt(delivery: Delivery, signal: AbortSignal): Promise<SendResult>;
}

/** What the dispatcher needs in order to send; it knows neither blocks nor templates. */
export interface Deliver {
  /** Loads the destination. Never rejects: what cannot be loaded opens as one whose attempts say so. */
  open(destination: string): Promise<OpenDestination>;
}
