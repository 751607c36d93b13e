import { durationMs } from "../../base/duration.ts";
import { BellhopError } from "../../base/errors.ts";
import type { Delivery, DeliveryStatus } from "../../delivery/delivery.ts";
import type { DeliverySelection } from "../../delivery/outbox-store.ts";
import type { CommandContext, OptionSpec } from "../command.ts";
import { findRun } from "../find-run.ts";
import { DELIVERY_REASONS, isDeliveryReason } from "./reason-text.ts";

/** How the commands about deliveries are told which, `--status` apart. */
export const SELECTION_OPTIONS: readonly OptionSpec[] = [
  { flags: "--destination <ref>", text: "only deliveries to this block" },
  { flags: "--run <id|name>", text: "only deliveries about this flow run" },
  { flags: "--reason <reason>", text: "only with this reason, e.g. gone, expired, attempts-exhausted" },
  { flags: "--since <when>", text: "only those made since, e.g. 24h, 2026-11-20, 2026-11-20T14:00" },
];

export const statusOption = (statuses: readonly DeliveryStatus[]): OptionSpec => ({
  flags: "--status <status>",
  text: `only these: ${statuses.join(", ")}`,
  many: true,
});

/** The statuses that were asked for; none when none were. @throws cli_usage */
export function statusesOf<S extends DeliveryStatus>({ options }: CommandContext, allowed: readonly S[]): readonly S[] {
  const words = options.list("status");
  const isAllowed = (word: string): word is S => allowed.some((status) => status === word);
  const wrong = words.find((word) => !isAllowed(word));
  if (wrong === undefined) return words.filter(isAllowed);
  throw new BellhopError("cli_usage", {
    problem: `the delivery status "${wrong}" cannot be asked for here`,
    next: `Choose from: ${allowed.join(", ")}.`,
  });
}

/** What the options select, statuses apart. @throws cli_usage, run_not_found */
export async function selectionOf(context: CommandContext): Promise<Omit<DeliverySelection, "status">> {
  const { options, core } = context;
  const destination = options.text("destination");
  const run = options.text("run");
  const sinceMs = sinceOf(context);
  const reason = options.text("reason");
  if (reason !== undefined && !isDeliveryReason(reason))
    throw new BellhopError("cli_usage", {
      problem: `there is no delivery reason "${reason}"`,
      next: `Choose from: ${DELIVERY_REASONS.join(", ")}.`,
    });
  return {
    ...(destination === undefined ? {} : { destination }),
    ...(run === undefined ? {} : { flowRunId: (await findRun((await core()).store.runs, run)).id }),
    ...(reason === undefined ? {} : { reason }),
    ...(sinceMs === undefined ? {} : { sinceMs }),
  };
}

const DAY = /^\d{4}-\d{2}-\d{2}$/;
const INSTANT = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}/;

/** Epoch milliseconds of `--since`: so long ago, or an instant; a day begins at midnight here. @throws cli_usage */
export function sinceOf({ options, clock }: CommandContext): number | undefined {
  const text = options.text("since");
  if (text === undefined) return undefined;
  const ago = /[a-z]$/.test(text) ? durationMs(text) : undefined;
  if (ago !== undefined) return clock.now() - ago;
  const at = DAY.test(text) ? Date.parse(`${text}T00:00`) : INSTANT.test(text) ? Date.parse(text) : Number.NaN;
  if (!Number.isNaN(at)) return at;
  throw new BellhopError("cli_usage", {
    problem: "--since takes a duration with its unit, a day, or an instant",
    next: "Give for example --since 24h, --since 2026-11-20 or --since 2026-11-20T14:00.",
  });
}

/** Every delivery that is named, each once. @throws delivery_not_found */
export async function findAll({ core, args }: CommandContext): Promise<Delivery[]> {
  const { outbox } = (await core()).store;
  const found = new Map<string, Delivery>();
  for (const asked of args) {
    const delivery = await outbox.find(asked);
    if (delivery === null) throw new BellhopError("delivery_not_found", { delivery: asked });
    found.set(delivery.id, delivery);
  }
  return [...found.values()];
}

/** Whether the command line says which deliveries by a filter. Both a filter and ids is refused. @throws cli_usage */
export function isFiltered({ args, options }: CommandContext): boolean {
  const filters = ["status", "destination", "run", "reason", "since"];
  const first = filters.find((name) => options.text(name) !== undefined || options.list(name).length > 0);
  if (first !== undefined && args.length > 0)
    throw new BellhopError("cli_usage", {
      problem: `ids and --${first} cannot be combined`,
      next: "Name deliveries, or filter them.",
    });
  if (first === undefined && args.length === 0)
    throw new BellhopError("cli_usage", {
      problem: "nothing says which deliveries",
      next: "Name their ids, or filter them, for example with --destination slack-webhook/ops.",
    });
  return first !== undefined;
}
