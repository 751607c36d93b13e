import { formatWithOptions } from "node:util";
import { systemClock } from "../base/clock.ts";
import { messageOf } from "../base/errors.ts";
import type { LogFields, Logger } from "../base/logger.ts";
import { redact } from "../base/redactor.ts";
import type { FlowRun, TaskRun } from "../runs/run-view.ts";
import { LOG_LEVELS, type LogLevel, type RunLogRecord } from "../runs/run-log.ts";
import { isPlain } from "../runs/stored-parameters.ts";
import { type ActiveRun, currentFrame } from "./active-run.ts";
import type { AnyFlow, AnyTask } from "./definition.ts";
import { MissingContextError } from "./run-context.ts";
import { currentRunSource, type RunSource, runSourceAround } from "./run-source.ts";

/** Longest message, in UTF-16 units. Source: Prefect 3, setting `cloud.max_log_size`. */
const MAX_MESSAGE = 25_000;

/** How one record differs from the others; given as the last argument. */
export interface RunLogOptions {
  /** False: the record goes to the log of the process and is not stored with the run. Default true. */
  readonly sendToApi?: boolean;
}

/** What every record of a logger says about its run. Names are current, also when they are given late. */
export interface RunLogFields {
  /** Null for a task run outside a flow; so are the names of its flow. */
  readonly flowRunId: string | null;
  readonly flowRunName: string | null;
  readonly flowName: string | null;
  /** Absent in a flow's logger. */
  readonly taskRunId?: string;
  readonly taskRunName?: string;
  readonly taskName?: string;
}

/** Takes a text with `%s`, `%d`, `%j` and `%o` and their values, or any values; an error shows its stack. */
type LogCall = (message: unknown, ...values: unknown[]) => void;

/** Writes into the log of one run, and into the log of the process. Never throws. The methods need no `this`. */
export interface RunLogger {
  readonly fields: RunLogFields;
  readonly debug: LogCall;
  readonly info: LogCall;
  readonly warning: LogCall;
  /** The same as `warning`. */
  readonly warn: LogCall;
  readonly error: LogCall;
  readonly critical: LogCall;
  /** An error, with its stack: `exception(error)` or `exception("while loading", error)`. Its level is `error`. */
  readonly exception: LogCall;
  /** A level by name, or by number as in Python (10 to 50). */
  readonly log: (level: LogLevel | number, message: unknown, ...values: unknown[]) => void;
}

/** Extra fields for the log of the process, and options for every record of the logger. */
export type RunLoggerExtra = RunLogOptions & LogFields;

/**
 * The logger of the innermost run: of the task in a task, of the flow in a flow, in their hooks too. What it writes is
 * shown by `bellhop run logs`; secrets are masked, and a message is cut after 25,000 characters.
 *
 * @example
 * getRunLogger().info("%d rows loaded", rows.length);
 *
 * @throws missing_context outside of a run
 * @see Prefect 3, `get_run_logger`
 */
export function getRunLogger(extra: RunLoggerExtra = {}): RunLogger {
  const run = currentFrame()?.run;
  if (run === undefined) throw new MissingContextError({ wanted: "flow run or task run" });
  return loggerOf(run, extra);
}

const loggerOf = (run: ActiveRun, extra: RunLoggerExtra): RunLogger =>
  makeLogger({ fields: () => fieldsOf(run), extra, source: () => run.engine });

/** The logger of a given flow run, also where no run is around. @see Prefect 3, `flow_run_logger` */
export function flowRunLogger(flowRun: FlowRun, flow?: AnyFlow, extra: RunLoggerExtra = {}): RunLogger {
  const fields = (): RunLogFields => ({
    flowRunId: flowRun.id,
    flowRunName: flowRun.name,
    flowName: flow?.name ?? flowRun.flowName,
  });
  return makeLogger({ fields, extra, source: runSourceAround });
}

/** The logger of a given task run, also where no run is around. @see Prefect 3, `task_run_logger` */
export function taskRunLogger(taskRun: TaskRun, task?: AnyTask, extra: RunLoggerExtra = {}): RunLogger {
  const fields = (): RunLogFields => {
    const flow = currentFrame()?.run.flow;
    const around = flow?.record.id === taskRun.flowRunId ? flow : null;
    return {
      ...flowFields(around ?? null),
      flowRunId: taskRun.flowRunId,
      taskRunId: taskRun.id,
      taskRunName: taskRun.name,
      taskName: task?.name ?? taskRun.taskName,
    };
  };
  return makeLogger({ fields, extra, source: runSourceAround });
}

/** One record of the run, at a level, from what a console method was given. */
export function logPrinted(run: ActiveRun, level: LogLevel, parts: readonly unknown[]): void {
  write(run.engine, run.engine.clock.nowMicros(), {
    level: LOG_LEVELS[level],
    message: textOf(parts),
    fields: fieldsOf(run),
    extra: {},
    isStored: true,
  });
}

/** The log of the process, and for what is not `debug` also that of the run. */
export function logOfRun(run: ActiveRun): Logger {
  const { engine } = run;
  const both =
    (level: LogLevel, method: "info" | "warn" | "error"): Logger["info"] =>
    (message, fields = {}) => {
      engine.log[method](message, fields);
      const line = { level: LOG_LEVELS[level], message: textOf([message, fields]), fields: fieldsOf(run) };
      store(engine, engine.clock.nowMicros(), line);
    };
  return {
    debug: (message, fields) => engine.log.debug(message, fields),
    info: both("info", "info"),
    warn: both("warning", "warn"),
    error: both("error", "error"),
  };
}

