import type { JsonObject } from "../../base/json.ts";
import { openUntilMs } from "../../delivery/breaker.ts";
import type { Delivery, DeliveryReason, DestinationHealth } from "../../delivery/delivery.ts";
import type { OutboxStore } from "../../delivery/outbox-store.ts";
import { shortId } from "../table.ts";
import { distanceText, durationText, localTime } from "../time-text.ts";

/** What a queued delivery waits for: of several things the one that lasts longest. */
export type Waiting =
  /** An earlier one about the same subject goes first. */
  | { readonly why: "behind"; readonly id: string }
  /** The provider asked that nothing is sent to the destination. */
  | { readonly why: "paused"; readonly untilMs: number }
  /** Too many attempts there failed in a row. */
  | { readonly why: "breaker"; readonly untilMs: number; readonly detail: string | null }
  /** The destination refuses everything. */
  | { readonly why: "disabled"; readonly untilMs: number; readonly detail: string }
  /** Its own next attempt. `reason` is that of the last one; null before the first. */
  | { readonly why: "retry"; readonly untilMs: number; readonly reason: DeliveryReason | null }
  /** Due: no process sends. */
  | { readonly why: "due"; readonly sinceMs: number };

type Looked = Pick<OutboxStore, "standing" | "pauses" | "listHealth">;

/** What the queued ones among these deliveries wait for, by id. */
export async function whatFor(
  outbox: Looked,
  deliveries: readonly Delivery[],
  nowMs: number,
): Promise<ReadonlyMap<string, Waiting>> {
  const queued = deliveries.filter(({ status }) => status === "queued");
  if (queued.length === 0) return new Map();
  const [standing, pauses, healths] = await Promise.all([
    outbox.standing(queued.map(({ id }) => id)),
    outbox.pauses(),
    outbox.listHealth(),
  ]);
  const behind = new Map(standing.map(({ id, behindId }) => [id, behindId]));
  const pausedUntil = new Map(pauses.map(({ destination, untilMs }) => [destination, untilMs]));
  const health = new Map(healths.map((one) => [one.destination, one]));
  return new Map(
    queued.map((delivery) => [
      delivery.id,
      waitOf(delivery, {
        behindId: behind.get(delivery.id) ?? null,
        pausedUntilMs: pausedUntil.get(delivery.destination) ?? null,
        health: health.get(delivery.destination) ?? null,
        nowMs,
      }),
    ]),
  );
}

interface Around {
  readonly behindId: string | null;
  readonly pausedUntilMs: number | null;
  readonly health: DestinationHealth | null;
  readonly nowMs: number;
}

function waitOf(delivery: Delivery, { behindId, pausedUntilMs, health, nowMs }: Around): Waiting {
  if (behindId !== null) return { why: "behind", id: behindId };
  const { nextAttemptAtMs, reason } = delivery;
  const waits: (Waiting & { readonly untilMs: number })[] = [
    { why: "retry", untilMs: nextAttemptAtMs, reason },
    ...(pausedUntilMs === null ? [] : [{ why: "paused", untilMs: pausedUntilMs } as const]),
    ...blockedBy(health, nowMs),
  ];
  const longest = waits.reduce((a, b) => (b.untilMs >= a.untilMs ? b : a));
  return longest.untilMs > nowMs ? longest : { why: "due", sinceMs: longest.untilMs };
}

/** What the health of a destination holds back. */
export function blockedBy(
  health: DestinationHealth | null,
  nowMs: number,
): Extract<Waiting, { why: "breaker" | "disabled" }>[] {
  if (health === null) return [];
  const { disabledReason, probeAtMs, memory } = health;
  if (disabledReason !== null && probeAtMs !== null && probeAtMs > nowMs)
    return [{ why: "disabled", untilMs: probeAtMs, detail: disabledReason }];
  const untilMs = openUntilMs(health, nowMs);
  return untilMs === null ? [] : [{ why: "breaker", untilMs, detail: memory.lastFailure }];
}

const until = (untilMs: number, nowMs: number): string => `${localTime(untilMs)} (${distanceText(untilMs, nowMs)})`;

/** One line, complete. */
export function waitingText(waiting: Waiting, nowMs: number): string {
  switch (waiting.why) {
    case "behind":
      return `delivery ${waiting.id}, which is about the same subject and goes first`;
    case "paused":
      return `the destination, which is paused until ${until(waiting.untilMs, nowMs)}: the provider asked for it`;
    case "breaker": {
      const last = waiting.detail === null ? "" : `; the last answer: ${waiting.detail}`;
      return `the destination, whose breaker is open until ${until(waiting.untilMs, nowMs)}: too many attempts failed in a row${last}`;
    }
    case "disabled":
      return `the destination, which is disabled (${waiting.detail}) and tried again at ${until(waiting.untilMs, nowMs)}`;
    case "retry":
      return `its next attempt at ${until(waiting.untilMs, nowMs)}`;
    case "due":
      return `a process that sends: due for ${durationText(nowMs - waiting.sinceMs)} (bellhop sweep sends what is due)`;
  }
}

/** The same for a table. */
export function waitingCell(waiting: Waiting, nowMs: number): string {
  switch (waiting.why) {
    case "behind":
      return `behind ${shortId(waiting.id)}`;
    case "paused":
      return `destination paused, next ${distanceText(waiting.untilMs, nowMs)}`;
    case "breaker":
      return `breaker open, next ${distanceText(waiting.untilMs, nowMs)}`;
    case "disabled":
      return `destination disabled, next ${distanceText(waiting.untilMs, nowMs)}`;
    case "retry": {
      const next = `next ${distanceText(waiting.untilMs, nowMs)}`;
      return waiting.reason === null ? next : `${waiting.reason}, ${next}`;
    }
    case "due":
      return `due, waits for a process that sends`;
  }
}

const iso = (ms: number): string => new Date(ms).toISOString();

export const waitingJson = (waiting: Waiting): JsonObject => ({
  why: waiting.why,
  until: "untilMs" in waiting ? iso(waiting.untilMs) : null,
  delivery_id: waiting.why === "behind" ? waiting.id : null,
  detail: "detail" in waiting ? waiting.detail : null,
});
