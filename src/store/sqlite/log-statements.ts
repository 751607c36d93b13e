import type { Micros } from "../../base/instant.ts";
import type { HookRow, StateColumns } from "./run-rows.ts";
import { STATE_COLUMNS } from "./run-rows.ts";
import { query } from "./database.ts";
import type { RunLogRecord, StoredRunLog } from "../../runs/run-log.ts";

// Reads lock nothing: they see the last commit.

/** Inside a group commit. */
export const INSERT_LOG = query<
  [
    flowRunId: string | null,
    taskRunId: string | null,
    timestampMicros: Micros,
    level: number,
    logger: string,
    message: string,
  ]
>(
  "insert into run_logs (flow_run_id, task_run_id, timestamp_micros, level, logger, message) values (?, ?, ?, ?, ?, ?)",
);

export type LogRow = RunLogRecord & StoredRunLog;

const LOGS = `select l.key, l.flow_run_id as flowRunId, l.task_run_id as taskRunId, l.timestamp_micros as timestampMicros,
    l.level, l.logger, l.message, f.name as flowRunName, f.flow_name as flowName, t.name as taskRunName,
    t.task_name as taskName
  from run_logs l left join flow_runs f on f.id = l.flow_run_id left join task_runs t on t.id = l.task_run_id`;

/** Empty text and the ends of the number line stand for "no filter". */
type LogFilter = [
  flowRunId: string,
  taskRunId: string,
  task: string,
  minLevel: number,
  sinceMicros: number,
  untilMicros: number,
  after: number,
  before: number,
  limit: number,
];

const LOG_FILTER = `(?1 = '' or l.flow_run_id = ?1) and (?2 = '' or l.task_run_id = ?2)
  and (?3 = '' or t.task_name = ?3 or t.name = ?3) and l.level >= ?4
  and l.timestamp_micros >= ?5 and l.timestamp_micros < ?6 and l.key > ?7 and l.key < ?8`;

/** Index run_logs_of_flow_run, which ends in the key. */
export const LOGS_OF_FLOW_RUN = query<LogFilter, LogRow>(
  `${LOGS} where l.flow_run_id = ?1 and ${LOG_FILTER} order by l.key limit ?9`,
);
export const LATEST_LOGS_OF_FLOW_RUN = query<LogFilter, LogRow>(
  `${LOGS} where l.flow_run_id = ?1 and ${LOG_FILTER} order by l.key desc limit ?9`,
);

/** Index run_logs_of_task_run, which ends in the key. */
export const LOGS_OF_TASK_RUN = query<LogFilter, LogRow>(
  `${LOGS} where l.task_run_id = ?2 and ${LOG_FILTER} order by l.key limit ?9`,
);
export const LATEST_LOGS_OF_TASK_RUN = query<LogFilter, LogRow>(
  `${LOGS} where l.task_run_id = ?2 and ${LOG_FILTER} order by l.key desc limit ?9`,
);

/** Walk the primary key until the page is full. */
export const LOGS_OF_ALL = query<LogFilter, LogRow>(`${LOGS} where ${LOG_FILTER} order by l.key limit ?9`);
export const LATEST_LOGS_OF_ALL = query<LogFilter, LogRow>(`${LOGS} where ${LOG_FILTER} order by l.key desc limit ?9`);

export interface LifeStateRow extends StateColumns {
  readonly key: number;
  readonly flowRunId: string | null;
  readonly taskRunId: string | null;
  readonly runName: string;
  readonly objectName: string;
  readonly retries: number;
  readonly runCount: number;
  readonly begun: number;
  readonly level: number;
}

type LifeFilter = [runId: string, task: string, minLevel: number, after: number, before: number, limit: number];

const LEVEL = `case when s.type in ('FAILED', 'CRASHED', 'CANCELLED') then 40
    when s.type = 'SCHEDULED' and s.name = 'AwaitingRetry' then 30
    when s.type = 'PENDING' and s.name = 'Pending' then 10 else 20 end`;

const LIFE_FILTER = `${LEVEL} >= ?3 and s.seq > ?4 and s.seq < ?5`;

const LIFE_COLUMNS = `r.name as runName, coalesce(r.empirical_policy ->> 'retries', 0) as retries,
  r.run_count as runCount, ${LEVEL} as level, ${STATE_COLUMNS}`;

