import type { Attempt, Delivery } from "../../delivery/delivery.ts";
import { fallbackKey, isHealthKey, replacedBy } from "../../delivery/dedup-keys.ts";
import type { OutboxStore } from "../../delivery/outbox-store.ts";

/** Other deliveries that one has to do with. */
export interface Links {
  /** Made because this one was given up. */
  readonly fallback: Delivery | null;
  /** The one that was given up, in whose place this one was made. */
  readonly insteadOf: Delivery | null;
  /** The newer one about the same subject because of which this one was not sent. */
  readonly overtakenBy: Delivery | null;
}

/** Id of the delivery in whose place this one was made; null for any other. */
export const originalOf = ({ dedupKey }: Delivery): string | null => replacedBy(dedupKey);

export const overtakerOf = ({ reason, detail }: Delivery): string | null => (reason === "overtaken" ? detail : null);

export async function linksOf(outbox: Pick<OutboxStore, "read" | "readByKey">, delivery: Delivery): Promise<Links> {
  const read = (id: string | null): Promise<Delivery | null> => (id === null ? Promise.resolve(null) : outbox.read(id));
  const [fallback, insteadOf, overtakenBy] = await Promise.all([
    outbox.readByKey(fallbackKey(delivery.id)),
    read(originalOf(delivery)),
    read(overtakerOf(delivery)),
  ]);
  return { fallback, insteadOf, overtakenBy };
}

/** Where a delivery comes from. */
export function originText({ origin, dedupKey }: Delivery): string {
  if (origin === "notify") return "notify() (sent at once)";
  if (replacedBy(dedupKey) !== null) return "fallback (stored when another delivery was given up)";
  return isHealthKey(dedupKey) ? "alert about a destination" : "hook (stored with the state)";
}

/** What it means that nobody knows whether a message has arrived; null when that is known. */
export function uncertainText({ uncertain, status, id }: Delivery, attempts: readonly Attempt[]): string | null {
  if (!uncertain) return null;
  const unanswered = attempts.filter(({ outcome }) => outcome.kind === "retry" && outcome.ambiguous).length;
  const cause =
    unanswered > 1 ? `${unanswered} attempts ended without an answer` : "an attempt ended without an answer";
  const same = `Each attempt carries the id ${id}, by which a receiver can tell a copy.`;
  if (status === "delivered") return `${cause}, so it may have arrived more than once. ${same}`;
  if (status === "queued" || status === "sending")
    return `${cause}, so it may have arrived already; it is sent again. ${same}`;
  return `${cause}, so it may have arrived all the same.`;
}
