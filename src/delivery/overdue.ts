import type { RetryProfileName } from "../channel/channel.ts";
import { RETRY_PROFILES } from "../channel/retry-profiles.ts";
import type { Delivery, DestinationHealth, Settlement } from "./delivery.ts";
import type { DestinationWatch } from "./destination-watch.ts";
import { fallbackFor } from "./fallback.ts";
import { expired, overdue } from "./partial.ts";
import type { Decision } from "./retry-policy.ts";
import type { StoreAccess } from "./settle-queue.ts";
import { insist } from "./store-backoff.ts";

// Deliveries that end without an attempt, because their time is up.

/** Most that are ended in one transaction. Each brings an event, and perhaps a message for another destination. */
const BATCH = 200;

export interface EndingParts extends StoreAccess {
  readonly destination: string;
  readonly watch: DestinationWatch;
  readonly leaseId: string;
  readonly newId: () => string;
  /** What the block of the destination names, and how it is retried; undefined while it was not loaded. */
  readonly fallback: string | undefined;
  readonly profile: RetryProfileName | undefined;
  readonly isStopped: () => boolean;
  readonly onSettled: (decision: Decision) => void;
}

/** A delivery and how it ends. */
interface Ending extends Pick<Settlement, "reason"> {
  readonly delivery: Delivery;
  readonly to: "suppressed" | "dead";
  readonly detail: string;
  /** Its message goes to the fallback, if there is one. */
  readonly mayGoElsewhere: boolean;
}

/** Ends a claimed delivery that was wanted until a certain time only. */
export async function expire(delivery: Delivery, parts: EndingParts): Promise<void> {
  const end = expired(delivery);
  // A message that only waited for a process is of no use to anybody any more; one that was not taken may be.
  await endAll([{ delivery, ...end, mayGoElsewhere: end.to === "dead" || parts.watch.isFailing }], parts);
  if (end.to === "dead") await lookAgain(parts);
}

/**
 * Gives up what is too old and waits behind the breaker of a destination, in order of arrival. All of it shares what is known
 * of the destination, so none has to be tried for it: it ends as if it had been.
 */
export async function giveUpOverdue(parts: EndingParts): Promise<void> {
  const { destination, log } = parts;
  for (let count = BATCH; count === BATCH && !parts.isStopped();) {
    let ends: readonly Ending[] = [];
    await insisting("deliveries that are too old could not be read", parts, async () => {
      ends = await findOverdue(parts);
    });
    count = ends.length;
    if (count === 0) return;
    log.error("deliveries given up", { destination, count, reason: "expired" });
    await endAll(ends, parts);
    await lookAgain(parts);
  }
}

/**
 * What was created by then is too old to be sent; null while nothing is. Age counts where the destination takes nothing, and
 * from when it began to: what only waited for a process gets its chance, and so does what a person replayed.
 */
function overdueUntilMs(health: DestinationHealth, profile: RetryProfileName, nowMs: number): number | null {
  if (health.breaker === "closed" || health.failingSinceMs === null) return null;
  const untilMs = nowMs - RETRY_PROFILES[profile].maxAgeMs;
  return Math.max(health.failingSinceMs, health.replayedAtMs ?? 0) <= untilMs ? untilMs : null;
}

/** Asks the store how the destination fares, because another process may know better. @throws the store's codes */
async function findOverdue({ destination, outbox, clock, profile }: EndingParts): Promise<Ending[]> {
  const health = await outbox.readHealth(destination);
  if (health === null || profile === undefined) return [];
  const createdUntilMs = overdueUntilMs(health, profile, clock.now());
  if (createdUntilMs === null) return [];
  const found = await outbox.overdue({ destination, createdUntilMs, limit: BATCH });
  const trouble = { sinceMs: health.failingSinceMs ?? createdUntilMs, lastFailure: health.memory.lastFailure };
  return found.map((delivery) => ({ delivery, ...overdue(delivery, trouble), mayGoElsewhere: true }));
}

/**
 * Ends them in one commit, each with the message in its place. What another process took meanwhile is left alone, and so is
 * what it would have brought along.
 */
async function endAll(ends: readonly Ending[], parts: EndingParts): Promise<void> {
  const { outbox, clock, leaseId, newId, fallback, onSettled } = parts;
  const nowMs = clock.now();
  const calls = ends.map(({ delivery, to, reason, detail, mayGoElsewhere }) => {
    const { uncertain, id } = delivery;
    const end = { reason, detail, uncertain };
    const instead = mayGoElsewhere ? fallbackFor(delivery, end, { fallback, nowMs, newId }) : null;
    const also = instead === null ? [] : [instead];
    return () => outbox.retire([id], { to, reason, detail, also }, leaseId);
  });
  await insisting("expired deliveries could not be ended", parts, () => Promise.all(calls.map((call) => call())));
  for (const { delivery, to, reason, detail } of ends) {
    const { providerId, uncertain } = delivery;
    onSettled({ to, nextAttemptAtMs: nowMs, reason, detail, providerId, uncertain, pauseUntilMs: null });
  }
}

/** People are told, now or when it is time again. */
const lookAgain = (parts: EndingParts): Promise<void> =>
  insisting("the health of a destination could not be stored", parts, () => parts.watch.lookAgain());

const insisting = (message: string, parts: EndingParts, work: () => Promise<unknown>): Promise<void> =>
  insist({ ...parts, message, fields: { destination: parts.destination } }, work);
