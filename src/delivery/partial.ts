import { redact } from "../base/redactor.ts";
import type { Outcome } from "../channel/outcome.ts";
import type { Delivery, Settlement } from "./delivery.ts";
import { targetsLeft } from "./payload.ts";

// A message may reach some targets of its destination and not others: what is owed to the others, and how that ends.

export type Failure = Exclude<Outcome, { kind: "delivered" }>;

/** Targets that refused the message for now, while others took it; null when there are none. */
export function refusedNow(outcome: Outcome): readonly string[] | null {
  const targets = outcome.kind === "delivered" ? (outcome.remaining?.targets ?? []) : [];
  return targets.length === 0 ? null : targets;
}

/** What is left to do about an outcome, as a failure; null when the message was delivered and nothing is. */
export function asFailure(outcome: Outcome): Failure | null {
  if (outcome.kind !== "delivered") return outcome;
  const { remaining } = outcome;
  if (remaining === undefined || remaining.targets.length === 0) return null;
  const { targets, afterMs } = remaining;
  const detail = `${recipients(targets)} ${targets.length === 1 ? "was" : "were"} refused for now; the others have it`;
  return { kind: "retry", reason: "partial", detail, ambiguous: false, afterMs };
}

/**
 * The end of a delivery that is not tried again.
 *
 * @param left Targets that still lack the message, when others have it: the record counts them, and a replay is for them.
 */
export function givenUp(
  reason: Delivery["reason"],
  detail: string,
  left: readonly string[] | null,
): Pick<Settlement, "reason" | "detail"> & { readonly to: "dead"; readonly detail: string } {
  if (left === null) return { to: "dead", reason, detail };
  return { to: "dead", reason: "partial", detail: `${recipients(left)} not reached (${reason}): ${detail}` };
}

/** The end of a delivery whose time was up before its next attempt. */
export function expired({ attempts, payload }: Pick<Delivery, "attempts" | "payload">) {
  const left = targetsLeft(payload);
  const detail = "expired before it could be sent";
  if (attempts === 0 && left === null) return { to: "suppressed", reason: "expired", detail } as const;
  return givenUp("expired", detail, left);
}

/** The end of a delivery whose destination took nothing until it was too old. */
export function overdue(
  { destination, payload }: Pick<Delivery, "destination" | "payload">,
  { sinceMs, lastFailure }: { readonly sinceMs: number; readonly lastFailure: string | null },
) {
  const last = lastFailure === null ? "" : `; its last answer: ${redact(lastFailure)}`;
  const detail = `not tried any more: ${destination} has taken nothing since ${new Date(sinceMs).toISOString()}${last}`;
  return givenUp("expired", detail, targetsLeft(payload));
}

const recipients = ({ length }: readonly string[]): string => `${length} recipient${length === 1 ? "" : "s"}`;
