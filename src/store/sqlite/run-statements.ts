import { query } from "./database.ts";
import type { CurrentState } from "../../runs/run-store.ts";
import { type FeedRow, type FlowRunRow, type HookRow, STATE_COLUMNS, type TaskRunRow } from "./run-rows.ts";

// Reads lock nothing: they see the last commit.

const RUN_COLUMNS = `r.id, r.name, r.tags, r.labels, r.run_count as runCount, r.expected_start_micros as expectedStartMicros,
  r.next_scheduled_start_micros as nextScheduledStartMicros, r.start_micros as startMicros, r.end_micros as endMicros,
  r.total_run_time_micros as totalRunTimeMicros, r.created_micros as createdMicros, r.lease_id as leaseId,
  r.empirical_policy as empiricalPolicy`;

const FLOW_RUN_COLUMNS = `${RUN_COLUMNS}, r.flow_name as flowName, r.flow_version as flowVersion, r.parameters,
    r.parent_task_run_id as parentTaskRunId, r.parent_flow_run_id as parentFlowRunId, ${STATE_COLUMNS}`;

const FLOW_RUNS = `select ${FLOW_RUN_COLUMNS} from flow_runs r join states s on s.id = r.state_id`;

const TASK_RUNS = `select ${RUN_COLUMNS}, r.flow_run_id as flowRunId, r.task_name as taskName, r.task_key as taskKey,
    r.dynamic_key as dynamicKey, r.flow_run_run_count as flowRunRunCount, r.task_inputs as taskInputs,
    ${STATE_COLUMNS}
  from task_runs r join states s on s.id = r.state_id`;

/** Word for word as in the indexes flow_runs_open and task_runs_open. */
const OPEN = "state_type not in ('COMPLETED', 'FAILED', 'CRASHED', 'CANCELLED')";

/** Unique index on id. */
export const READ_FLOW_RUN = query<[id: string], FlowRunRow>(`${FLOW_RUNS} where r.id = ?`);

/** Unique index on id; two rows mean that the part is not unique. */
export const FIND_FLOW_RUN_BY_PART = query<[from: string, to: string, like: string], FlowRunRow>(
  `${FLOW_RUNS} where r.id >= ? and r.id < ? and r.id like ? limit 2`,
);

/** Index flow_runs_by_name, which ends in the key. */
export const FIND_FLOW_RUN_BY_NAME = query<[name: string], FlowRunRow>(
  `${FLOW_RUNS} where r.name = ? order by r.key desc limit 1`,
);

/** Unique index on id. */
export const READ_TASK_RUN = query<[id: string], TaskRunRow>(`${TASK_RUNS} where r.id = ?`);

/** Index task_runs_of_flow_run, which ends in the key. */
export const LIST_TASK_RUNS = query<[flowRunId: string], TaskRunRow>(
  `${TASK_RUNS} where r.flow_run_id = ? order by r.key`,
);

/** Empty text, an empty list and 0 stand for "no filter". */
type FlowRunFilter = [
  flowName: string,
  stateType: string,
  stateTypes: string,
  stateNames: string,
  tag: string,
  sinceMicros: number,
  limit: number,
  offset: number,
];

const FILTER = `(?1 = '' or r.flow_name = ?1) and (?2 = '' or r.state_type = ?2)
  and (?3 = '[]' or r.state_type in (select value from json_each(?3)))
  and (?4 = '[]' or r.state_name in (select value from json_each(?4)))
  and (?5 = '' or exists (select 1 from json_each(r.tags) where value = ?5))
  and r.created_micros >= ?6
  order by r.key desc limit ?7 offset ?8`;

/** Walks the primary key backwards until the page is full. */
export const LIST_FLOW_RUNS = query<FlowRunFilter, FlowRunRow>(`${FLOW_RUNS} where ${FILTER}`);

/** Index flow_runs_by_flow, which ends in the key. */
export const LIST_FLOW_RUNS_OF_FLOW = query<FlowRunFilter, FlowRunRow>(
  `${FLOW_RUNS} where r.flow_name = ?1 and ${FILTER}`,
);

/** Index flow_runs_by_state, which ends in the key: the failed among a million completed. */
export const LIST_FLOW_RUNS_IN_STATE = query<FlowRunFilter, FlowRunRow>(
  `${FLOW_RUNS} where r.state_type = ?2 and ${FILTER}`,
);

/** Partial index flow_runs_open: the runs of living processes, which are few. */
export const LIST_OPEN_FLOW_RUNS = query<[leaseId: string], FlowRunRow>(
  `${FLOW_RUNS} where r.lease_id = ? and r.lease_id is not null and r.${OPEN} order by r.key`,
);

