import type { Attempt, Delivery } from "../../delivery/delivery.ts";
import type { CommandContext, CommandSpec } from "../command.ts";
import { endedInPart, paintStatus, statusText } from "../delivery/outcome-text.ts";
import { SELECTION_OPTIONS, selectionOf, statusesOf, statusOption } from "../delivery/selection.ts";
import { type Waiting, waitingCell, waitingJson, whatFor } from "../delivery/waiting.ts";
import { DELIVERY_STATUSES } from "../state-look.ts";
import { type Column, idCell, shortId, table } from "../table.ts";
import { distanceText } from "../time-text.ts";
import { deliveryJson } from "../wire.ts";

export const deliveryLs: CommandSpec = {
  description:
    "Lists deliveries, newest first, and says why each stands where it stands: what a queued one waits for, why " +
    "another one was given up or not sent.",
  options: [
    statusOption(DELIVERY_STATUSES),
    ...SELECTION_OPTIONS,
    { flags: "--limit <n>", text: "most deliveries shown, 1 to 200 (default 20)" },
  ],
  examples: [
    { line: "bellhop delivery ls", text: "the latest 20 messages" },
    { line: "bellhop delivery ls --status dead --since 24h", text: "what was given up since yesterday, and why" },
    { line: "bellhop delivery ls --status queued", text: "what waits, and for what" },
    { line: "bellhop delivery ls --destination slack-webhook/ops --json", text: "one destination, for a script" },
  ],
  run: async (context) => {
    const { outbox } = (await context.core()).store;
    const { options, out, clock } = context;
    const status = statusesOf(context, DELIVERY_STATUSES);
    const deliveries = await outbox.list({
      ...(await selectionOf(context)),
      ...(status.length === 0 ? {} : { status }),
      limit: options.count("limit", { min: 1, max: 200 }) ?? 20,
    });
    const waits = await whatFor(outbox, deliveries, clock.now());
    const rows = await Promise.all(
      deliveries.map(async (delivery): Promise<Row> => ({
        delivery,
        // Only these can tell that some recipients did not take it.
        attempts: delivery.status === "delivered" ? await outbox.attempts(delivery.id) : [],
        waiting: waits.get(delivery.id) ?? null,
      })),
    );
    out.value(rows.map(rowJson));
    if (rows.length === 0) out.note("No deliveries.");
    else table(out, columns(context), rows);
  },
};

interface Row {
  readonly delivery: Delivery;
  readonly attempts: readonly Attempt[];
  readonly waiting: Waiting | null;
}

const rowJson = ({ delivery, attempts, waiting }: Row) => ({
  ...deliveryJson(delivery),
  in_part: endedInPart(delivery, attempts),
  waiting: waiting === null ? null : waitingJson(waiting),
});

function columns({ out, clock }: CommandContext): Column<Row>[] {
  const now = clock.now();
  return [
    { title: "ID", of: ({ delivery }) => idCell(out, delivery.id) },
    { title: "TO", of: ({ delivery }) => delivery.destination },
    {
      title: "STATUS",
      of: ({ delivery, attempts }) => statusText(delivery, attempts),
      paint: (text, { delivery, attempts }) => paintStatus(out, text, [delivery, attempts]),
    },
    { title: "TRIES", of: ({ delivery }) => String(delivery.attempts) },
    { title: "WHY", of: (row) => whyText(row, now), flexible: true },
    { title: "CREATED", of: ({ delivery }) => distanceText(delivery.createdAtMs, now) },
  ];
}

/** `server, next in 4 s`, `gone: no_service`, `overtaken by 01994f2a-7b3c..3a1b09`, `it may have arrived twice`. */
function whyText({ delivery, waiting }: Row, now: number): string {
  const { status, reason, detail, uncertain } = delivery;
  if (waiting !== null) return waitingCell(waiting, now);
  if (reason === "overtaken" && detail !== null) return `overtaken by ${shortId(detail)}`;
  const why = [reason, detail].filter((part) => part !== null).join(": ");
  if (why !== "") return why;
  return status === "delivered" && uncertain ? "uncertain: it may have arrived twice" : "";
}