function flowFields(flow: ActiveRun | null): RunLogFields {
  const subject = flow?.subject;
  if (subject?.kind !== "flow") return { flowRunId: null, flowRunName: null, flowName: null };
  const { id, name, flowName } = subject.record;
  return { flowRunId: id, flowRunName: name, flowName };
}

function fieldsOf({ flow, subject }: ActiveRun): RunLogFields {
  if (subject.kind === "flow") return flowFields(flow);
  const { id, name, taskName } = subject.record;
  return { ...flowFields(flow), taskRunId: id, taskRunName: name, taskName };
}

interface LoggerParts {
  readonly fields: () => RunLogFields;
  readonly extra: RunLoggerExtra;
  /** Null: asked of the current hub, which may have to be opened. */
  readonly source: () => RunSource | null;
}

function makeLogger({ fields, extra: { sendToApi = true, ...extra }, source }: LoggerParts): RunLogger {
  const record = (level: number, given: readonly unknown[]): void => {
    const last = given.at(-1);
    const hasOptions = given.length > 1 && isOptions(last);
    const entry: Entry = {
      level,
      message: textOf(hasOptions ? given.slice(0, -1) : given),
      fields: fields(),
      extra,
      isStored: hasOptions ? (last.sendToApi ?? true) : sendToApi,
    };
    const known = source();
    if (known === null) writeLater(entry);
    else write(known, known.clock.nowMicros(), entry);
  };
  const at =
    (level: number): LogCall =>
    (...given) =>
      record(level, given);
  const warning = at(LOG_LEVELS.warning);
  const error = at(LOG_LEVELS.error);
  return {
    get fields() {
      return fields();
    },
    debug: at(LOG_LEVELS.debug),
    info: at(LOG_LEVELS.info),
    warning,
    warn: warning,
    error,
    critical: at(LOG_LEVELS.critical),
    exception: error,
    log: (level, ...given) => record(levelOf(level), given),
  };
}

/** A number that is none cannot be stored. */
function levelOf(level: LogLevel | number): number {
  const number = typeof level === "number" ? Math.trunc(level) : LOG_LEVELS[level];
  return Number.isSafeInteger(number) ? number : LOG_LEVELS.info;
}

const isOptions = (value: unknown): value is RunLogOptions =>
  isPlain(value) && Object.keys(value).join() === "sendToApi" && typeof value["sendToApi"] === "boolean";

/** As the console shows it, then masked, then cut: half a secret is not recognised. */
function textOf(parts: readonly unknown[]): string {
  let text: string;
  try {
    text = formatWithOptions({ colors: false }, ...parts);
  } catch (error) {
    // A value whose own way to be shown throws; whoever logs it is not to fail for that.
    text = `(cannot be shown: ${error instanceof Error ? error.message : "it throws"})`;
  }
  return cut(redact(text));
}

function cut(text: string): string {
  if (text.length <= MAX_MESSAGE) return text;
  // Not between the halves of a character.
  const end = /[\uD800-\uDBFF]/.test(text.charAt(MAX_MESSAGE - 1)) ? MAX_MESSAGE - 1 : MAX_MESSAGE;
  return `${text.slice(0, end)}… (cut here; ${text.length} characters in all)`;
}

interface Entry {
  readonly level: number;
  readonly message: string;
  readonly fields: RunLogFields;
  readonly extra: LogFields;
  readonly isStored: boolean;
}

function methodOf(level: number): keyof Logger {
  if (level >= LOG_LEVELS.error) return "error";
  if (level >= LOG_LEVELS.warning) return "warn";
  return level >= LOG_LEVELS.info ? "info" : "debug";
}

function write(source: RunSource, timestampMicros: number, entry: Entry): void {
  const { level, message, fields, extra, isStored } = entry;
  source.log[methodOf(level)](message, { ...extra, ...fields });
  if (isStored) store(source, timestampMicros, { level, message, fields });
}

function store(
  { log, logs }: RunSource,
  timestampMicros: number,
  { level, message, fields }: Pick<Entry, "level" | "message" | "fields">,
): void {
  if (logs === undefined) return;
  const record: RunLogRecord = {
    flowRunId: fields.flowRunId,
    taskRunId: fields.taskRunId ?? null,
    timestampMicros,
    level,
    logger: fields.taskRunId === undefined ? "prefect.flow_runs" : "prefect.task_runs",
    message,
  };
  try {
    logs.recordLog(record);
  } catch (error) {
    log.error("a line of a run's log could not be stored", { ...fields, error: redact(messageOf(error)) });
  }
}

/** Lines written outside of runs, one behind the other. */
let later: Promise<void> = Promise.resolve();

function writeLater(entry: Entry): void {
  const timestampMicros = systemClock.nowMicros();
  // Asked for at once, because the current hub is that of the code around.
  const source = currentRunSource();
  later = later
    .then(async () => write(await source, timestampMicros, entry))
    .catch((error: unknown) => {
      process.emitWarning(`A line of a run's log could not be stored: ${redact(messageOf(error))}`, {
        type: "BellhopWarning",
        code: "BELLHOP_LOG_LOST",
      });
    });
}
