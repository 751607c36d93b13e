import type { Micros } from "../base/instant.ts";
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
}

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
 * Errors: `store_busy`, `store_full`, `store_corrupt`, `store_unavailable`, and `run_superseded` for a run that another
 * process has ended in the meantime.
 */
export interface RunStore {
  /** Stores the change; resolves when it is durable. A state id that is already stored is ignored. */
  commit(change: RunChange): Promise<void>;
  /**
   * Stores the change behind the caller: in order, with the next `commit`, before any read here, at `flush`, at exit,
   * and after 50 ms at the latest. A failure rejects the next `commit` or `flush`, and nothing queued is dropped.
   */
  record(change: RunChange): void;
  /** Write-behind, like `record`. */
  recordHook(outcome: HookOutcome): void;
  /** Resolves when everything recorded so far is durable. */
  flush(): Promise<void>;
  /** Stores the changes, and everything queued before them, before it returns. Only for a process that is exiting. */
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
}
