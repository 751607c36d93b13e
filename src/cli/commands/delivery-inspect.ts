import { BellhopError } from "../../base/errors.ts";
import type { Attempt, Delivery } from "../../delivery/delivery.ts";
import type { CommandContext, CommandSpec } from "../command.ts";
import { deliverySymbol, paintDelivery } from "../state-look.ts";
import { facts, heading, table } from "../table.ts";
import { distanceText, durationText, localTime } from "../time-text.ts";
import { attemptJson, deliveryJson } from "../wire.ts";

export const deliveryInspect: CommandSpec = {
  args: [{ name: "id", text: "id of the delivery; its first 4 or more characters are enough" }],
  examples: [
    { line: "bellhop delivery inspect 01994f2a", text: "attempts and answers" },
    { line: "bellhop delivery inspect 01994f2a --json", text: "with the payload" },
  ],
  run: async (context) => {
    const { outbox } = (await context.core()).store;
    const id = context.args[0] ?? "";
    const delivery = await outbox.find(id);
    if (delivery === null) throw new BellhopError("delivery_not_found", { delivery: id });
    const attempts = await outbox.attempts(delivery.id);
    context.out.value({ ...deliveryJson(delivery), attempt_log: attempts.map(attemptJson) });
    showDelivery(context, delivery);
    showAttempts(context, attempts);
  },
};

function showDelivery({ out, clock }: CommandContext, delivery: Delivery): void {
  const now = clock.now();
  const { payload, status } = delivery;
  out.line(
    `${paintDelivery(out.paint, status, `${deliverySymbol(status)} ${status}`)}  ${out.paint.bold(delivery.destination)}`,
  );
  out.line();
  facts(out, [
    ["id", delivery.id],
    ["about", delivery.subject],
    ["origin", delivery.origin === "hook" ? "hook (stored with the state)" : "notify() (sent at once)"],
    ["severity", delivery.severity],
    ["template", typeof payload["template"] === "string" ? payload["template"] : null],
    ["created", `${localTime(delivery.createdAtMs)} (${distanceText(delivery.createdAtMs, now)})`],
    ["next attempt", status === "queued" ? distanceText(delivery.nextAttemptAtMs, now) : null],
    [
      "settled",
      status === "queued" || status === "sending"
        ? null
        : `after ${durationText(delivery.updatedAtMs - delivery.createdAtMs)}`,
    ],
    ["reason", delivery.reason],
    ["detail", delivery.detail],
    ["provider id", delivery.providerId],
    ["uncertain", delivery.uncertain ? "yes: an attempt ended without an answer, it may have arrived twice" : null],
  ]);
}

export function showAttempts({ out }: Pick<CommandContext, "out">, attempts: readonly Attempt[]): void {
  heading(out, `Attempts (${attempts.length})`);
  if (attempts.length === 0) {
    out.line("none yet");
    return;
  }
  table(
    out,
    [
      { title: "#", of: (attempt) => String(attempt.number) },
      { title: "AT", of: (attempt) => localTime(attempt.startedAtMs) },
      { title: "TOOK", of: (attempt) => durationText(attempt.durationMs) },
      { title: "STATUS", of: (attempt) => (attempt.status === null ? "-" : String(attempt.status)) },
      {
        title: "OUTCOME",
        of: outcomeText,
        paint: (text, attempt) => (attempt.outcome.kind === "delivered" ? out.paint.good(text) : out.paint.bad(text)),
      },
      { title: "DETAIL", of: detailText, flexible: true },
    ],
    attempts,
  );
}

const outcomeText = ({ outcome }: Attempt): string =>
  outcome.kind === "delivered" ? "delivered" : `${outcome.kind}: ${outcome.reason}`;

function detailText({ outcome }: Attempt): string {
  if (outcome.kind === "delivered")
    return [outcome.providerId ?? "", ...(outcome.warnings ?? [])].filter((part) => part !== "").join(", ");
  const asked =
    outcome.kind === "retry" && outcome.afterMs !== undefined
      ? ` (asked to wait ${durationText(outcome.afterMs)})`
      : "";
  return `${outcome.detail}${asked}`;
}