/** Counted by the index of the run's states. */
const BEGUN = `case when s.type <> 'RUNNING' then 0 else
      (select count(*) from states b where b.type = 'RUNNING' and b.seq <= s.seq`;

/** A flow run has the states with its key, and a task run those with its own; each has its index. */
const FLOW_RUN_STATES = `select s.seq as key, r.id as flowRunId, null as taskRunId, r.flow_name as objectName,
    ${BEGUN} and b.flow_run_key = r.key) end as begun,
    ${LIFE_COLUMNS}
  from flow_runs r join states s on s.flow_run_key = r.key where r.id = ?1 and ?2 = '' and ${LIFE_FILTER}`;

const TASK_RUN_STATES = `select s.seq as key, r.flow_run_id as flowRunId, r.id as taskRunId, r.task_name as objectName,
    ${BEGUN} and b.task_run_key = r.key) end as begun,
    ${LIFE_COLUMNS}
  from task_runs r join states s on s.task_run_key = r.key
  where (?2 = '' or r.task_name = ?2 or r.name = ?2) and ${LIFE_FILTER}`;

/** Indexes states_of_flow_run, task_runs_of_flow_run and states_of_task_run; sorted, because they are many lists. */
export const STATES_IN_FLOW_RUN = query<LifeFilter, LifeStateRow>(
  `${FLOW_RUN_STATES} union all ${TASK_RUN_STATES} and r.flow_run_id = ?1 order by 1 limit ?6`,
);
export const LATEST_STATES_IN_FLOW_RUN = query<LifeFilter, LifeStateRow>(
  `${FLOW_RUN_STATES} union all ${TASK_RUN_STATES} and r.flow_run_id = ?1 order by 1 desc limit ?6`,
);

/** Index states_of_task_run, which ends in seq. */
export const STATES_IN_TASK_RUN = query<LifeFilter, LifeStateRow>(
  `${TASK_RUN_STATES} and r.id = ?1 order by s.seq limit ?6`,
);
export const LATEST_STATES_IN_TASK_RUN = query<LifeFilter, LifeStateRow>(
  `${TASK_RUN_STATES} and r.id = ?1 order by s.seq desc limit ?6`,
);

export type LifeHookRow = HookRow & {
  readonly key: number;
  readonly runName: string | null;
  readonly stateName: string | null;
};

const HOOKS = `select h.key, h.flow_run_id as flowRunId, h.task_run_id as taskRunId, h.state_id as stateId, h.event,
    h.hook, h.status, h.started_micros as startedMicros, h.duration_micros as durationMicros, h.error,
    coalesce(t.name, f.name) as runName, s.name as stateName
  from hook_outcomes h left join flow_runs f on f.id = h.flow_run_id left join task_runs t on t.id = h.task_run_id
    left join states s on s.id = h.state_id`;

const HOOK_FILTER = `(?2 = '' or t.task_name = ?2 or t.name = ?2)
  and case h.status when 'failed' then 40 else 20 end >= ?3 and h.key > ?4 and h.key < ?5`;

/** Index hook_outcomes_of_flow_run, which ends in the key. */
export const HOOKS_IN_FLOW_RUN = query<LifeFilter, LifeHookRow>(
  `${HOOKS} where h.flow_run_id = ?1 and ${HOOK_FILTER} order by h.key limit ?6`,
);
export const LATEST_HOOKS_IN_FLOW_RUN = query<LifeFilter, LifeHookRow>(
  `${HOOKS} where h.flow_run_id = ?1 and ${HOOK_FILTER} order by h.key desc limit ?6`,
);

/** Index hook_outcomes_of_task_run, which ends in the key. */
export const HOOKS_IN_TASK_RUN = query<LifeFilter, LifeHookRow>(
  `${HOOKS} where h.task_run_id = ?1 and ${HOOK_FILTER} order by h.key limit ?6`,
);
export const LATEST_HOOKS_IN_TASK_RUN = query<LifeFilter, LifeHookRow>(
  `${HOOKS} where h.task_run_id = ?1 and ${HOOK_FILTER} order by h.key desc limit ?6`,
);
