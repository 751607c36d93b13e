import { BellhopError, errorCode } from "../../base/errors.ts";
import type { FlowRunRecord, RunRecord, TaskRunRecord } from "../../runs/flow-run.ts";
import type { HookOutcome, RunChange } from "../../runs/run-store.ts";
import { isFinalType } from "../../states/state.ts";
import type { Batch } from "./commit-queue.ts";
import { type Database, query, toJson } from "./database.ts";
import { prepareRequest } from "./outbox-insert.ts";
import { type Chain, isWritten, lastWithin, openRunChains, type RunChains } from "./run-chain.ts";
import { prepareInputs } from "./run-inputs.ts";
import { toWire } from "./run-rows.ts";
import { READ_FLOW_RUN } from "./run-statements.ts";

// All statements here run inside a group commit, which holds the write lock. Runs and states are found by the unique
// indexes on their ids.

/** What both kinds of run have and what changes with a state, in the order of the statements. */
type RunValues = [
  name: string,
  stateId: string,
  stateType: string,
  stateName: string,
  stateTimestampMicros: number,
  runCount: number,
  expectedStartMicros: number | null,
  nextScheduledStartMicros: number | null,
  startMicros: number | null,
  endMicros: number | null,
  totalRunTimeMicros: number,
  leaseId: string | null,
  tags: string,
  labels: string,
  empiricalPolicy: string,
];

const RUN_VALUES = `name, state_id, state_type, state_name, state_timestamp_micros, run_count, expected_start_micros,
  next_scheduled_start_micros, start_micros, end_micros, total_run_time_micros, lease_id, tags, labels, empirical_policy`;

/** One placeholder for each of RUN_VALUES. */
const PLACES = "?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?";

/** A task run whose state is newer is left alone: a late state is recorded in the feed and nowhere else. */
const WHERE_OLDER = "where id = ? and state_timestamp_micros <= ?";

type FlowRunConstants = [
  id: string,
  flowName: string,
  flowVersion: string | null,
  createdMicros: number,
  parentTaskRunId: string | null,
  parentFlowRunId: string | null,
  hooks: string,
  parameters: string,
];

const INSERT_FLOW_RUN = query<[...RunValues, ...FlowRunConstants]>(
  `insert into flow_runs (${RUN_VALUES}, id, flow_name, flow_version, created_micros, parent_task_run_id,
     parent_flow_run_id, hooks, parameters)
   values (${PLACES}, ?, ?, ?, ?, ?, ?, ?, ?) on conflict (id) do nothing`,
);

const UPDATE_FLOW_RUN = query<[...RunValues, id: string]>(
  `update flow_runs set (${RUN_VALUES}) = (${PLACES}) where id = ?`,
);

const DELETE_FLOW_RUN = query<[id: string]>("delete from flow_runs where id = ?");

type TaskRunValues = [...RunValues, flowRunRunCount: number];

type TaskRunConstants = [
  id: string,
  flowRunId: string | null,
  taskName: string,
  taskKey: string,
  dynamicKey: string,
  createdMicros: number,
  hooks: string,
  taskInputs: string,
];

const INSERT_TASK_RUN = query<[...TaskRunValues, ...TaskRunConstants]>(
  `insert into task_runs (${RUN_VALUES}, flow_run_run_count, id, flow_run_id, task_name, task_key, dynamic_key,
     created_micros, hooks, task_inputs)
   values (${PLACES}, ?, ?, ?, ?, ?, ?, ?, ?, ?) on conflict (id) do nothing`,
);

const UPDATE_TASK_RUN = query<[...TaskRunValues, id: string, stateTimestampMicros: number]>(
  `update task_runs set (${RUN_VALUES}, flow_run_run_count) = (${PLACES}, ?) ${WHERE_OLDER}`,
);

const DELETE_TASK_RUN = query<[id: string]>("delete from task_runs where id = ?");

type StateValues = [
  id: string,
  follows: string | null,
  type: string,
  name: string,
  timestampMicros: number,
  message: string | null,
  details: string,
  data: string | null,
];

/**
 * A final state is left only by whoever knows it: a newer state that follows another one comes from a process that was
 * taken for dead, and whose run has ended without it.
 */
const NOT_ENDED = `not (state_type in ('COMPLETED', 'FAILED', 'CRASHED', 'CANCELLED')
     and state_id is not ?2 and state_timestamp_micros < ?5)`;

/**
 * Stores nothing when the state is there already, or its run is not there, or is in another state than the one that
 * this one follows. A run that was just inserted is in its first state already.
 */
const INSERT_FLOW_RUN_STATE = query<[...StateValues, runId: string]>(
  `insert into states (flow_run_key, id, follows, type, name, timestamp_micros, message, details, data)
   select key, ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8 from flow_runs where id = ?9 and state_id in (?1, ?2)
   on conflict (id) do nothing`,
);

