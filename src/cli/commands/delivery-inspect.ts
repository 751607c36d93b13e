import { BellhopError } from "../../base/errors.ts";
import type { JsonValue } from "../../base/json.ts";
import type { Attempt, Delivery } from "../../delivery/delivery.ts";
import { type Payload, readPayload } from "../../delivery/payload.ts";
import { renderMessage } from "../../templating/render.ts";
import type { TemplateCatalog } from "../../templating/template-source.ts";
import { withoutTitleLine } from "../../templating/title-line.ts";
import type { CommandContext, CommandSpec } from "../command.ts";
import { type Links, linksOf, originText, uncertainText } from "../delivery/links.ts";
import { paintStatus, showAttempts, statusText } from "../delivery/outcome-text.ts";
import { reasonText } from "../delivery/reason-text.ts";
import { type Waiting, waitingJson, waitingText, whatFor } from "../delivery/waiting.ts";
import { facts, heading } from "../table.ts";
import { safeLine, safeText, wrapColumns } from "../terminal-text.ts";
import { distanceText, durationText, localTime } from "../time-text.ts";
import { attemptJson, deliveryJson } from "../wire.ts";

interface Inspected {
  readonly delivery: Delivery;
  readonly attempts: readonly Attempt[];
  readonly links: Links;
  readonly waiting: Waiting | null;
}

export const deliveryInspect: CommandSpec = {
  description:
    "Everything about one message: where it stands and why, every attempt with the provider's answer, what it waits " +
    "for, the message that was sent in its place, and what it says.",
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
    const [attempts, links, waits] = await Promise.all([
      outbox.attempts(delivery.id),
      linksOf(outbox, delivery),
      whatFor(outbox, [delivery], context.clock.now()),
    ]);
    const found = { delivery, attempts, links, waiting: waits.get(delivery.id) ?? null };
    context.out.value({
      ...deliveryJson(delivery),
      waiting: found.waiting === null ? null : waitingJson(found.waiting),
      fallback: linkJson(links.fallback),
      fallback_of: linkJson(links.insteadOf),
      overtaken_by: linkJson(links.overtakenBy),
      attempt_log: attempts.map(attemptJson),
    });
    if (context.out.json) return;
    showDelivery(context, found);
    showAttempts(context, attempts);
    await showMessage(context, delivery);
  },
};

const linkJson = (linked: Delivery | null): JsonValue =>
  linked === null ? null : { id: linked.id, destination: linked.destination, status: linked.status };

/** Wide enough for any message; the channel's own limits are tighter. */
const MESSAGE_LIMIT = { max: 100_000, unit: "bytes" } as const;

type RunPayload = Extract<Payload, { kind: "run" }>;

/** What it says, for people: the channel's own form of it is made anew for every attempt. */
async function showMessage({ core, out }: CommandContext, delivery: Delivery): Promise<void> {
  const payload = readPayload(delivery.payload);
  if (payload === null) return;
  heading(out, "Message, as plain text");
  const text = payload.kind === "run" ? await rendered(payload, (await core()).catalog) : payload;
  const body = withoutTitleLine(text.body, text.title);
  const lines = [
    ...(payload.notice === undefined ? [] : [safeText(payload.notice), ""]),
    ...(text.title === "" || text.title === text.body ? [] : [out.paint.bold(safeText(text.title)), ""]),
    safeText(body),
  ];
  for (const line of lines.flatMap((each) => (out.cuts ? wrapColumns(each, out.columns - 2) : each.split("\n"))))
    out.line(`  ${line}`.trimEnd());
}

const rendered = ({ template, context }: RunPayload, catalog: TemplateCatalog) =>
  renderMessage({ catalog, name: template, dialect: "text", limits: { body: MESSAGE_LIMIT }, context });

function showDelivery({ out, clock }: CommandContext, { delivery, attempts, links, waiting }: Inspected): void {
  const now = clock.now();
  const { payload, status, reason } = delivery;
  const head = paintStatus(out, statusText(delivery, attempts), [delivery, attempts]);
  const isOpen = status === "queued" || status === "sending";
  out.line(`${head}  ${out.paint.bold(safeLine(delivery.destination))}`);
  out.line();
  facts(out, [
    ["id", delivery.id],
    ["about", delivery.subject],
    ["origin", originText(delivery)],
    ["severity", delivery.severity],
    ["template", typeof payload["template"] === "string" ? payload["template"] : null],
    ["created", `${localTime(delivery.createdAtMs)} (${distanceText(delivery.createdAtMs, now)})`],
    ["waits for", waiting === null ? null : waitingText(waiting, now)],
    ["next attempt", status === "queued" ? distanceText(delivery.nextAttemptAtMs, now) : null],
    ["expires", expiryText(delivery, now)],
    ["settled", isOpen ? null : `after ${durationText(delivery.updatedAtMs - delivery.createdAtMs)}`],
    ["reason", reason === null ? null : `${reason}: ${reasonText(reason)}`],
    ["detail", reason === "overtaken" ? null : delivery.detail],
    ["overtaken by", linkText(links.overtakenBy)],
    ["sent instead", linkText(links.fallback)],
    ["instead of", linkText(links.insteadOf)],
    ["provider id", delivery.providerId],
    ["unreadable", delivery.unreadable],
    ["uncertain", uncertainText(delivery, attempts)],
    ["go on", status === "dead" || status === "suppressed" ? `bellhop delivery replay ${delivery.id}` : null],
  ]);
}

const linkText = (linked: Delivery | null): string | null =>
  linked === null ? null : `${linked.id} to ${linked.destination}, ${linked.status}`;

const expiryText = ({ status, expiresAtMs }: Delivery, now: number): string | null =>
  status !== "queued" || expiresAtMs === null ? null : `${localTime(expiresAtMs)} (${distanceText(expiresAtMs, now)})`;
