import type { CommandContext, CommandSpec } from "../command.ts";
import { agreed, choose, type Chosen, chosenText, countText, showChosen } from "../delivery/chosen.ts";
import { isFiltered, SELECTION_OPTIONS } from "../delivery/selection.ts";
import { EXIT } from "../exit-code.ts";
import { startProgress } from "../progress.ts";

/** Deliveries ended in one transaction, so that a long cancellation never holds up who sends. */
const BATCH = 200;

export const deliveryCancel: CommandSpec = {
  description:
    "Ends queued deliveries without sending them: they become suppressed, with the reason cancelled-by-person. What is " +
    "being sent, or has ended, is left alone. A cancelled delivery can be replayed.",
  args: [
    {
      name: "id",
      text: "deliveries, as in delivery ls; or filter them with the options",
      optional: true,
      variadic: true,
    },
  ],
  options: [
    ...SELECTION_OPTIONS,
    { flags: "--dry-run", text: "show what would be cancelled, and change nothing" },
    { flags: "-y, --yes", text: "do not ask" },
  ],
  examples: [
    { line: "bellhop delivery cancel 01994f2a", text: "one delivery" },
    { line: "bellhop delivery cancel --destination slack-webhook/ops", text: "all that wait for it; asks first" },
    { line: "bellhop delivery cancel --run crimson-fox --yes --json", text: "what a run still owes, in a script" },
  ],
  run: async (context) => {
    const byFilter = isFiltered(context);
    const chosen = await choose(context, byFilter, ["queued"]);
    if (context.options.flag("dry-run")) return showChosen(context, chosen, "Would cancel:");
    const question = `Cancel ${chosenText(chosen)}?`;
    const asks = byFilter && chosen.ids.length > 0;
    if (!(await agreed(context, asks, question, `this cancels ${countText(chosen.ids.length)}`))) return EXIT.failed;
    const cancelled = await cancelAll(context, chosen.ids);
    return await report(context, chosen, cancelled);
  },
};

async function cancelAll({ core, out, clock }: CommandContext, ids: readonly string[]): Promise<number> {
  const { outbox } = (await core()).store;
  using progress = startProgress(out, clock, `cancelling ${countText(ids.length)}`);
  let cancelled = 0;
  for (let at = 0; at < ids.length; at += BATCH) {
    cancelled += await outbox.cancel(ids.slice(at, at + BATCH));
    progress.update(`cancelling: ${Math.min(at + BATCH, ids.length)} of ${ids.length}`);
  }
  return cancelled;
}

async function report({ core, out }: CommandContext, { ids, others }: Chosen, cancelled: number): Promise<number> {
  const { outbox } = (await core()).store;
  // Those that a process took in the meantime.
  const missed = cancelled === ids.length ? [] : (await outbox.standing(ids)).filter(isNotCancelled);
  const leftAlone = [...others, ...missed];
  out.value({
    cancelled,
    left_alone: leftAlone.map(({ id, destination, status, reason }) => ({ id, destination, status, reason })),
  });
  for (const { id, status } of leftAlone) out.note(`${id} is ${status}: only a queued delivery can be cancelled.`);
  out.line(`${countText(cancelled)} cancelled.`);
  return leftAlone.length === 0 ? EXIT.ok : EXIT.failed;
}

const isNotCancelled = ({ reason }: Chosen["others"][number]): boolean => reason !== "cancelled-by-person";
