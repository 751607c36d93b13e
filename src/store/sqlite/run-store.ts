import type { DeclaredHook } from "../../runs/declared-hook.ts";
import type { RunFilter, RunStore } from "../../runs/run-store.ts";
import { type Database, toJson } from "./database.ts";
import type { Enqueued } from "./enqueued.ts";
import { idRange, pageSize } from "./page.ts";
import { type FlowRunRow, toFlowRun, toHookOutcome, toStoredState, toTaskRun } from "./run-rows.ts";
import * as sql from "./run-statements.ts";
import { prepareChange, prepareHookOutcome } from "./run-writes.ts";
import type { Session } from "./session.ts";

function findFlowRun(db: Database, idOrName: string): FlowRunRow | null {
  const exact = db.get(sql.READ_FLOW_RUN, idOrName.toLowerCase());
  if (exact !== undefined) return exact;
  const range = idRange(idOrName);
  const [first, second] = range === null ? [] : db.all(sql.FIND_FLOW_RUN_BY_PART, range.from, range.to, range.like);
  if (first !== undefined && second === undefined) return first;
  return db.get(sql.FIND_FLOW_RUN_BY_NAME, idOrName) ?? null;
}

/** The narrowest index first; what remains is filtered on the way. */
function listFlowRuns(db: Database, filter: RunFilter): FlowRunRow[] {
  const { flowName = "", stateTypes = [], stateNames = [], tag = "", sinceMicros = 0 } = filter;
  const [onlyType, ...otherTypes] = stateTypes;
  const single = onlyType !== undefined && otherTypes.length === 0 ? onlyType : "";
  const { take, skip } = pageSize(filter);
  const statement =
    flowName !== "" ? sql.LIST_FLOW_RUNS_OF_FLOW : single !== "" ? sql.LIST_FLOW_RUNS_IN_STATE : sql.LIST_FLOW_RUNS;
  return db.all(statement, flowName, single, toJson(stateTypes), toJson(stateNames), tag, sinceMicros, take, skip);
}

export function openRunStore({ queue, read }: Session, enqueued: Enqueued): RunStore {
  /** What an appended change enqueues is told like the rest: after the commit. */
  const tell = (destinations: readonly string[]): void => enqueued.tell(destinations);
  return {
    commit: async (change) => {
      await queue.submit(prepareChange(change), tell);
    },
    record: (change) => queue.append(prepareChange(change), tell),
    recordHook: (outcome) => queue.append(prepareHookOutcome(outcome)),
    flush: () => queue.flush(),
    commitSync: (changes) => {
      const works = changes.map(prepareChange);
      queue.writeSync((db) => {
        for (const work of works) work(db);
      });
    },

    readFlowRun: (id) => read((db) => db.all(sql.READ_FLOW_RUN, id).map(toFlowRun)[0] ?? null),
    readTaskRun: (id) => read((db) => db.all(sql.READ_TASK_RUN, id).map(toTaskRun)[0] ?? null),
    findFlowRun: (idOrName) =>
      read((db) => {
        const row = findFlowRun(db, idOrName);
        return row === null ? null : toFlowRun(row);
      }),
    listFlowRuns: (filter = {}) => read((db) => listFlowRuns(db, filter).map(toFlowRun)),
    listTaskRuns: (flowRunId) => read((db) => db.all(sql.LIST_TASK_RUNS, flowRunId).map(toTaskRun)),
    listStates: (run) =>
      read((db) =>
        ("flowRunId" in run
          ? db.all(sql.LIST_STATES_OF_FLOW_RUN, run.flowRunId)
          : db.all(sql.LIST_STATES_OF_TASK_RUN, run.taskRunId)
        ).map(toStoredState),
      ),
    listHookOutcomes: (flowRunId) => read((db) => db.all(sql.LIST_HOOK_OUTCOMES, flowRunId).map(toHookOutcome)),
    readDeclaredHooks: (runId) =>
      // Written by toJson() from values of this type.
      read((db) => JSON.parse(db.get(sql.READ_DECLARED_HOOKS, runId)?.hooks ?? "[]") as DeclaredHook[]),
    listOpenRuns: (leaseId) =>
      read((db) =>
        db.snapshot(() => [
          ...db.all(sql.LIST_OPEN_FLOW_RUNS, leaseId).map(toFlowRun),
          ...db.all(sql.LIST_OPEN_TASK_RUNS, leaseId).map(toTaskRun),
        ]),
      ),
  };
}
