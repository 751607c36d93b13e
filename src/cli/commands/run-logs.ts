import { BellhopError } from "../../base/errors.ts";
import { isUuid } from "../../base/ids.ts";
import { formatMicros } from "../../base/instant.ts";
import type { JsonObject } from "../../base/json.ts";
import { levelName, type LifeOf, LOG_LEVELS, type LogLevel } from "../../runs/run-log.ts";
import type { LogLine } from "../../runs/run-log-lines.ts";
import type { RunRecord } from "../../runs/flow-run.ts";
import type { RunStore } from "../../runs/run-store.ts";
import type { CommandContext, CommandSpec } from "../command.ts";
import { noteAbandoned } from "../dead-processes.ts";
import type { Output } from "../output.ts";
import { openReader, type RunLogReader } from "../run-log-reader.ts";
import { columnsOf, padColumns, safeLine, safeText } from "../terminal-text.ts";
import { localTime } from "../time-text.ts";

const DEFAULT_LIMIT = 1_000;
const LARGEST_LIMIT = 100_000;
/** How often a log that is followed is looked at. */
const POLL_MS = 500;

// The keys of a literal, in order.
const LEVELS = Object.keys(LOG_LEVELS) as readonly LogLevel[];

export const runLogs: CommandSpec = {
  description:
    "What a run logged, what its states say and what its hooks did, in order of time; lines of its task runs too. " +
    "A nested flow run has a log of its own.",
  args: [
    {
      name: "id|name",
      text: "flow run as in run inspect, or the whole id of a task run",
    },
  ],
  options: [
    { flags: "--level <level>", text: "only lines of this level and above (default info)", choices: LEVELS },
    { flags: "--task <name>", text: "only lines of this task, or of this task run" },
    { flags: "--limit <n>", text: `most lines shown, the latest, 1 to ${LARGEST_LIMIT} (default ${DEFAULT_LIMIT})` },
    { flags: "--follow", text: "go on until the run has ended" },
  ],
  examples: [
    { line: "bellhop run logs crimson-fox", text: "the newest run of that name" },
    { line: "bellhop run logs crimson-fox --level error --task load", text: "what went wrong in one task" },
    { line: "bellhop run logs 01994f1f --follow --json", text: "one JSON object a line, as it happens" },
  ],
  run: async (context) => {
    const core = await context.core();
    const { runs, logs } = core.store;
    const run = await find(runs, context.args[0] ?? "");
    const reader = openReader(logs, lifeOf(run), filterOf(context));
    const limit = context.options.count("limit", { min: 1, max: LARGEST_LIMIT }) ?? DEFAULT_LIMIT;
    const { lines, isCut } = await reader.latest(limit);
    const print = printer(context.out);
    if (isCut) context.out.note(`Earlier lines are left out; "--limit ${LARGEST_LIMIT}" shows more.`);
    const isFollowed = context.options.flag("follow");
    if (context.out.json && !isFollowed) context.out.value(lines.map(lineJson));
    else print(lines);
    if (lines.length === 0 && !isFollowed) context.out.note("No lines. Lower levels are shown with --level debug.");
    if (run.kind === "flow-run") await noteAbandoned(context.out, core, [run]);
    if (isFollowed) await follow(context, runs, run, reader, print);
  },
};

/** @throws run_not_found */
async function find(runs: RunStore, asked: string): Promise<RunRecord> {
  const flowRun = await runs.findFlowRun(asked);
  if (flowRun !== null) return flowRun;
  const taskRun = isUuid(asked) ? await runs.readTaskRun(asked.toLowerCase()) : null;
  if (taskRun === null) throw new BellhopError("run_not_found", { run: asked });
  return taskRun;
}

const lifeOf = ({ kind, id }: RunRecord): LifeOf => (kind === "flow-run" ? { flowRunId: id } : { taskRunId: id });

function filterOf({ options }: CommandContext): { readonly task?: string; readonly minLevel: number } {
  const level = LEVELS.find((name) => name === options.text("level")) ?? "info";
  const task = options.text("task");
  return { minLevel: LOG_LEVELS[level], ...(task === undefined ? {} : { task }) };
}

type Print = (lines: readonly LogLine[]) => void;

/** Until the run has ended and nothing more comes, or the person interrupts. */
async function follow(
  { clock, signal }: CommandContext,
  runs: RunStore,
  { kind, id }: RunRecord,
  reader: RunLogReader,
  print: Print,
): Promise<void> {
  for (;;) {
    // Asked before the lines are read, so that those of the last state are among them.
    const run = kind === "flow-run" ? await runs.readFlowRun(id) : await runs.readTaskRun(id);
    const lines = await reader.next();
    print(lines);
    if (lines.length === 0 && (run === null || run.state.isFinal())) return;
    await clock.sleep(POLL_MS, signal);
  }
}

function printer(out: Output): Print {
  let width = 0;
  return (lines) => {
    if (out.json) {
      for (const line of lines) out.event(lineJson(line));
      return;
    }
    const names = lines.map(({ runName }) => safeLine(out.mask(runName ?? "")));
    width = Math.max(width, ...names.map(columnsOf));
    for (const [at, line] of lines.entries()) out.line(textOf(out, line, padColumns(names[at] ?? "", width)));
  };
}

const LEVEL_COLUMNS = Math.max(...LEVELS.map((name) => name.length));

/** `2026-11-20 14:03:09.123  warning   load-3f1  text`; further lines of the text are indented. */
function textOf({ paint, mask }: Output, { timestampMicros, level, message }: LogLine, runName: string): string {
  const ms = Math.floor(timestampMicros / 1_000);
  const time = `${localTime(ms)}.${String(ms % 1_000).padStart(3, "0")}`;
  const name = levelName(level);
  const tone = level >= LOG_LEVELS.error ? paint.bad : level >= LOG_LEVELS.warning ? paint.warn : paint.dim;
  const text = safeText(mask(message)).trimEnd().replaceAll("\n", "\n    ");
  return `${paint.dim(time)}  ${tone(name.padEnd(LEVEL_COLUMNS))}  ${paint.accent(runName)}  ${text}`;
}

/** As the API gives a log record, with what tells lines of a person from those of the engine. Source: Prefect 3, Log. */
const lineJson = (line: LogLine): JsonObject => ({
  name: line.logger,
  level: line.level,
  level_name: levelName(line.level),
  message: line.message,
  timestamp: formatMicros(line.timestampMicros),
  flow_run_id: line.flowRunId,
  task_run_id: line.taskRunId,
  run_name: line.runName,
  source: line.source,
});
