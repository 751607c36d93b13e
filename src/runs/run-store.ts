import type { Micros } from "../base/instant.ts";
import type { JsonValue } from "../base/json.ts";
import type { State, StateWire } from "../states/state.ts";
import type { StateType } from "../states/state-type.ts";
import type { DeclaredHook } from "./declared-hook.ts";
import type { DeliveryRequest } from "./delivery-request.ts";
import type { FlowRunRecord, RunRecord, TaskRunRecord } from "./flow-run.ts";

/** Everything one state change makes durable: the run as it is now, the state (which is also its event), the deliveries. */
export interface RunChange {
  /** The run after the change. The store copies what it needs before it returns. */
  readonly run: RunRecord;
  readonly state: State;
  /** Id of the state before it; null for the first. */
  readonly follows: string | null;
  readonly requests: readonly DeliveryRequest[];
  /** Given with the first state of a run only; stored with the run. */
  readonly hooks?: readonly DeclaredHook[];
  /** Stored with the state, in place of older ones of the same keys. Flow runs only. */
  readonly inputs?: readonly RunInput[];
  /** Of the task run that stands for a nested flow run in its parent; stored only together with this change. */
  readonly mirrored?: RunChange;
}

/** Something given to a flow run while it runs, or asked of whoever resumes it. */
export interface RunInput {
  readonly key: string;
  readonly value: JsonValue;
}

/** What a decision about a flow run comes to. */
export interface Decided<T> {
  /** Stored in the transaction in which the run was read; null: nothing is. */
  readonly change: RunChange | null;
  readonly answer: T;
}

/**
 * Decides from the run as it is in the store, and from its declarative hooks; the run is null when there is none. Pure
 * and synchronous: it runs while the store is locked, and again when its transaction is taken back.
 */
export type Decide<T> = (run: FlowRunRecord | null, hooks: readonly DeclaredHook[]) => Decided<T>;

/** What one hook did with one state. Hooks observe: nothing in here changes the run. */
export interface HookOutcome {
  readonly flowRunId: string | null;
  readonly taskRunId: string | null;
  readonly stateId: string;
  /** `onFailure`, … */
  readonly event: string;
  readonly hook: string;
  readonly status: "completed" | "failed";
  readonly startedMicros: Micros;
  readonly durationMicros: Micros;
  /** Name, message and stack of what it threw; secrets masked. */
  readonly error: { readonly name: string; readonly message: string; readonly stack: string | null } | null;
}

/** A stored state as it reads back: wire form plus the cursor of the event feed. */
export interface StoredState {
  /** Position in the one ordered feed of events, in commit order. */
  readonly seq: number;
  readonly flowRunId: string | null;
  readonly taskRunId: string | null;
  readonly follows: string | null;
  readonly state: StateWire;
}

export interface RunFilter {
  readonly flowName?: string;
  readonly stateTypes?: readonly StateType[];
  readonly stateNames?: readonly string[];
  readonly tag?: string;
  readonly sinceMicros?: Micros;
  /** Default 50, at most 200. Newest first. */
  readonly limit?: number;
  readonly offset?: number;
}

/**
 * Where runs live. Writes of one process are committed in the order of the calls, many callers in one transaction.
 *
 * A change of a flow run is stored only when the run is still in the state that the change follows. Errors: `run_moved`
 * (its details carry the current state) when it is in another one, `run_superseded` when that one is final; and
 * `store_busy`, `store_full`, `store_corrupt`, `store_unavailable`. States of a task run are recorded as they come; the
 * newest counts.
 */
export interface RunStore {
  /** Stores the change; resolves when it is durable. A state id that is already stored is ignored. */
  commit(change: RunChange): Promise<void>;
  /**
   * Reads the flow run, decides and stores the change, all at once, so that nobody else moves the run in between.
   * Resolves with the answer when the change is durable; rejects with what `fn` throws, and then stores nothing.
   */
  decide<T>(flowRunId: string, fn: Decide<T>): Promise<T>;
  /**
   * Stores the change behind the caller: in order, with the next `commit`, before any read here, at `flush`, at exit,
   * and after 50 ms at the latest. A failure rejects the next `commit` or `flush`, and nothing queued is dropped but
   * states of task runs that somebody else has ended.
   */
  record(change: RunChange): void;
  /** Write-behind, like `record`. */
  recordHook(outcome: HookOutcome): void;
  /** Resolves when everything recorded so far is durable. */
  flush(): Promise<void>;
  /**
   * Stores the changes, and everything queued before them, before it returns; those of runs that somebody else has moved
   * or ended are left out. Only for a process that is exiting.
   */
  commitSync(changes: readonly RunChange[]): void;

  readFlowRun(id: string): Promise<FlowRunRecord | null>;
  readTaskRun(id: string): Promise<TaskRunRecord | null>;
  /**
   * By id, by a unique part of it (its first 4 or more characters, or beginning and end as `01994f1f..3a1b`), or by name
   * (the newest of that name); null when none fits.
   */
  findFlowRun(idOrName: string): Promise<FlowRunRecord | null>;
  listFlowRuns(filter?: RunFilter): Promise<FlowRunRecord[]>;
  listTaskRuns(flowRunId: string): Promise<TaskRunRecord[]>;
  /** Oldest first; of the flow run itself, or of one task run. */
  listStates(run: { readonly flowRunId: string } | { readonly taskRunId: string }): Promise<StoredState[]>;
  listHookOutcomes(flowRunId: string): Promise<HookOutcome[]>;
  readDeclaredHooks(runId: string): Promise<DeclaredHook[]>;
  /** Runs not in a final state that this lease holds. */
  listOpenRuns(leaseId: string): Promise<RunRecord[]>;
  /** Leases that hold a run that has not ended, flow run or task run. */
  listHolders(): Promise<string[]>;

  /** @throws run_input_exists */
  setInput(flowRunId: string, key: string, value: JsonValue): Promise<void>;
  /** Undefined when there is none. */
  getInput(flowRunId: string, key: string): Promise<JsonValue | undefined>;

  /** Runs in the state named Scheduled whose start was due at `beforeMicros`; the longest due first. */
  listOverdue(beforeMicros: Micros, limit: number): Promise<FlowRunRecord[]>;
  /** Paused runs whose pause expired before `nowMicros`. */
  listExpiredPauses(nowMicros: Micros, limit: number): Promise<FlowRunRecord[]>;
  /** Runs that are being cancelled since `beforeMicros` or longer. */
  listCancelling(beforeMicros: Micros, limit: number): Promise<FlowRunRecord[]>;
  /** Open runs directly inside a Cancelled flow run. */
  listOpenInCancelled(limit: number): Promise<RunRecord[]>;
  /** Current states of these flow runs. */
  listCurrentStates(flowRunIds: readonly string[]): Promise<CurrentState[]>;

  /** Changes whenever another process, or another opening of the store, has committed. Costs microseconds. */
  version(): number;
}

/** The state a flow run is in, without the rest of the run. */
export interface CurrentState {
  readonly flowRunId: string;
  readonly stateId: string;
  readonly stateType: StateType;
  readonly stateTimestampMicros: Micros;
}