/** Partial index task_runs_open. */
export const LIST_OPEN_TASK_RUNS = query<[leaseId: string], TaskRunRow>(
  `${TASK_RUNS} where r.lease_id = ? and r.lease_id is not null and r.${OPEN} order by r.key`,
);

/** Unique index on id, of either table. */
export const READ_DECLARED_HOOKS = query<[runId: string], { hooks: string }>(
  "select hooks from flow_runs where id = ?1 union all select hooks from task_runs where id = ?1",
);

/** Index states_of_flow_run, which ends in seq. */
export const LIST_STATES_OF_FLOW_RUN = query<[flowRunId: string], FeedRow>(
  `select s.seq, r.id as flowRunId, null as taskRunId, s.follows, ${STATE_COLUMNS}
   from flow_runs r join states s on s.flow_run_key = r.key where r.id = ? order by s.seq`,
);

/** Index states_of_task_run, which ends in seq. */
export const LIST_STATES_OF_TASK_RUN = query<[taskRunId: string], FeedRow>(
  `select s.seq, r.flow_run_id as flowRunId, r.id as taskRunId, s.follows, ${STATE_COLUMNS}
   from task_runs r join states s on s.task_run_key = r.key where r.id = ? order by s.seq`,
);

/** Index hook_outcomes_of_flow_run, which ends in the key. */
export const LIST_HOOK_OUTCOMES = query<[flowRunId: string], HookRow>(
  `select flow_run_id as flowRunId, task_run_id as taskRunId, state_id as stateId, event, hook, status,
     started_micros as startedMicros, duration_micros as durationMicros, error
   from hook_outcomes where flow_run_id = ? order by key`,
);

/** Partial indexes flow_runs_open and task_runs_open, each read from end to end: as many rows as runs are open. */
export const LIST_HOLDERS = query<[], { leaseId: string }>(
  `select lease_id as leaseId from flow_runs where lease_id is not null and ${OPEN}
   union select lease_id from task_runs where lease_id is not null and ${OPEN}`,
);

/** Partial index flow_runs_scheduled, in its order. */
export const LIST_OVERDUE = query<[beforeMicros: number, limit: number], FlowRunRow>(
  `select ${FLOW_RUN_COLUMNS} from flow_runs r indexed by flow_runs_scheduled join states s on s.id = r.state_id
   where r.state_type = 'SCHEDULED' and r.state_name = 'Scheduled' and r.next_scheduled_start_micros <= ?
   order by r.next_scheduled_start_micros limit ?`,
);

/** Index flow_runs_by_state: few runs are paused at a time. Instants in details are UTC texts of one length. */
export const LIST_EXPIRED_PAUSES = query<[now: string, limit: number], FlowRunRow>(
  `${FLOW_RUNS} where r.state_type = 'PAUSED' and json_extract(s.details, '$.pause_timeout') < ? limit ?`,
);

/** Index flow_runs_by_state: few runs are being cancelled at a time. */
export const LIST_CANCELLING = query<[beforeMicros: number, limit: number], FlowRunRow>(
  `${FLOW_RUNS} where r.state_type = 'CANCELLING' and r.state_timestamp_micros <= ? limit ?`,
);

// A cross join keeps its order: from the open runs, which are few, to what they are in.

/** Partial index flow_runs_open from end to end, then the parents by their ids. */
export const LIST_OPEN_FLOW_RUNS_IN_CANCELLED = query<[limit: number], FlowRunRow>(
  `${FLOW_RUNS} cross join flow_runs p on p.id = r.parent_flow_run_id
   where r.lease_id is not null and r.${OPEN} and p.state_type = 'CANCELLED' limit ?`,
);

/** Partial index task_runs_open from end to end, then the flow runs by their ids. */
export const LIST_OPEN_TASK_RUNS_IN_CANCELLED = query<[limit: number], TaskRunRow>(
  `${TASK_RUNS} cross join flow_runs p on p.id = r.flow_run_id
   where r.lease_id is not null and r.${OPEN} and p.state_type = 'CANCELLED' limit ?`,
);

/** Unique index on id, once per id. */
export const LIST_CURRENT_STATES = query<[ids: string], CurrentState>(
  `select id as flowRunId, state_id as stateId, state_type as stateType, state_timestamp_micros as stateTimestampMicros
   from flow_runs where id in (select value from json_each(?))`,
);

/** Unique index on run and key. */
export const READ_RUN_INPUT = query<[flowRunId: string, key: string], { value: string }>(
  "select value from run_inputs where flow_run_id = ? and input_key = ?",
);
