import type { z } from "zod";
import type { DeclaredHook } from "../runs/declared-hook.ts";
import type { TaskRun } from "../runs/run-view.ts";
import type { State } from "../states/state.ts";
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
  toString(): string;
}

export interface FlowInfo extends RunnableInfo {
  readonly parameters: z.ZodType | null;
  readonly flowRunName: string | (() => string | PromiseLike<string>) | null;
}

export interface TaskInfo extends RunnableInfo {
  readonly taskRunName: string | ((info: RunNameInfo) => string | PromiseLike<string>) | null;
  readonly retryConditionFn: RetryConditionFn | null;
}

/** A flow, whatever it takes and returns. */
export type AnyFlow = FlowInfo & ((...args: never[]) => Promise<unknown>);

/** A task, whatever it takes and returns. */
export type AnyTask = TaskInfo & ((...args: never[]) => Promise<unknown>);

export interface RunNameInfo {
  readonly parameters: Readonly<Record<string, unknown>>;
}

/** False: the failure is final. An error thrown here counts as false. */
export type RetryConditionFn = (task: AnyTask, taskRun: TaskRun, state: State) => boolean | PromiseLike<boolean>;

/** What the engine needs beside the object: how others take part in its state changes. */
export interface Participants {
  readonly listeners: readonly TransitionListener[];
  readonly declared: readonly DeclaredHook[];
}

/** A promise is awaited, a generator drained to a list. */
export type BodyValue<R> = Awaited<R> extends Generator<infer T> | AsyncGenerator<infer T> ? T[] : Awaited<R>;

/** How one call differs from the next. */
export interface CallOptions {
  /** Aborting it crashes the run; the caller gets the signal's reason. */
  readonly signal?: AbortSignal;
  readonly tags?: readonly string[];
}

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
