import type { ChannelResponse, RequestPlan } from "./channel.ts";
import type { Outcome } from "./outcome.ts";

/** What is the same for every request of a send. */
export interface SendContext {
  /** Block reference, e.g. `slack-webhook/ops`. */
  readonly label: string;
  readonly deliveryId: string;
  readonly signal?: AbortSignal | undefined;
}

/**
 * An answer that the channel may judge, or an outcome where there is nothing to judge.
 * `status`: HTTP status or SMTP reply code of the answer, when there was one.
 */
export type Executed =
  | { readonly kind: "response"; readonly response: ChannelResponse }
  | { readonly kind: "outcome"; readonly outcome: Outcome; readonly status: number | null };

type PlanOf<K extends RequestPlan["executor"]> = Extract<RequestPlan, { executor: K }>;

/** Carries out one kind of plan. Never throws for a failed send. */
export interface Executor<K extends RequestPlan["executor"]> extends AsyncDisposable {
  execute(plan: PlanOf<K>, context: SendContext): Promise<Executed>;
}

/** Bounds of one attempt over HTTP. */
const DEFAULT_TIMEOUT_MS = 15_000;
const SHORTEST_TIMEOUT_MS = 1_000;
const LONGEST_TIMEOUT_MS = 60_000;

/** Total for one attempt, within the bounds. Unit: milliseconds. */
export const attemptTimeoutMs = (asked: number | undefined, defaultMs = DEFAULT_TIMEOUT_MS): number =>
  Math.min(LONGEST_TIMEOUT_MS, Math.max(SHORTEST_TIMEOUT_MS, asked ?? defaultMs));
