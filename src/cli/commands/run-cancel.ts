import { durationMs } from "../../base/duration.ts";
import { BellhopError } from "../../base/errors.ts";
import { cancelFlowRun } from "../../engine/cancel.ts";
import type { Hub } from "../../hub.ts";
import type { FlowRunRecord } from "../../runs/flow-run.ts";
import type { CommandContext, CommandSpec } from "../command.ts";
import { noteAbandoned } from "../dead-processes.ts";
import { findRun, headLine, RUN_ARGUMENT } from "../find-run.ts";
import { withProgress } from "../progress.ts";
import { flowRunJson } from "../wire.ts";

const LONGEST_WAIT_MS = 86_400_000;
/** How often a run that is waited for is looked at. */
const POLL_MS = 100;
const MS_PER_SECOND = 1_000;

export const runCancel: CommandSpec = {
  description:
    "Asks for the end of a run, in whatever process it runs: it becomes Cancelling, its onCancellation hooks run, runs " +
    "inside it first, and it ends as Cancelled. What runs nowhere, such as a scheduled run, is Cancelled at once.",
  args: [RUN_ARGUMENT],
  options: [{ flags: "--wait <duration>", text: "wait until the run has ended, at most this long, e.g. 30s" }],
  examples: [
    { line: "bellhop run cancel crimson-fox", text: "ask, and do not wait" },
    { line: "bellhop run cancel 01994f1f --wait 1m --json", text: "for a script that goes on when the run has ended" },
  ],
  run: async (context) => {
    const { out, args, clock } = context;
    const waitMs = waitOf(context);
    const hub = await context.hub();
    const { id } = await findRun(hub.runs, args[0] ?? "");
    await cancelFlowRun(hub.engine, id);
    const run = await untilEnded(context, hub, id, waitMs ?? 0);
    // The process of the run need not know of what was stored here.
    await withProgress(out, clock, "sending what is due", () => hub.drain());
    out.value(flowRunJson(run));
    out.line(headLine(out, run));
    if (run.state.isFinal()) return;
    if (waitMs !== undefined)
      throw new BellhopError("wait_timeout", { what: `The run "${run.name}"`, seconds: waitMs / MS_PER_SECOND });
    out.note(`Its process is ending it; see "bellhop run inspect ${run.id}".`);
    await noteAbandoned(out, hub, [run]);
  },
};

async function untilEnded(
  { out, clock }: CommandContext,
  hub: Hub,
  id: string,
  waitMs: number,
): Promise<FlowRunRecord> {
  const untilMs = clock.monotonic() + waitMs;
  return withProgress(out, clock, "waiting for the run to end", async () => {
    for (;;) {
      const run = await findRun(hub.runs, id);
      const leftMs = untilMs - clock.monotonic();
      if (run.state.isFinal() || leftMs <= 0) return run;
      // A process that is gone cannot end it.
      if (run.leaseId !== null) await hub.sweep();
      await clock.sleep(Math.min(POLL_MS, leftMs));
    }
  });
}

function waitOf({ options }: CommandContext): number | undefined {
  const text = options.text("wait");
  if (text === undefined) return undefined;
  const ms = durationMs(text);
  if (ms === undefined || ms > LONGEST_WAIT_MS) {
    throw new BellhopError("cli_usage", {
      problem: "--wait takes a duration of at most a day",
      next: "Give for example --wait 30s.",
    });
  }
  return ms;
}
