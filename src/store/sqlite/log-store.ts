import { parseMicros } from "../../base/instant.ts";
import type {
  LifeFilter,
  LifeHook,
  LifeOf,
  LifeState,
  LogPage,
  RunLogFilter,
  RunLogStore,
} from "../../runs/run-log.ts";
import { type Database, plain } from "./database.ts";
import * as sql from "./log-statements.ts";
import { toHookOutcome, toStoredState } from "./run-rows.ts";
import type { Session } from "./session.ts";

const DEFAULT_LIMIT = 200;
const LARGEST_LIMIT = 1_000;
/** Beyond any key and any instant. */
const END = Number.MAX_SAFE_INTEGER;

const take = ({ limit = DEFAULT_LIMIT }: LogPage): number => Math.min(LARGEST_LIMIT, Math.max(0, Math.trunc(limit)));

function listLogs(db: Database, filter: RunLogFilter): sql.LogRow[] {
  const { flowRunId = "", taskRunId = "", task = "", minLevel = 0, sinceMicros = 0, untilMicros = END } = filter;
  const { after = 0, before = END, newestFirst = false } = filter;
  const [oldest, newest] =
    taskRunId !== ""
      ? [sql.LOGS_OF_TASK_RUN, sql.LATEST_LOGS_OF_TASK_RUN]
      : flowRunId !== ""
        ? [sql.LOGS_OF_FLOW_RUN, sql.LATEST_LOGS_OF_FLOW_RUN]
        : [sql.LOGS_OF_ALL, sql.LATEST_LOGS_OF_ALL];
  const statement = newestFirst ? newest : oldest;
  return db.all(statement, flowRunId, taskRunId, task, minLevel, sinceMicros, untilMicros, after, before, take(filter));
}

/** The parameters of every statement about a life. */
function lifeValues(of: LifeOf, filter: LifeFilter): [string, string, number, number, number, number] {
  const { task = "", minLevel = 0, after = 0, before = END } = filter;
  return ["flowRunId" in of ? of.flowRunId : of.taskRunId, task, minLevel, after, before, take(filter)];
}

function statesStatement(of: LifeOf, newestFirst: boolean) {
  if ("flowRunId" in of) return newestFirst ? sql.LATEST_STATES_IN_FLOW_RUN : sql.STATES_IN_FLOW_RUN;
  return newestFirst ? sql.LATEST_STATES_IN_TASK_RUN : sql.STATES_IN_TASK_RUN;
}

function hooksStatement(of: LifeOf, newestFirst: boolean) {
  if ("flowRunId" in of) return newestFirst ? sql.LATEST_HOOKS_IN_FLOW_RUN : sql.HOOKS_IN_FLOW_RUN;
  return newestFirst ? sql.LATEST_HOOKS_IN_TASK_RUN : sql.HOOKS_IN_TASK_RUN;
}

function toLifeState(row: sql.LifeStateRow): LifeState {
  const { key, flowRunId, taskRunId, runName, objectName, retries, runCount, begun, level } = row;
  const { state } = toStoredState({ ...row, seq: key, follows: null });
  const timestampMicros = parseMicros(state.timestamp) ?? 0;
  return { key, flowRunId, taskRunId, runName, objectName, retries, runCount, begun, level, timestampMicros, state };
}

function toLifeHook({ key, runName, stateName, ...row }: sql.LifeHookRow): LifeHook {
  return { key, runName, stateName, outcome: toHookOutcome(row) };
}

/** Lines of runs. Records go into the one queue of the process, so they stand in order with states. */
export function openLogStore({ queue, read }: Session): RunLogStore {
  return {
    recordLog: ({ flowRunId, taskRunId, timestampMicros, level, logger, message }) =>
      queue.append((db) => void db.run(sql.INSERT_LOG, flowRunId, taskRunId, timestampMicros, level, logger, message)),
    listLogs: (filter = {}) => read((db) => listLogs(db, filter).map(plain)),
    listLifeStates: (of, filter = {}) =>
      read((db) =>
        db.all(statesStatement(of, filter.newestFirst ?? false), ...lifeValues(of, filter)).map(toLifeState),
      ),
    listLifeHooks: (of, filter = {}) =>
      read((db) => db.all(hooksStatement(of, filter.newestFirst ?? false), ...lifeValues(of, filter)).map(toLifeHook)),
  };
}
