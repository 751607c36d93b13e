import type { DeliveryStatus } from "../../delivery/delivery.ts";
import type { Standing } from "../../delivery/outbox-store.ts";
import type { CommandContext } from "../command.ts";
import { confirmed } from "../confirm.ts";
import { table } from "../table.ts";
import { findAll, selectionOf } from "./selection.ts";

type Movable = Exclude<DeliveryStatus, "delivered">;

/** The deliveries that a command is about to move. */
export interface Chosen {
  /** Those that can be moved, in order of arrival. */
  readonly ids: readonly string[];
  /** How many of them go to each destination, by name. */
  readonly destinations: ReadonlyMap<string, number>;
  /** Named, and in a status from which they cannot be moved. */
  readonly others: readonly Standing[];
}

/**
 * What the command line names or filters.
 *
 * @param from Statuses from which they can be moved; a filter finds no others.
 * @throws cli_usage, delivery_not_found, run_not_found
 */
export async function choose(context: CommandContext, isFiltered: boolean, from: readonly Movable[]): Promise<Chosen> {
  const { outbox } = (await context.core()).store;
  const ids = isFiltered
    ? await outbox.ids({ ...(await selectionOf(context)), status: from, untilMs: context.clock.now() + 1 })
    : (await findAll(context)).map(({ id }) => id);
  const standing = await outbox.standing(ids);
  const byId = new Map(standing.map((one) => [one.id, one]));
  const canMove = (id: string): boolean => from.some((status) => status === byId.get(id)?.status);
  const movable = ids.filter(canMove);
  const destinations = new Map<string, number>();
  for (const id of movable) {
    const destination = byId.get(id)?.destination ?? "";
    destinations.set(destination, (destinations.get(destination) ?? 0) + 1);
  }
  return {
    ids: movable,
    destinations: new Map([...destinations].toSorted(([a], [b]) => (a < b ? -1 : 1))),
    // What a filter finds can be moved; what has moved since is somebody else's doing.
    others: isFiltered ? [] : standing.filter(({ id }) => !canMove(id)),
  };
}

/** `1 delivery`, `12 deliveries`. */
export const countText = (count: number): string => `${count} ${count === 1 ? "delivery" : "deliveries"}`;

const MOST_NAMED = 3;

/** `12 deliveries to slack-webhook/ops`, `12 deliveries to 5 destinations`. */
export function chosenText({ ids, destinations }: Chosen): string {
  const [only] = destinations.keys();
  const to = destinations.size === 1 && only !== undefined ? only : `${destinations.size} destinations`;
  const each = [...destinations].map(([destination, count]) => `${count} to ${destination}`);
  const listed = destinations.size > 1 && destinations.size <= MOST_NAMED ? ` (${each.join(", ")})` : "";
  return `${countText(ids.length)} to ${to}${listed}`;
}

/** Asks about what a filter has found; what was named is meant. */
export const agreed = (context: CommandContext, isFiltered: boolean, question: string, what: string) =>
  isFiltered ? confirmed(context, question, what) : Promise.resolve(true);

/** What would be moved, for `--dry-run`. */
export function showChosen({ out }: CommandContext, chosen: Chosen, title: string): void {
  const rows = [...chosen.destinations].map(([destination, count]) => ({ destination, count }));
  out.value({ dry_run: true, deliveries: chosen.ids.length, destinations: rows });
  out.line(chosen.ids.length === 0 ? "No deliveries." : `${title} ${chosenText(chosen)}.`);
  if (rows.length <= 1) return;
  table(
    out,
    [
      { title: "TO", of: (row) => row.destination },
      { title: "DELIVERIES", of: (row) => String(row.count) },
    ],
    rows,
  );
}
