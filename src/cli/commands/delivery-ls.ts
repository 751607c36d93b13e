import { BellhopError } from "../../base/errors.ts";
import { type Delivery, type DeliveryStatus, MOVES } from "../../delivery/delivery.ts";
import type { CommandContext, CommandSpec } from "../command.ts";
import { deliverySymbol, paintDelivery } from "../state-look.ts";
import { type Column, idCell, table } from "../table.ts";
import { distanceText } from "../time-text.ts";
import { deliveryJson } from "../wire.ts";

const isStatus = (word: string): word is DeliveryStatus => Object.hasOwn(MOVES, word);

export const deliveryLs: CommandSpec = {
  options: [
    { flags: "--status <status>", text: `only these: ${Object.keys(MOVES).join(", ")}`, many: true },
    { flags: "--run <id|name>", text: "only deliveries about this flow run" },
    { flags: "--destination <ref>", text: "only deliveries to this block" },
    { flags: "--limit <n>", text: "most deliveries shown, 1 to 200 (default 20)" },
  ],
  examples: [
    { line: "bellhop delivery ls", text: "the latest 20 messages" },
    { line: "bellhop delivery ls --status dead", text: "what was given up, and why" },
    { line: "bellhop delivery ls --destination slack-webhook/ops --json", text: "one destination, for a script" },
  ],
  run: async (context) => {
    const { store } = await context.core();
    const { options, out } = context;
    const status = options.list("status");
    const wrong = status.find((word) => !isStatus(word));
    if (wrong !== undefined) {
      throw new BellhopError("cli_usage", {
        problem: `there is no delivery status "${wrong}"`,
        next: `Choose from: ${Object.keys(MOVES).join(", ")}.`,
      });
    }
    const destination = options.text("destination");
    const flowRunId = await runId(context);
    const deliveries = await store.outbox.list({
      limit: options.count("limit", { min: 1, max: 200 }) ?? 20,
      ...(status.length === 0 ? {} : { status: status.filter(isStatus) }),
      ...(destination === undefined ? {} : { destination }),
      ...(flowRunId === undefined ? {} : { flowRunId }),
    });
    out.value(deliveries.map(deliveryJson));
    if (deliveries.length === 0) out.note("No deliveries.");
    else table(out, columns(context), deliveries);
  },
};

async function runId({ options, core }: CommandContext): Promise<string | undefined> {
  const run = options.text("run");
  if (run === undefined) return undefined;
  const found = await (await core()).store.runs.findFlowRun(run);
  if (found === null) throw new BellhopError("run_not_found", { run });
  return found.id;
}

function columns({ out, clock }: CommandContext): Column<Delivery>[] {
  const now = clock.now();
  return [
    { title: "ID", of: (delivery) => idCell(out, delivery.id) },
    { title: "TO", of: (delivery) => delivery.destination },
    {
      title: "STATUS",
      of: (delivery) => `${deliverySymbol(delivery.status)} ${delivery.status}`,
      paint: (text, delivery) => paintDelivery(out.paint, delivery.status, text),
    },
    { title: "ATTEMPTS", of: (delivery) => attemptsText(delivery, now), flexible: true },
    { title: "CREATED", of: (delivery) => distanceText(delivery.createdAtMs, now) },
  ];
}

/** `1`, `1, gone`, `2, server, next in 4 s`. */
function attemptsText(delivery: Delivery, now: number): string {
  const next = delivery.status === "queued" ? `next ${distanceText(delivery.nextAttemptAtMs, now)}` : null;
  return [String(delivery.attempts), delivery.reason, next].filter((part) => part !== null).join(", ");
}
