import { durationMs } from "../../base/duration.ts";
import { BellhopError } from "../../base/errors.ts";
import type { Standing } from "../../delivery/outbox-store.ts";
import { usedAgain } from "../../delivery/gate.ts";
import type { CommandContext, CommandSpec } from "../command.ts";
import { agreed, choose, type Chosen, chosenText, countText, showChosen } from "../delivery/chosen.ts";
import { isFiltered, SELECTION_OPTIONS, statusesOf, statusOption } from "../delivery/selection.ts";
import { sendAll } from "../delivery/send-all.ts";
import { EXIT } from "../exit-code.ts";
import { startProgress } from "../progress.ts";
import { deliverySymbol, paintDelivery } from "../state-look.ts";
import { facts, heading, idCell, table } from "../table.ts";

const REPLAYABLE = ["dead", "suppressed"] as const;
/** Longest `--wait`: an hour, as for a sweep. */
const MAX_WAIT_MS = 3_600_000;
/** Most deliveries listed after a replay; the JSON has them all. */
const MOST_LISTED = 20;

export const deliveryReplay: CommandSpec = {
  description:
    "Sends deliveries again that were given up or not sent. Each keeps its id, which is the idempotency key of all its " +
    "attempts, and gets all attempts of its channel anew. A destination that was disabled is used again. Exit code 0 " +
    "only if every one of them was delivered.",
  args: [
    {
      name: "id",
      text: "deliveries, as in delivery ls; or filter them with the options",
      optional: true,
      variadic: true,
    },
  ],
  options: [
    { ...statusOption(REPLAYABLE), text: `only these: ${REPLAYABLE.join(", ")} (default dead)` },
    ...SELECTION_OPTIONS,
    { flags: "--dry-run", text: "show what would be sent again, and change nothing" },
    { flags: "-y, --yes", text: "do not ask" },
    {
      flags: "--wait <duration>",
      text: "stop waiting when none has ended for this long (default $BELLHOP_DRAIN_TIMEOUT or 10s)",
    },
    { flags: "--no-wait", text: "queue them only; the next process that sends takes them" },
  ],
  examples: [
    { line: "bellhop delivery replay 01994f2a", text: "one delivery, now" },
    {
      line: "bellhop delivery replay --status dead --destination slack-webhook/ops --since 24h",
      text: "what Slack did not take since yesterday; asks first",
    },
    { line: "bellhop delivery replay --reason gone --dry-run", text: "only look" },
    {
      line: "bellhop delivery replay --status dead --yes --no-wait",
      text: "for a script, where a process sends anyway",
    },
  ],
  run: async (context) => {
    const { options, out } = context;
    const byFilter = isFiltered(context);
    const statuses = statusesOf(context, REPLAYABLE);
    const patienceMs = patienceOf(context);
    const chosen = await choose(context, byFilter, byFilter && statuses.length === 0 ? ["dead"] : from(statuses));
    if (options.flag("dry-run")) return showChosen(context, chosen, "Would send again:");
    if (chosen.ids.length === 0 && byFilter) {
      out.value(resultJson({ replayed: 0, ended: [] }));
      out.note("No deliveries.");
      return EXIT.ok;
    }
    const question = `Send ${chosenText(chosen)} again?`;
    if (!(await agreed(context, byFilter, question, `this sends ${countText(chosen.ids.length)} again`)))
      return EXIT.failed;
    return options.off("wait") ? queueOnly(context, chosen) : await sendNow(context, chosen, patienceMs);
  },
};

const from = (statuses: readonly (typeof REPLAYABLE)[number][]): readonly (typeof REPLAYABLE)[number][] =>
  statuses.length === 0 ? REPLAYABLE : statuses;

async function queueOnly(context: CommandContext, chosen: Chosen): Promise<number> {
  const { out } = context;
  const replayed = await replay(context, chosen);
  out.value({ replayed, left_alone: chosen.others.map(standingJson) });
  out.line(`${countText(replayed)} queued again. The next process that sends takes them; "bellhop sweep" does.`);
  noteOthers(context, chosen);
  return EXIT.ok;
}

