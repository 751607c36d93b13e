import type { z } from "zod";
import type { CachePolicy, CacheKeyFn, ResultStorage, SerializerLike } from "../results/options.ts";
import type { DeclaredHook } from "../runs/declared-hook.ts";
import type { FlowRun, TaskRun } from "../runs/run-view.ts";
import type { State } from "../states/state.ts";
import type { StagedHook } from "../transactions/staged-hook.ts";
import type { TransitionListener } from "./transition.ts";

/** Any function, whatever it takes. */
export type AnyFn = (...args: never[]) => unknown;

/** What a flow and a task have in common; all of it read-only. */
export interface RunnableInfo {
  readonly name: string;
  /** The function as given. */
  readonly fn: AnyFn;
  readonly description: string | null;
  readonly version: string | null;
  /** Attempts after the first. */
  readonly retries: number;
  /** Seconds before each retry; the last entry repeats; empty means at once. */
  readonly retryDelaySeconds: readonly number[];
  readonly retryJitterFactor: number | null;
  /** Per attempt; 0 means none. */
  readonly timeoutSeconds: number;
  readonly tags: readonly string[];
  /** Per hook call; null means none. */
  readonly hookTimeoutSeconds: number | null;
  /** True: what the body prints goes to the run's log. Null: as the run around it says. */
  readonly logPrints: boolean | null;
  /** Keeps the result beyond this process. Null: other options, or the run around it, decide. */
  readonly persistResult: boolean | null;
  /** Where results are kept. Null: as the run around it says, else in the store. */
  readonly resultStorage: ResultStorage | null;
  readonly resultSerializer: SerializerLike | null;
  toString(): string;
}

export interface FlowInfo extends RunnableInfo {
  readonly retryConditionFn: FlowRetryConditionFn | null;
  readonly parameters: z.ZodType | null;
  /** Task runs that `submit` and `map` run at the same time; null means all. */
  readonly maxConcurrentTasks: number | null;
  readonly flowRunName: string | (() => string | PromiseLike<string>) | null;
}

export interface TaskInfo extends RunnableInfo {
  readonly taskRunName: string | ((info: RunNameInfo) => string | PromiseLike<string>) | null;
  readonly retryConditionFn: RetryConditionFn | null;
  readonly cachePolicy: CachePolicy | null;
  readonly cacheKeyFn: CacheKeyFn | null;
  /** Seconds for which a kept result counts; null for ever. */
  readonly cacheExpiration: number | null;
  /** True: runs in any case, and replaces what is kept. Null: false. */
  readonly refreshCache: boolean | null;
  /** Key under which the result is kept, in place of a computed one. */
  readonly resultStorageKey: string | null;
  /** False: runs also when an upstream was skipped. Default true. */
  readonly skipOnUpstreamSkip: boolean;
}

/** A flow, whatever it takes and returns. */
export type AnyFlow = FlowInfo & ((...args: never[]) => Promise<unknown>);

/** A task, whatever it takes and returns. */
export type AnyTask = TaskInfo & ((...args: never[]) => Promise<unknown>);

export interface RunNameInfo {
  readonly parameters: Readonly<Record<string, unknown>>;
}

/** False: the failure is final. An error thrown here counts as false. */
export type RetryConditionFn<O = AnyTask, R = TaskRun> = (
  object: O,
  run: R,
  state: State,
) => boolean | PromiseLike<boolean>;

/** The same for a flow. */
export type FlowRetryConditionFn = RetryConditionFn<AnyFlow, FlowRun>;

/** What the engine needs beside the object: how others take part in its state changes. */
export interface Participants {
  readonly listeners: readonly TransitionListener[];
  readonly declared: readonly DeclaredHook[];
  /** Called before each state change, in order; they may replace the state. */
  readonly handlers: readonly StateHandler[];
  /** Of a flow: handlers of every task run in it, after the task's own. */
  readonly taskHandlers: readonly StateHandler[];
  /** Of a flow: may replace the final state. */
  readonly terminal: TerminalStateHandler | null;
  /** Of a task: run when its transaction commits. */
  readonly commitHooks: readonly StagedHook[];
  /** Of a task: run when its transaction rolls back. */
  readonly rollbackHooks: readonly StagedHook[];
}

/** Nobody takes part. */
export const NOBODY: Participants = {
  listeners: [],
  declared: [],
  handlers: [],
  taskHandlers: [],
  terminal: null,
  commitHooks: [],
  rollbackHooks: [],
};

/**
 * Sees a state change before it is stored, and may put another state in place of `newState`. Null and undefined keep it;
 * a throw fails the run, and a signal stands for its state.
 */
export type StateHandler<O = AnyFlow | AnyTask> = (
  obj: O,
  oldState: State,
  newState: State,
) => State | null | undefined | void | PromiseLike<State | null | undefined | void>;

/**
 * Sees the final state of a flow run before it is stored, and the states of the runs started in it; may return another
 * state.
 */
export type TerminalStateHandler = (
  flow: AnyFlow,
  state: State,
  childStates: readonly State[],
) => State | null | undefined | void | PromiseLike<State | null | undefined | void>;

/** A promise is awaited, a generator drained to a list. */
export type BodyValue<R> = Awaited<R> extends Generator<infer T> | AsyncGenerator<infer T> ? T[] : Awaited<R>;

/** How one call differs from the next. */
export interface CallOptions {
  /** Aborting it crashes the run; the caller gets the signal's reason. */
  readonly signal?: AbortSignal;
  readonly tags?: readonly string[];
  /** Futures and states that must have completed first. */
  readonly waitFor?: Iterable<unknown>;
}

/** How one call differs from the next, and what it gives. */
export interface RunOptions extends CallOptions {
  /** True: resolves with the final state instead of the value, and a failure does not throw. Default false. */
  readonly returnState?: boolean;
}

/** How a run ended. */
export interface Ended {
  readonly state: State;
  /** What the body returned, when it returned. */
  readonly returned: { readonly value: unknown } | null;
  /** What a caller who wants the value is to get thrown. */
  readonly thrown: { readonly error: unknown } | null;
}
