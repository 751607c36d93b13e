import type { Micros } from "../base/instant.ts";
import type { StateWire } from "../states/state.ts";
import type { HookOutcome } from "./run-store.ts";

/** Levels as they are stored. Source of the numbers: Python's `logging`, which Prefect's API uses. */
export const LOG_LEVELS = { debug: 10, info: 20, warning: 30, error: 40, critical: 50 } as const;
export type LogLevel = keyof typeof LOG_LEVELS;

// The keys of a literal, in order.
const NAMES = Object.keys(LOG_LEVELS) as readonly LogLevel[];

/** The level's name; for a number between two levels that of the lower one. */
export const levelName = (level: number): LogLevel => NAMES.findLast((name) => LOG_LEVELS[name] <= level) ?? "debug";

/** Who wrote a line. Source of the names: Prefect 3, the loggers of runs. */
export type RunLoggerName = "prefect.flow_runs" | "prefect.task_runs";

/** One line of a run's log; secrets masked. */
export interface RunLogRecord {
  /** Null for a task run outside a flow. */
  readonly flowRunId: string | null;
  readonly taskRunId: string | null;
  readonly timestampMicros: Micros;
  /** One of {@link LOG_LEVELS}, or a number of the caller's own. */
  readonly level: number;
  readonly logger: RunLoggerName;
  readonly message: string;
}

/** A line as it reads back, with the names that its runs have now; null where the run is not stored. */
export interface StoredRunLog extends RunLogRecord {
  /** Grows in the order in which lines were stored. */
  readonly key: number;
  readonly flowRunName: string | null;
  readonly flowName: string | null;
  readonly taskRunName: string | null;
  readonly taskName: string | null;
}

/** Where a page begins and ends, by the key of its rows. */
export interface LogPage {
  /** Only rows behind this one. Default 0. */
  readonly after?: number;
  /** Only rows before this one. */
  readonly before?: number;
  /** Default false: oldest first. */
  readonly newestFirst?: boolean;
  /** Default 200, at most 1000. */
  readonly limit?: number;
}

export interface RunLogFilter extends LogPage {
  /** Lines of the flow run and of the task runs in it. */
  readonly flowRunId?: string;
  readonly taskRunId?: string;
  /** Name of a task, or of one of its runs. */
  readonly task?: string;
  readonly minLevel?: number;
  readonly sinceMicros?: Micros;
  /** Exclusive. */
  readonly untilMicros?: Micros;
}

/** Whose life: a flow run with the task runs in it, or a single task run. */
export type LifeOf = { readonly flowRunId: string } | { readonly taskRunId: string };

export interface LifeFilter extends LogPage {
  readonly task?: string;
  readonly minLevel?: number;
}

/** A stored state, with what its line in the log says beside it. */
export interface LifeState {
  /** Position in the feed of events. */
  readonly key: number;
  readonly flowRunId: string | null;
  readonly taskRunId: string | null;
  readonly runName: string;
  /** Name of the flow or task. */
  readonly objectName: string;
  /** Allowed by the definition. */
  readonly retries: number;
  /** Attempts begun until now. */
  readonly runCount: number;
  /** How often the run had become RUNNING when it entered the state, this time included; 0 for states of other types. */
  readonly begun: number;
  /** 40 for an end other than COMPLETED, 30 for AwaitingRetry, 10 for the Pending that a run begins with, else 20. */
  readonly level: number;
  readonly timestampMicros: Micros;
  readonly state: StateWire;
}

/** What a hook did, with the names that its lines in the log say. */
export interface LifeHook {
  readonly key: number;
  readonly runName: string | null;
  /** The state that it was called for. */
  readonly stateName: string | null;
  readonly outcome: HookOutcome;
}

/** Where lines of runs live. Errors: those of the run store. */
export interface RunLogStore {
  /** Write-behind, in one order with the states of the runs: with the next commit, after 50 ms at the latest. */
  recordLog(record: RunLogRecord): void;
  listLogs(filter?: RunLogFilter): Promise<StoredRunLog[]>;
  /** States and hook outcomes are stored once, where they belong; these read them as lines of a log. */
  listLifeStates(of: LifeOf, filter?: LifeFilter): Promise<LifeState[]>;
  /** A hook that ended well has level 20, one that failed 40. */
  listLifeHooks(of: LifeOf, filter?: LifeFilter): Promise<LifeHook[]>;
}
