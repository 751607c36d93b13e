import { maskWhile } from "../../base/redactor.ts";
import type { Hub } from "../../hub.ts";
import { secretTexts } from "../../runs/stored-parameters.ts";
import type { CommandContext, CommandSpec } from "../command.ts";
import { exitCodeOf } from "../exec/outcome.ts";
import { EXEC_OPTIONS, readPlan } from "../exec/plan.ts";
import { type Outcome, ProgramRun } from "../exec/run-program.ts";
import { SignalDesk } from "../exec/signal-desk.ts";
import { paintState, stateSymbol } from "../state-look.ts";
import { safeLine } from "../terminal-text.ts";
import { durationText } from "../time-text.ts";
import { flowRunJson } from "../wire.ts";

export const exec: CommandSpec = {
  description:
    "Runs any program as a flow run: recorded, retried, limited in time, and told to people by the blocks that are named. " +
    "Everything after two dashes is the program with its arguments; no shell is involved. Its output, its signals and its " +
    "exit code pass through unchanged; 124 means timed out, 126 not executable, 127 not found. Where the run cannot be " +
    "recorded, the program runs all the same, with a warning. With --json, the run is printed on standard error at the end.",
  args: [{ name: "program", text: "the program and its arguments, after --", variadic: true }],
  options: EXEC_OPTIONS,
  examples: [
    {
      line: "bellhop exec --on-problem slack-webhook/ops -- ./backup.sh /srv",
      text: "tell people unless it completes",
    },
    {
      line: "bellhop exec --name nightly --retries 2 --retry-delay 5m --timeout 1h --on-failure slack-webhook/ops -- make report",
      text: "three attempts of at most an hour each",
    },
    {
      line: "15 3 * * * bellhop exec -q --on-problem email-smtp/ops -- /usr/local/bin/backup",
      text: "a line for crontab",
    },
  ],
  run: async (context) => {
    const plan = readPlan(context);
    using desk = new SignalDesk();
    // The program is handed these, and may print them.
    using _masked = maskWhile([...plan.secrets, ...secretTexts(context.env)]);
    const warn = (text: string): void => context.out.error(`bellhop exec: ${safeLine(context.out.mask(text))}\n`);
    const outcome = await new ProgramRun(context, plan, desk, warn).run((hub, runId) => tell(context, hub, runId));
    showQuietOutput(context, plan.spec.isQuiet, outcome);
    return end(context, outcome, warn);
  },
};

/** For programs with `--json`; for people in front of a terminal. Standard output is the program's. */
async function tell({ out, options }: CommandContext, hub: Hub, runId: string): Promise<void> {
  if (!out.json && (!out.watched || options.flag("quiet"))) return;
  const run = await hub.store.runs.readFlowRun(runId);
  if (run === null) return;
  if (out.json) {
    out.error(`${out.mask(JSON.stringify(flowRunJson(run)))}\n`);
    return;
  }
  const paint = out.errorPaint;
  const { type, name } = run.state;
  out.note(
    `${paintState(paint, type, `${stateSymbol(type)} ${safeLine(name)}`)}  ${safeLine(`${run.flowName} / ${run.name}`)} ` +
      paint.dim(`(${durationText(run.totalRunTimeMicros / 1_000)}; bellhop run inspect ${run.id})`),
  );
}

/** Source of the behaviour: moreutils, chronic(1). */
function showQuietOutput({ out }: CommandContext, isQuiet: boolean, { ending, lines }: Outcome): void {
  if (!isQuiet || ending === null || exitCodeOf(ending) === 0) return;
  for (const line of lines) out.error(`${line}\n`);
}

/** Signals by which this process may end as the program did: the others leave a core file, or mean something to Node. */
const REPEATED: ReadonlySet<NodeJS.Signals> = new Set(["SIGINT", "SIGTERM", "SIGHUP"]);
/** Far more than a signal to oneself takes. */
const REPEAT_MS = 1_000;

async function end({ clock }: CommandContext, outcome: Outcome, warn: (text: string) => void): Promise<number> {
  const { ending, stoppedBy } = outcome;
  if (ending?.unstarted != null) warn(`the program ${ending.unstarted.problem}`);
  if (ending?.stop === "timeout") return exitCodeOf(ending);
  const signal = stoppedBy ?? ending?.signal ?? null;
  if (signal !== null && REPEATED.has(signal) && process.platform !== "win32") {
    // A shell that sees this, rather than a code, stops its script after Ctrl-C.
    process.removeAllListeners(signal);
    process.kill(process.pid, signal);
    await clock.sleep(REPEAT_MS);
  }
  const ended =
    signal === null ? ending : { code: null, signal, unstarted: null, stop: null, wasKilled: false, passedOn: null };
  return ended === null ? 1 : exitCodeOf(ended);
}
