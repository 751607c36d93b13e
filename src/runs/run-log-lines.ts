import type { Micros } from "../base/instant.ts";
import { State } from "../states/state.ts";
import { type LifeHook, type LifeState, LOG_LEVELS, type RunLoggerName, type StoredRunLog } from "./run-log.ts";

/** One line of what `bellhop run logs` shows. */
export interface LogLine {
  readonly timestampMicros: Micros;
  readonly level: number;
  readonly logger: RunLoggerName;
  readonly flowRunId: string | null;
  readonly taskRunId: string | null;
  /** Name of the task run, else of the flow run; null where neither is stored. */
  readonly runName: string | null;
  readonly message: string;
  /** What was logged, or what the line was made from: states and hook outcomes are stored once, and not as lines. */
  readonly source: "log" | "state" | "hook";
}

const loggerOf = (taskRunId: string | null): RunLoggerName =>
  taskRunId === null ? "prefect.flow_runs" : "prefect.task_runs";

export const lineOfLog = (stored: StoredRunLog): LogLine => ({
  timestampMicros: stored.timestampMicros,
  level: stored.level,
  logger: stored.logger,
  flowRunId: stored.flowRunId,
  taskRunId: stored.taskRunId,
  runName: stored.taskRunId === null ? stored.flowRunName : stored.taskRunName,
  message: stored.message,
  source: "log",
});

export const lineOfState = (life: LifeState): LogLine => ({
  timestampMicros: life.timestampMicros,
  level: life.level,
  logger: loggerOf(life.taskRunId),
  flowRunId: life.flowRunId,
  taskRunId: life.taskRunId,
  runName: life.runName,
  message: textOfState(life),
  source: "state",
});

function textOfState({ state, taskRunId, runName, objectName, retries, runCount, begun }: LifeState): string {
  const shown = String(State.fromWire(state));
  switch (state.type) {
    case "RUNNING":
      if (state.name === "Retrying") return `Begins again, in state ${shown}`;
      if (begun > 1) return `Goes on, in state ${shown}`;
      return taskRunId === null
        ? `Flow run "${runName}" of flow "${objectName}" begins`
        : `Task run "${runName}" of task "${objectName}" begins`;
    case "COMPLETED":
      return state.name === "RolledBack" ? "Was rolled back" : `Finished in state ${shown}`;
    case "FAILED": {
      const usedUp = retries > 0 && runCount > retries ? "; its retries are used up" : "";
      return `Finished in state ${shown}${usedUp}`;
    }
    case "CRASHED":
    case "CANCELLED":
      return `Finished in state ${shown}`;
    default:
      return state.name === "AwaitingRetry"
        ? `Tries again at ${state.state_details.scheduled_time ?? "once"}: ${state.message ?? shown}`
        : `Entered state ${shown}`;
  }
}

/** Its start and its end. */
export function linesOfHook({ runName, stateName, outcome }: LifeHook): readonly [LogLine, LogLine] {
  const { flowRunId, taskRunId, hook, event, error, startedMicros, durationMicros } = outcome;
  const shared = { logger: loggerOf(taskRunId), flowRunId, taskRunId, runName, source: "hook" as const };
  const failed = error !== null || outcome.status === "failed";
  const why = error === null ? "" : `: ${error.stack ?? `${error.name}: ${error.message}`}`;
  return [
    {
      ...shared,
      timestampMicros: startedMicros,
      level: LOG_LEVELS.info,
      message: `Hook "${hook}" (${event}) begins, on state "${stateName ?? "unknown"}"`,
    },
    {
      ...shared,
      timestampMicros: startedMicros + durationMicros,
      level: failed ? LOG_LEVELS.error : LOG_LEVELS.info,
      message: failed ? `Hook "${hook}" failed${why}` : `Hook "${hook}" finished`,
    },
  ];
}
