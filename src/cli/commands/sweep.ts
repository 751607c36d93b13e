import { durationMs } from "../../base/duration.ts";
import { BellhopError } from "../../base/errors.ts";
import type { CommandContext, CommandSpec } from "../command.ts";
import { withProgress } from "../progress.ts";
import { facts } from "../table.ts";

/** Longest `--wait`: an hour, so that a cron job cannot pile up for ever. */
const MAX_WAIT_MS = 3_600_000;

export const sweep: CommandSpec = {
  description:
    "Declares the runs of dead processes Crashed, queues again what those processes were sending, and sends everything " +
    "that is due. Every Bellhop process does the same while it lives; use this from cron where none lives long.",
  options: [
    {
      flags: "--wait <duration>",
      text: "longest wait for due deliveries, e.g. 30s (default $BELLHOP_DRAIN_TIMEOUT or 10s)",
    },
  ],
  examples: [
    { line: "bellhop sweep", text: "once, now" },
    { line: "*/5 * * * * bellhop sweep", text: "a line for crontab" },
  ],
  run: async (context) => {
    const { out, clock } = context;
    const deadlineMs = waitOf(context);
    const hub = await context.hub();
    const swept = await hub.sweep();
    const drained = await withProgress(out, clock, "sending what is due", () =>
      hub.drain(deadlineMs === undefined ? {} : { deadlineMs }),
    );
    const counts = {
      recovered: swept.recovered,
      delivered: drained.delivered,
      queued: drained.queued,
      dead: drained.dead,
      in_flight: drained.inFlight,
    };
    out.value({ leases: swept.leases, crashed: swept.crashed, ...counts });
    facts(out, [
      ["dead processes", String(swept.leases)],
      ["runs crashed", swept.crashed.length === 0 ? "0" : `${swept.crashed.length}: ${swept.crashed.join(", ")}`],
      ["recovered", String(swept.recovered)],
      ["delivered", String(drained.delivered)],
      ["still waiting", String(drained.queued + drained.inFlight)],
      ["given up", String(drained.dead)],
    ]);
  },
};

function waitOf({ options }: CommandContext): number | undefined {
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
