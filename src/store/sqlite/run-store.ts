import { formatMicros, type Micros } from "../../base/instant.ts";
import type { JsonValue } from "../../base/json.ts";
import type { PayloadKeys } from "../../delivery/payload-keys.ts";
import type { DeclaredHook } from "../../runs/declared-hook.ts";
import type { Decide, Decided, RunChange, RunFilter, RunStore } from "../../runs/run-store.ts";
import { type Database, plain, toJson } from "./database.ts";
import type { Enqueued } from "./enqueued.ts";
import { idRange, pageSize } from "./page.ts";
import { type FlowRunRow, toFlowRun, toHookOutcome, toStoredState, toTaskRun } from "./run-rows.ts";
import { prepareInput } from "./run-inputs.ts";
import { openRunChains } from "./run-chain.ts";
import * as sql from "./run-statements.ts";
import { type Place, prepareChange, prepareHookOutcome, type TaskRunChains, unlessRefused } from "./run-writes.ts";
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

interface Verdict<T> {
  readonly result: { readonly answer: T } | { readonly thrown: unknown };
  readonly destinations: readonly string[];
}

/** One unit of a group commit. What `fn` throws travels as a value, so that it is not taken for an error of the store. */
async function decide<T>(
  queue: Session["queue"],
  tell: (destinations: readonly string[]) => void,
  flowRunId: string,
  fn: Decide<T>,
): Promise<T> {
  const attempt = (db: Database): Decided<T> | { readonly thrown: unknown } => {
    const row = db.get(sql.READ_FLOW_RUN, flowRunId);
    try {
      return fn(row === undefined ? null : toFlowRun(row), row === undefined ? [] : hooksOf(db, flowRunId));
    } catch (thrown) {
      return { thrown };
    }
  };
  const work = (db: Database): Verdict<T> => {
    const decided = attempt(db);
    if ("thrown" in decided) return { result: decided, destinations: [] };
    const destinations = decided.change === null ? [] : prepareChange(decided.change)(db);
    return { result: { answer: decided.answer }, destinations };
  };
  const { result } = await queue.submit(work, ({ destinations }) => tell(destinations));
  if ("thrown" in result) throw result.thrown;
  return result.answer;
}

/** Before such a run enters its next state, there should be a key: sealing is part of the commit, and cannot wait. */
const owesMessages = ({ hooks = [], requests }: RunChange): boolean => hooks.length + requests.length > 0;

const hooksOf = (db: Database, runId: string): DeclaredHook[] =>
  // Written by toJson() from values of this type.
  JSON.parse(db.get(sql.READ_DECLARED_HOOKS, runId)?.hooks ?? "[]") as DeclaredHook[];

/** What services look for; all of it is rare. */
const dueLists = ({ read, readCommitted }: Session) => ({
  listHolders: () => read((db) => db.all(sql.LIST_HOLDERS).map((row) => row.leaseId)),
  listOverdue: (beforeMicros: Micros, limit: number) =>
    readCommitted((db) => db.all(sql.LIST_OVERDUE, Math.floor(beforeMicros), limit).map(toFlowRun)),
  listExpiredPauses: (nowMicros: Micros, limit: number) =>
    readCommitted((db) => db.all(sql.LIST_EXPIRED_PAUSES, formatMicros(nowMicros), limit).map(toFlowRun)),
  listCancelling: (beforeMicros: Micros, limit: number) =>
    readCommitted((db) => db.all(sql.LIST_CANCELLING, Math.floor(beforeMicros), limit).map(toFlowRun)),
  listOpenInCancelled: (limit: number) =>
    read((db) =>
      db.snapshot(() => [
        ...db.all(sql.LIST_OPEN_TASK_RUNS_IN_CANCELLED, limit).map(toTaskRun),
        ...db.all(sql.LIST_OPEN_FLOW_RUNS_IN_CANCELLED, limit).map(toFlowRun),
      ]),
    ),
  listCurrentStates: (flowRunIds: readonly string[]) =>
    readCommitted((db) => db.all(sql.LIST_CURRENT_STATES, toJson(flowRunIds)).map(plain)),
});

const inputs = ({ queue, read, clock }: Session) => ({
  setInput: async (flowRunId: string, key: string, value: JsonValue) => {
    await queue.submit(prepareInput(flowRunId, { key, value }, clock.now()));
  },
  getInput: (flowRunId: string, key: string) =>
    read((db) => {
      const row = db.get(sql.READ_RUN_INPUT, flowRunId, key);
      // Written by toJson().
      return row === undefined ? undefined : (JSON.parse(row.value) as JsonValue);
    }),
});

/** @param keys Opened when a run brings hooks whose messages will have to be sealed. */
export function openRunStore(session: Session, enqueued: Enqueued, keys?: PayloadKeys): RunStore {
  const { queue, read } = session;
  /** What an appended change enqueues is told like the rest: after the commit. */
  const tell = (destinations: readonly string[]): void => enqueued.tell(destinations);
  const chains: TaskRunChains = openRunChains();
  const placeOf = (isBehind: boolean): Place => ({ chains, number: queue.nextNumber, isBehind });
  return {
    commit: async (change) => {
      const stored = queue.submit(prepareChange(change, placeOf(false)), tell);
      const ready = owesMessages(change) ? keys?.ready() : undefined;
      await (ready === undefined ? stored : Promise.all([stored, ready]));
    },
    decide: (flowRunId, fn) => decide(queue, tell, flowRunId, fn),
    record: (change) => {
      queue.append(unlessRefused(prepareChange(change, placeOf(true))), tell);
      if (owesMessages(change)) void keys?.ready();
    },
    recordHook: (outcome) => queue.append(prepareHookOutcome(outcome)),
    flush: () => queue.flush(),
    commitSync: (changes) => {
      // What is refused here is for the next sweep, and must not keep the rest from being stored.
      const works = changes.map((change) => unlessRefused(prepareChange(change)));
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
    readDeclaredHooks: (runId) => read((db) => hooksOf(db, runId)),
    listOpenRuns: (leaseId) =>
      read((db) =>
        db.snapshot(() => [
          ...db.all(sql.LIST_OPEN_FLOW_RUNS, leaseId).map(toFlowRun),
          ...db.all(sql.LIST_OPEN_TASK_RUNS, leaseId).map(toTaskRun),
        ]),
      ),
    ...dueLists(session),
    ...inputs(session),
    version: () => session.version(),
  };
}