async function sendNow(context: CommandContext, chosen: Chosen, patienceMs: number | undefined): Promise<number> {
  const { out } = context;
  const hub = await context.hub();
  const replayed = await replay(context, chosen);
  await sendAll(context, hub, chosen.ids, patienceMs ?? hub.config.drainTimeoutMs);
  const ended = [...(await hub.store.outbox.standing(chosen.ids)), ...chosen.others];
  out.value(resultJson({ replayed, ended }));
  noteOthers(context, chosen);
  showEnded(context, replayed, ended);
  return ended.every(({ status }) => status === "delivered") ? EXIT.ok : EXIT.failed;
}

/** Queues them again under a line of progress. */
async function replay(context: CommandContext, { ids, destinations }: Chosen): Promise<number> {
  const { out, clock } = context;
  const { store } = await (context.options.off("wait") ? context.core() : context.hub());
  // A person wants them to be tried; without this they would be given up at once.
  for (const { destination, disabledReason } of await store.outbox.listHealth())
    if (disabledReason !== null && destinations.has(destination))
      await store.outbox.changeHealth(destination, (health) =>
        health === null ? null : { health: usedAgain(health), news: {} },
      );
  using progress = startProgress(out, clock, `queueing ${countText(ids.length)}`);
  return await store.outbox.replay({ ids }, clock.now(), (far) =>
    progress.update(`queueing: ${far.replayed + far.skipped} of ${ids.length}`),
  );
}

function noteOthers({ out }: CommandContext, { others }: Chosen): void {
  for (const { id, status } of others) {
    const why = status === "delivered" ? "was delivered already" : `is ${status}`;
    out.note(`${id} ${why}: left as it is.`);
  }
}

const countOf = (ended: readonly Standing[], ...statuses: readonly Standing["status"][]): number =>
  ended.filter(({ status }) => statuses.includes(status)).length;

const standingJson = ({ id, destination, status, reason }: Standing) => ({ id, destination, status, reason });

const resultJson = ({ replayed, ended }: { readonly replayed: number; readonly ended: readonly Standing[] }) => ({
  replayed,
  delivered: countOf(ended, "delivered"),
  queued: countOf(ended, "queued", "sending"),
  dead: countOf(ended, "dead"),
  suppressed: countOf(ended, "suppressed"),
  not_delivered: ended.filter(({ status }) => status !== "delivered").map(standingJson),
});

function showEnded({ out }: CommandContext, replayed: number, ended: readonly Standing[]): void {
  const waiting = countOf(ended, "queued", "sending");
  const suppressed = countOf(ended, "suppressed");
  facts(out, [
    ["queued again", String(replayed)],
    ["delivered", String(countOf(ended, "delivered"))],
    ["still waiting", String(waiting)],
    ["given up", String(countOf(ended, "dead"))],
    ["not sent", suppressed === 0 ? null : String(suppressed)],
  ]);
  const missing = ended.filter(({ status }) => status !== "delivered");
  if (missing.length === 0) return;
  heading(out, "Not delivered");
  table(
    out,
    [
      { title: "ID", of: ({ id }) => idCell(out, id) },
      { title: "TO", of: ({ destination }) => destination, flexible: true },
      {
        title: "STATUS",
        of: ({ status }) => `${deliverySymbol(status)} ${status}`,
        paint: (text, { status }) => paintDelivery(out.paint, status, text),
      },
      { title: "REASON", of: ({ reason }) => reason ?? "" },
    ],
    missing.slice(0, MOST_LISTED),
  );
  if (missing.length > MOST_LISTED) out.note(`${missing.length - MOST_LISTED} more are not shown.`);
}

function patienceOf({ options }: CommandContext): number | undefined {
  const text = options.text("wait");
  if (text === undefined) return undefined;
  const ms = durationMs(text);
  if (ms === undefined || ms > MAX_WAIT_MS) {
    throw new BellhopError("cli_usage", {
      problem: "--wait takes a duration of at most an hour",
      next: "Give for example --wait 30s.",
    });
  }
  return ms;
}