/** Stores nothing when the state is there already, or its run is not there, or has ended. */
const INSERT_TASK_RUN_STATE = query<[...StateValues, runId: string]>(
  `insert into states (task_run_key, id, follows, type, name, timestamp_micros, message, details, data)
   select key, ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8 from task_runs where id = ?9 and ${NOT_ENDED} on conflict (id) do nothing`,
);

/** For a run whose row was written in the same transaction: it is there and has not ended without the state. */
const INSERT_STATE_OF_TASK_RUN = query<[taskRunKey: number, ...StateValues]>(
  `insert into states (task_run_key, id, follows, type, name, timestamp_micros, message, details, data)
   values (?, ?, ?, ?, ?, ?, ?, ?, ?) on conflict (id) do nothing`,
);

const HAS_STATE = query<[id: string], { seq: number }>("select seq from states where id = ?");

const INSERT_HOOK_OUTCOME = query<
  [
    flowRunId: string | null,
    taskRunId: string | null,
    stateId: string,
    event: string,
    hook: string,
    status: string,
    startedMicros: number,
    durationMicros: number,
    error: string | null,
  ]
>(
  `insert into hook_outcomes (flow_run_id, task_run_id, state_id, event, hook, status, started_micros, duration_micros, error)
   values (?, ?, ?, ?, ?, ?, ?, ?, ?)`,
);

/** How one kind of run is written, with its values copied. */
interface RunWrite {
  readonly name: string;
  /** True when the run was not there. */
  readonly insert: (db: Database) => boolean;
  readonly update: (db: Database) => void;
  readonly remove: (db: Database) => void;
  /** True when the state is new and its run is there, and may enter it. */
  readonly insertState: (db: Database, values: StateValues) => boolean;
  /** Why the run may not enter the state. */
  readonly refusal: (db: Database, state: string) => BellhopError;
}

const runValues = (run: RunRecord): RunValues => [
  run.name,
  run.state.id,
  run.state.type,
  run.state.name,
  run.state.timestampMicros,
  run.runCount,
  run.expectedStartMicros,
  run.nextScheduledStartMicros,
  run.startMicros,
  run.endMicros,
  Math.round(run.totalRunTimeMicros),
  run.leaseId,
  toJson(run.tags),
  toJson(run.labels),
  toJson(run.empiricalPolicy),
];

function prepareFlowRun(run: FlowRunRecord, hooks: string): RunWrite {
  const { id, flowName, flowVersion, createdMicros, parentTaskRunId, parentFlowRunId } = run;
  const values = runValues(run);
  const constants: FlowRunConstants = [
    id,
    flowName,
    flowVersion,
    createdMicros,
    parentTaskRunId,
    parentFlowRunId,
    hooks,
    toJson(run.parameters),
  ];
  return {
    name: run.name,
    insert: (db) => db.run(INSERT_FLOW_RUN, ...values, ...constants) > 0,
    update: (db) => void db.run(UPDATE_FLOW_RUN, ...values, id),
    remove: (db) => void db.run(DELETE_FLOW_RUN, id),
    insertState: (db, state) => db.run(INSERT_FLOW_RUN_STATE, ...state, id) > 0,
    refusal: (db, state) => {
      const row = db.get(READ_FLOW_RUN, id);
      return row === undefined || isFinalType(row.stateType)
        ? new BellhopError("run_superseded", { run: run.name, state })
        : new BellhopError("run_moved", { run: run.name, state, current: toWire(row) });
    },
  };
}

/** `row` gives what the run's row becomes. */
function prepareTaskRun(run: TaskRunRecord, hooks: string, chain: Chain, row: () => TaskRunValues): RunWrite {
  const { id, flowRunId, taskName, taskKey, dynamicKey, createdMicros, taskInputs } = run;
  const inputs = taskInputs === undefined ? "{}" : toJson(taskInputs);
  const constants: TaskRunConstants = [id, flowRunId, taskName, taskKey, dynamicKey, createdMicros, hooks, inputs];
  return {
    name: run.name,
    insert: (db) => {
      chain.key = db.insert(INSERT_TASK_RUN, ...row(), ...constants);
      return chain.key !== null;
    },
    update: (db) => {
      const values = row();
      db.run(UPDATE_TASK_RUN, ...values, id, values[4]);
    },
    remove: (db) => void db.run(DELETE_TASK_RUN, id),
    insertState: (db, state) => db.run(INSERT_TASK_RUN_STATE, ...state, id) > 0,
    refusal: (_, state) => new BellhopError("run_superseded", { run: run.name, state }),
  };
}

