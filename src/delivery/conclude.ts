import type { Clock } from "../base/clock.ts";
import type { Random } from "../base/random.ts";
import type { OnAmbiguous } from "../channel/channel.ts";
import type { Outcome, Reason } from "../channel/outcome.ts";
import { type OpenDestination, readHistory } from "./attempt.ts";
import { deadEvent } from "./dead-event.ts";
import type { Attempt, Delivery, DestinationHealth, Settlement } from "./delivery.ts";
import type { DestinationWatch, Observed } from "./destination-watch.ts";
import { fallbackFor } from "./fallback.ts";
import { throttledEvent } from "./health-news.ts";
import type { Degrade } from "./payload.ts";
import { ambiguityRule, type Decision, decide, needsHistory } from "./retry-policy.ts";
import type { StoreAccess } from "./settle-queue.ts";

/** An attempt that has ended, before it is recorded. */
export interface EndedAttempt {
  readonly delivery: Delivery;
  readonly attempt: Attempt;
  readonly opened: OpenDestination;
  readonly degraded: Degrade | undefined;
  /** The outcome was known without sending. */
  readonly unsent: boolean;
}

export interface ConcludeParts {
  readonly clock: Clock;
  readonly random: Random;
  readonly newId: () => string;
}

/** What is known of the delivery and its destination besides the attempt. */
export interface Known {
  readonly watch: DestinationWatch;
  /** Earlier attempts, where {@link historyFor} asks for them. */
  readonly history: readonly Attempt[];
  /** The destination is paused already until then; epoch milliseconds. */
  readonly pausedUntilMs: number;
}

/** Everything that follows from an attempt. */
export interface Conclusion {
  readonly decision: Decision;
  readonly settlement: Settlement;
  readonly health: DestinationHealth | undefined;
  /** The whole destination waits until then: its provider asked for it, or its breaker has opened. */
  readonly pauseUntilMs: number | null;
}

const NONE: readonly Attempt[] = [];

/** The earlier attempts of a delivery, if they matter; at once when they do not. */
export function historyFor(
  { delivery, attempt, opened }: EndedAttempt,
  parts: Pick<StoreAccess, "outbox" | "log" | "clock">,
): Promise<readonly Attempt[]> | readonly Attempt[] {
  const { outcome, startedAtMs } = attempt;
  const facts = { delivery, outcome, profile: opened.profile, startedAtMs, nowMs: parts.clock.now() };
  return needsHistory(facts) ? readHistory(delivery, parts) : NONE;
}

/** Decides what becomes of a delivery and its destination, and gathers what is stored with the result. */
export function conclude(ended: EndedAttempt, known: Known, parts: ConcludeParts): Conclusion {
  const { delivery, attempt, opened, degraded, unsent } = ended;
  const { random, clock } = parts;
  const { outcome, startedAtMs } = attempt;
  const nowMs = clock.now();
  const { profile, onAmbiguous } = opened;
  const { history } = known;
  const decision = decide({ delivery, outcome, profile, startedAtMs, nowMs, history, random, onAmbiguous, degraded });
  const { pauseUntilMs, ...rest } = decision;
  const died = decision.to === "dead";
  const observed = known.watch.observe({ deliveryId: delivery.id, outcome, startedAtMs, nowMs, died, unsent });
  const settlement = { attempt, seq: delivery.seq, ...rest };
  const { health } = observed;
  if (decision.to === "delivered" && health === undefined) return { decision, settlement, health, pauseUntilMs };
  const { also, events } = newsOf(ended, { decision, observed, nowMs, known }, parts);
  return {
    decision,
    settlement: {
      ...settlement,
      ...(also.length === 0 ? {} : { also }),
      ...(events.length === 0 ? {} : { events }),
    },
    health,
    pauseUntilMs: latest(pauseUntilMs, observed.openUntilMs),
  };
}

/** A quota is news once, not once for each attempt that was out when it was used up. */
const SAME_PAUSE_MS = 60_000;

interface Decided {
  readonly decision: Decision;
  readonly observed: Observed;
  readonly nowMs: number;
  readonly known: Known;
}

function newsOf({ delivery, attempt, opened }: EndedAttempt, decided: Decided, { newId }: ConcludeParts) {
  const { decision, observed, nowMs, known } = decided;
  const { reason, detail, uncertain, pauseUntilMs } = decision;
  const also = [...observed.also];
  const events = [...observed.events];
  if (decision.to === "dead") {
    events.push(deadEvent({ ...delivery, attempts: attempt.number }, { reason, detail, atMs: nowMs }));
    const fallback = fallbackFor(delivery, { reason, detail, uncertain }, { fallback: opened.fallback, nowMs, newId });
    if (fallback !== null) also.push(fallback);
  }
  if (reason === "quota" && pauseUntilMs !== null && pauseUntilMs - known.pausedUntilMs > SAME_PAUSE_MS)
    events.push(throttledEvent(delivery.destination, { nowMs, untilMs: pauseUntilMs }));
  return { also, events };
}

const latest = (a: number | null, b: number | null): number | null =>
  a === null || b === null ? (a ?? b) : Math.max(a, b);

/** What a delivery comes to that is not sent because its destination is disabled. */
export const disabledOutcome = (why: string): Outcome => ({
  kind: "permanent",
  // The text begins with the reason of the outcome that disabled it.
  reason: (why.split(":", 1)[0] ?? "gone") as Reason,
  detail: `not sent, the destination is disabled: ${why}`,
});

/** What becomes of messages to this destination that may have arrived. */
export const ruleOf = ({ onAmbiguous, profile }: OpenDestination): OnAmbiguous => onAmbiguous ?? ambiguityRule(profile);

/**
 * What a delivery comes to that may have arrived when the process that sent it ended, where such a one is not sent again;
 * null where it is.
 */
export async function ifArrived(
  delivery: Delivery,
  opened: OpenDestination,
  parts: Pick<StoreAccess, "outbox" | "log">,
): Promise<Outcome | null> {
  if (ruleOf(opened) === "retry") return null;
  const last = (await readHistory(delivery, parts)).at(-1)?.outcome;
  if (last?.kind !== "retry" || !last.ambiguous) return null;
  return { kind: "retry", reason: last.reason, detail: last.detail, ambiguous: true };
}
