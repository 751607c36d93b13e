import type { Outcome } from "../../channel/outcome.ts";
import type { Attempt, Delivery } from "../../delivery/delivery.ts";
import type { Output } from "../output.ts";
import { deliverySymbol, paintDelivery } from "../state-look.ts";
import { type Column, facts, heading, table } from "../table.ts";
import { durationText, localTime } from "../time-text.ts";

/** How a channel marks the refusal of one target in its warnings. */
const REFUSED = /^partial\b/;

/** True when the provider took the message for some of its targets and not for others. */
export const isInPart = (outcome: Outcome): boolean =>
  outcome.kind === "delivered" &&
  ((outcome.remaining?.targets.length ?? 0) > 0 || (outcome.warnings ?? []).some((warning) => REFUSED.test(warning)));

/** A delivered message that somebody did not get. */
export const endedInPart = ({ status, reason }: Delivery, attempts: readonly Attempt[]): boolean =>
  status === "delivered" && (reason === "partial" || attempts.some(({ outcome }) => isInPart(outcome)));

/** `✓ delivered`, `✓ delivered in part`, `✗ dead`. */
export const statusText = (delivery: Delivery, attempts: readonly Attempt[]): string =>
  `${deliverySymbol(delivery.status)} ${delivery.status}${endedInPart(delivery, attempts) ? " in part" : ""}`;

export function paintStatus(
  { paint }: Pick<Output, "paint">,
  text: string,
  [delivery, attempts]: readonly [Delivery, readonly Attempt[]],
): string {
  return endedInPart(delivery, attempts) ? paint.warn(text) : paintDelivery(paint, delivery.status, text);
}

/** `delivered`, `delivered in part`, `retry: server`, `permanent: gone`. */
export const outcomeText = (outcome: Outcome): string => {
  if (outcome.kind === "delivered") return isInPart(outcome) ? "delivered in part" : "delivered";
  return `${outcome.kind}: ${outcome.reason}`;
};

/** What the provider said, and what Bellhop remarked. */
export function answerText(outcome: Outcome): string {
  if (outcome.kind === "delivered") {
    const { providerId, warnings = [], remaining } = outcome;
    const left = remaining === undefined || remaining.targets.length === 0 ? [] : remaining.targets;
    const owed = left.length === 0 ? [] : [`for ${left.join(", ")} it is tried again`];
    return [...(providerId === undefined ? [] : [providerId]), ...warnings, ...owed].join("; ");
  }
  const isOpen = outcome.kind === "retry" && outcome.ambiguous;
  const asked = outcome.kind === "retry" ? outcome.afterMs : undefined;
  return [
    outcome.detail,
    asked === undefined ? "" : `(asked to wait ${durationText(asked)})`,
    isOpen ? "(it may have arrived)" : "",
  ]
    .filter((part) => part !== "")
    .join(" ");
}

const paintOutcome = ({ paint }: Pick<Output, "paint">, outcome: Outcome, text: string): string => {
  if (outcome.kind !== "delivered") return paint.bad(text);
  return isInPart(outcome) ? paint.warn(text) : paint.good(text);
};

/** One line each; on a terminal the answers stand below, whole. */
export function showAttempts({ out }: { readonly out: Output }, attempts: readonly Attempt[]): void {
  heading(out, `Attempts (${attempts.length})`);
  if (attempts.length === 0) {
    out.line("none yet");
    return;
  }
  const answer: Column<Attempt> = { title: "ANSWER", of: ({ outcome }) => answerText(outcome) };
  table(out, [...attemptColumns(out), ...(out.cuts ? [] : [answer])], attempts);
  if (!out.cuts) return;
  const said = attempts.map((attempt) => [`#${attempt.number}`, answerText(attempt.outcome)] as const);
  facts(
    out,
    said.filter(([, text]) => text !== ""),
  );
}

const attemptColumns = (out: Output): Column<Attempt>[] => [
  { title: "#", of: (attempt) => String(attempt.number) },
  { title: "AT", of: (attempt) => localTime(attempt.startedAtMs) },
  { title: "TOOK", of: (attempt) => durationText(attempt.durationMs) },
  { title: "STATUS", of: (attempt) => (attempt.status === null ? "-" : String(attempt.status)) },
  {
    title: "OUTCOME",
    of: ({ outcome }) => outcomeText(outcome),
    paint: (text, { outcome }) => paintOutcome(out, outcome, text),
  },
];