/** True when the state is new; then its run is as the change says, unless the run's state is newer. */
function writeState(db: Database, run: RunWrite, state: StateValues, isFirst: boolean): boolean {
  if (!isFirst || !run.insert(db)) {
    if (run.insertState(db, state)) {
      run.update(db);
      return true;
    }
    if (db.get(HAS_STATE, state[0]) !== undefined) return false;
    // Not known, so the run is not there (its earlier states never got here), or it went on without this state.
    if (!run.insert(db)) throw run.refusal(db, state[3]);
  }
  if (run.insertState(db, state)) return true;
  // The state is known, under another run.
  run.remove(db);
  return false;
}

/** The queued changes of the task runs of one store. */
export type TaskRunChains = RunChains<TaskRunValues>;

/** Where a change stands in the queue. */
export interface Place {
  readonly chains: TaskRunChains;
  readonly number: number;
  /** False for a change whose caller waits. */
  readonly isBehind: boolean;
}

type WriteState = (db: Database, batch: Batch) => boolean;

/** Writes the state, and the row of its run as the last change in the transaction leaves it. */
function prepareTaskState(change: RunChange, run: TaskRunRecord, state: StateValues, place: Place): WriteState {
  const { follows } = change;
  const values: TaskRunValues = [...runValues(run), run.flowRunRunCount];
  const link = place.chains.link({ ...place, run, stateId: state[0], follows, values });
  const { chain } = link;
  let last = link;
  const write = prepareTaskRun(run, hooksOf(change), chain, () => last.values);
  return (db, batch) => {
    if (chain.key !== null && isWritten(link, batch)) return db.run(INSERT_STATE_OF_TASK_RUN, chain.key, ...state) > 0;
    last = lastWithin(link, batch);
    if (!writeState(db, write, state, follows === null)) return false;
    chain.written = { batch, through: last.number };
    return true;
  };
}

function prepareFlowState(change: RunChange, run: FlowRunRecord, state: StateValues): WriteState {
  const write = prepareFlowRun(run, hooksOf(change));
  return (db) => writeState(db, write, state, change.follows === null);
}

const hooksOf = ({ hooks }: RunChange): string => (hooks === undefined ? "[]" : toJson(hooks));

function stateValues({ state, follows }: RunChange): StateValues {
  const { id, type, name, message, state_details, data } = state.toWire();
  const details = toJson(state_details);
  return [id, follows, type, name, state.timestampMicros, message, details, data === null ? null : toJson(data)];
}

/** Part of no queue: it shares its transaction, and its number, with others. */
const alone = (): Place => ({ chains: openRunChains(), number: 0, isBehind: false });

/** In this transaction there is nothing to count on. */
const NO_BATCH: Batch = { through: -1 };

/**
 * Copies a change and returns what stores it: run, state and deliveries, all in the transaction it is called in. The
 * work returns the destinations that got a delivery.
 *
 * @param place Given for a change that is a unit of the queue.
 * @throws store_value_invalid; the work: run_superseded, run_moved
 */
export function prepareChange(change: RunChange, place: Place = alone()): (db: Database, batch?: Batch) => string[] {
  const { run } = change;
  const state = stateValues(change);
  const write =
    run.kind === "flow-run" ? prepareFlowState(change, run, state) : prepareTaskState(change, run, state, place);
  const requests = change.requests.map(prepareRequest);
  const setInputs = change.inputs === undefined ? undefined : prepareInputs(run.id, change.inputs, state[4]);
  const mirrored = change.mirrored === undefined ? undefined : unlessRefused(prepareChange(change.mirrored));
  return (db, batch = NO_BATCH) => {
    if (!write(db, batch)) return [];
    setInputs?.(db);
    mirrored?.(db);
    return requests.filter((request) => request.insert(db)).map((request) => request.destination);
  };
}

/** The same work; a run that somebody else has moved or ended is left alone. A refusal has written nothing. */
export const unlessRefused =
  (work: (db: Database, batch?: Batch) => string[]): typeof work =>
  (db, batch) => {
    try {
      return work(db, batch);
    } catch (error) {
      const code = errorCode(error);
      if (code === "run_superseded" || code === "run_moved") return [];
      throw error;
    }
  };

/** Copies a hook's outcome and returns what stores it. */
export function prepareHookOutcome(outcome: HookOutcome): (db: Database) => void {
  const { flowRunId, taskRunId, stateId, event, hook, status, startedMicros, durationMicros } = outcome;
  const error = outcome.error === null ? null : toJson(outcome.error);
  return (db) =>
    void db.run(
      INSERT_HOOK_OUTCOME,
      ...([
        flowRunId,
        taskRunId,
        stateId,
        event,
        hook,
        status,
        Math.round(startedMicros),
        Math.round(durationMicros),
        error,
      ] as const),
    );
}
