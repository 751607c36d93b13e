import type { Random } from "../base/random.ts";
import type { OnAmbiguous } from "../channel/channel.ts";
import type { Outcome, Reason } from "../channel/outcome.ts";
import { type OpenDestination, readHistory } from "./attempt.ts";
import { deadEvent } from "./dead-event.ts";
import type { Attempt, Delivery, DestinationHealth, Settlement } from "./delivery.ts";
import type { DestinationWatch } from "./destination-watch.ts";
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

export interface ConcludeParts extends StoreAccess {
  readonly random: Random;
  readonly watch: DestinationWatch;
  readonly newId: () => string;
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

/** A quota is news once, not once for each attempt that was out when it was used up. */
const SAME_PAUSE_MS = 60_000;

/** Decides what becomes of a delivery and its destination, and gathers what is stored with the result. */
export async function conclude(ended: EndedAttempt, parts: ConcludeParts): Promise<Conclusion> {
  const { delivery, attempt, opened, degraded, unsent } = ended;
  const { watch, random, clock, newId } = parts;
  const { outcome, startedAtMs } = attempt;
  const nowMs = clock.now();
  const facts = { delivery, outcome, profile: opened.profile, startedAtMs, nowMs };
  const history = needsHistory(facts) ? await readHistory(delivery, parts) : [];
  const decision = decide({ ...facts, history, random, onAmbiguous: opened.onAmbiguous, degraded });
  const { pauseUntilMs, ...rest } = decision;
  const died = decision.to === "dead";
  const observed = watch.observe({ deliveryId: delivery.id, outcome, startedAtMs, nowMs, died, unsent });
  const also = [...observed.also];
  const events = [...observed.events];
  if (died) {
    const { reason, detail, uncertain } = decision;
    events.push(deadEvent({ ...delivery, attempts: attempt.number }, { reason, detail, atMs: nowMs }));
    const fallback = fallbackFor(delivery, { reason, detail, uncertain }, { fallback: opened.fallback, nowMs, newId });
    if (fallback !== null) also.push(fallback);
  }
  if (decision.reason === "quota" && pauseUntilMs !== null && pauseUntilMs - parts.pausedUntilMs > SAME_PAUSE_MS)
    events.push(throttledEvent(delivery.destination, { nowMs, untilMs: pauseUntilMs }));
  return {
    decision,
    settlement: {
      attempt,
      ...rest,
      ...(also.length === 0 ? {} : { also }),
      ...(events.length === 0 ? {} : { events }),
    },
    health: observed.health,
    pauseUntilMs: latest(pauseUntilMs, observed.openUntilMs),
  };
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
