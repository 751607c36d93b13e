import { BellhopError } from "../../base/errors.ts";
import type { Attempt, Delivery } from "../../delivery/delivery.ts";
import { type Payload, readPayload } from "../../delivery/payload.ts";
import { renderMessage } from "../../templating/render.ts";
import type { TemplateCatalog } from "../../templating/template-source.ts";
import { withoutTitleLine } from "../../templating/title-line.ts";
import type { CommandContext, CommandSpec } from "../command.ts";
import { deliverySymbol, paintDelivery } from "../state-look.ts";
import { facts, heading, table } from "../table.ts";
import { safeText, wrapColumns } from "../terminal-text.ts";
import { safeLine } from "../terminal-text.ts";
import { distanceText, durationText, localTime } from "../time-text.ts";
import { attemptJson, deliveryJson } from "../wire.ts";

export const deliveryInspect: CommandSpec = {
  args: [{ name: "id", text: "id of the delivery, or as much of it as no other has, as in delivery ls" }],
  examples: [
    { line: "bellhop delivery inspect 01994f2a", text: "attempts, answers, and what the message says" },
    { line: "bellhop delivery inspect 01994f2a --json", text: "with everything the message was made from" },
  ],
  run: async (context) => {
    const { outbox } = (await context.core()).store;
    const id = context.args[0] ?? "";
    const delivery = await outbox.find(id);
    if (delivery === null) throw new BellhopError("delivery_not_found", { delivery: id });
    const attempts = await outbox.attempts(delivery.id);
    context.out.value({ ...deliveryJson(delivery), attempt_log: attempts.map(attemptJson) });
    if (context.out.json) return;
    showDelivery(context, delivery);
    showAttempts(context, attempts);
    await showMessage(context, delivery);
  },
};

/** Wide enough for any message; the channel's own limits are tighter. */
const MESSAGE_LIMIT = { max: 100_000, unit: "bytes" } as const;

/** What it says, for people: the channel's own form of it is made anew for every attempt. */
async function showMessage({ core, out }: CommandContext, delivery: Delivery): Promise<void> {
  const payload = readPayload(delivery.payload);
  if (payload === null) return;
  heading(out, "Message, as plain text");
  const text = payload.kind === "text" ? payload : await rendered(payload, (await core()).catalog);
  const body = withoutTitleLine(text.body, text.title);
  const lines = [
    ...(text.title === "" || text.title === text.body ? [] : [out.paint.bold(safeText(text.title)), ""]),
    safeText(body),
  ];
  for (const line of lines.flatMap((each) => (out.cuts ? wrapColumns(each, out.columns - 2) : each.split("\n"))))
    out.line(`  ${line}`.trimEnd());
}

const rendered = ({ template, context }: Extract<Payload, { kind: "run" }>, catalog: TemplateCatalog) =>
  renderMessage({ catalog, name: template, dialect: "text", limits: { body: MESSAGE_LIMIT }, context });

function showDelivery({ out, clock }: CommandContext, delivery: Delivery): void {
  const now = clock.now();
  const { payload, status } = delivery;
  out.line(
    `${paintDelivery(out.paint, status, `${deliverySymbol(status)} ${status}`)}  ${out.paint.bold(safeLine(delivery.destination))}`,
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
