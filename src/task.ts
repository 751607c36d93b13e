import { callable, merged } from "./engine/callable.ts";
import type {
  AnyFlow,
  AnyFn,
  AnyTask,
  BodyValue,
  CallOptions,
  Ended,
  Participants,
  RetryConditionFn,
  RunNameInfo,
  RunOptions,
  StateHandler,
  TaskInfo,
} from "./engine/definition.ts";
import { NOBODY } from "./engine/definition.ts";
import { currentFrame } from "./engine/active-run.ts";
import type { EngineContext } from "./engine/engine-context.ts";
import type { Future } from "./engine/future.ts";
import type { FutureValue, Mappable, Mapped, MapRuns, Submit, Submittable } from "./engine/future-types.ts";
import {
  checkFn,
  checkKeys,
  checkNameMaker,
  checkRunnable,
  flag,
  optionalSeconds,
  optionalText,
  type RunnableOptions,
} from "./engine/options.ts";
import { runTask } from "./engine/run-task.ts";
import { mapRuns, submit } from "./engine/submit.ts";
import { HookLists, TASK_EVENTS } from "./hooks/attach.ts";
import { onFailureCallback } from "./hooks/callback-factory.ts";
import { FunctionList } from "./hooks/function-list.ts";
import { type HookList, hookName, type TaskHook } from "./hooks/hook.ts";
import { currentHub } from "./hub.ts";
import { policyOption } from "./results/cache-policies.ts";
import type { CacheKeyFn, CachePolicy } from "./results/options.ts";
import type { State } from "./states/state.ts";
import type { StagedHook } from "./transactions/staged-hook.ts";
import type { TransactionHook } from "./transactions/transaction.ts";

/** What runs when a task run has entered a state, or its work is committed or rolled back. */
export interface TaskHooks {
  /** Before the body of every attempt. */
  readonly onRunning?: HookList<TaskHook>;
  /** When a retry was decided. */
  readonly onRetry?: HookList<TaskHook>;
  /** When the run has completed. */
  readonly onCompletion?: HookList<TaskHook>;
  /** Once, after the last attempt. */
  readonly onFailure?: HookList<TaskHook>;
  /** When the transaction that the run's work belongs to commits. */
  readonly onCommit?: HookList<TransactionHook>;
  /** When that transaction rolls back after the run had completed. */
  readonly onRollback?: HookList<TransactionHook>;
}

/** Prefect 1's way of taking part: handlers see a state before it is stored, and may replace it. */
export interface TaskHandlers {
  readonly stateHandlers?: HookList<StateHandler<AnyTask>>;
  /** Called on every failed attempt, after all handlers. */
  readonly onFailureCallback?: ((task: AnyTask, state: State) => unknown) | null;
}

/** All options of a task. Durations are seconds. */
export interface TaskOptions extends RunnableOptions, TaskHooks, TaskHandlers {
  /** `"load-{table}"` over the parameters, or a function of them. Default: the task's name and three hex digits. */
  readonly taskRunName?: string | ((info: RunNameInfo) => string | PromiseLike<string>) | null;
  /** Asked after each failed attempt that could be retried. */
  readonly retryConditionFn?: RetryConditionFn | null;
  /** Which calls count as the same one. Default, once results are kept: same inputs, same code, same flow run. */
  readonly cachePolicy?: CachePolicy | null;
  /** Makes the key itself; goes before `cachePolicy`. */
  readonly cacheKeyFn?: CacheKeyFn | null;
  /** Seconds for which a kept result counts. Default: for ever. */
  readonly cacheExpiration?: number | null;
  /** True: runs in any case, and replaces what is kept. */
  readonly refreshCache?: boolean | null;
  /** Key under which the result is kept, e.g. `"report-{parameters.day}"`. */
  readonly resultStorageKey?: string | null;
  /** False: runs also when a run that it waits for was skipped. Default true: it is skipped too. */
  readonly skipOnUpstreamSkip?: boolean | null;
}

/** A task: call it, or `run` it with options. */
export interface Task<A extends readonly unknown[] = never[], R = unknown> extends TaskInfo {
  /** @throws what the body threw; run_timeout; what interrupted the run */
  (...args: A): Promise<R>;
  /** @throws what interrupted the run, also with `returnState` */
  run(args: A, options: RunOptions & { readonly returnState: true }): Promise<State<R>>;
  run(args: A, options?: RunOptions & { readonly returnState?: false }): Promise<R>;
  run(args: A, options?: RunOptions): Promise<R | State<R>>;
  /** Starts a run and gives its future at once. Arguments may be futures and states of other runs, or hold them. */
  readonly submit: Submit<A, R>;
  /** The same with options. */
  submitWith(options: CallOptions, ...args: Submittable<A>): Future<FutureValue<R>>;
  /**
   * Starts one run for each item of the lists among the arguments; what is no list goes to every run.
   * @throws map_without_list, map_length_mismatch
   */
  readonly map: MapRuns<A, R>;
  /** The same with options. */
  mapWith<const M extends Mappable<A>>(options: CallOptions, ...args: M): Mapped<M, R>;
  /** A copy with other options; undefined keeps, anything else replaces. Hook lists are replaced as a whole. */
  withOptions(updates: TaskOptions): Task<A, R>;
  onRunning<H extends TaskHook>(hook: H): H;
  onRetry<H extends TaskHook>(hook: H): H;
  onCompletion<H extends TaskHook>(hook: H): H;
  onFailure<H extends TaskHook>(hook: H): H;
  onCommit<H extends TransactionHook>(hook: H): H;
  onRollback<H extends TransactionHook>(hook: H): H;
  /** Adds a state handler behind the others. */
  onStateChange<H extends StateHandler<AnyTask>>(handler: H): H;
}

const OPTIONS: readonly string[] = [
  "name",
  "description",
  "version",
  "retries",
  "retryDelaySeconds",
  "retryJitterFactor",
  "retryConditionFn",
  "timeoutSeconds",
  "tags",
  "taskRunName",
  "hookTimeoutSeconds",
  "logPrints",
  "persistResult",
  "resultStorage",
  "resultSerializer",
  "cachePolicy",
  "cacheKeyFn",
  "cacheExpiration",
  "refreshCache",
  "resultStorageKey",
  "skipOnUpstreamSkip",
  "stateHandlers",
  "onFailureCallback",
  "onCommit",
  "onRollback",
  ...TASK_EVENTS,
];

/**
 * Makes a task from a function.
 *
 * @example
 * const load = task(async function load(table: string) { … });
 * await load("orders");
 *
 * @throws invalid_definition, invalid_hook
 */
export function task<A extends readonly unknown[], R>(fn: (...args: A) => R): Task<A, BodyValue<R>>;
/**
 * Makes a task from options and a function.
 *
 * @example
 * const load = task({ name: "load", retries: 2, retryDelaySeconds: 10 }, async (table: string) => { … });
 * await load("orders");
 *
 * @throws invalid_definition, invalid_hook
 */
export function task<A extends readonly unknown[], R>(
  options: TaskOptions,
  fn: (...args: A) => R,
): Task<A, BodyValue<R>>;
export function task(first: unknown, second?: unknown): unknown {
  // The overloads allow these two shapes; what a caller without types gives is refused by the checks.
  if (second === undefined && typeof first === "function") return makeTask({}, first as AnyFn);
  return makeTask(first as TaskOptions, checkFn("fn", second) as AnyFn);
}

/** The hooks and handlers of one task: as the engine takes them, as options of another task, and how to add to them. */
function takingPart(options: TaskOptions, hookTimeoutSeconds: number | null) {
  const hooks = new HookLists(TASK_EVENTS, options, hookTimeoutSeconds, () => changed());
  const handlers = new FunctionList<StateHandler>("stateHandlers", options.stateHandlers);
  const callback = failureCallback(options.onFailureCallback);
  const onCommit = new FunctionList<TransactionHook>("onCommit", options.onCommit);
  const onRollback = new FunctionList<TransactionHook>("onRollback", options.onRollback);
  const participate = (): Participants => ({
    ...NOBODY,
    ...hooks.participants,
    handlers: [...handlers.items, ...callback],
    commitHooks: onCommit.items.map(asStagedHook),
    rollbackHooks: onRollback.items.map(asStagedHook),
  });
  let participants = participate();
  const changed = (): void => {
    participants = participate();
  };
  const registrar =
    <F extends object>(list: FunctionList<F>) =>
    <G extends F>(fn: G): G => {
      list.add(fn);
      changed();
      return fn;
    };
  return {
    participants: () => participants,
    asOptions: () => ({
      ...hooks.asOptions(),
      stateHandlers: handlers.items,
      onCommit: onCommit.items,
      onRollback: onRollback.items,
    }),
    registrars: {
      ...hooks.registrars(),
      onStateChange: registrar(handlers),
      onCommit: registrar(onCommit),
      onRollback: registrar(onRollback),
    },
  };
}

function makeTask(given: TaskOptions, fn: AnyFn): Task {
  checkKeys(given, OPTIONS, "task");
  const options = { ...given };
  const info = checkRunnable(options, fn.name, "task");
  const taking = takingPart(options, info.hookTimeoutSeconds);
  const start = async (args: readonly unknown[], call: CallOptions): Promise<Ended> => {
    // A call inside a run belongs to the hub of that run.
    const engine = currentFrame()?.run.engine ?? (await currentHub()).engine;
    return runTask({ engine, task: self, participants: taking.participants(), args, options: call });
  };
  const open = async (): Promise<EngineContext> => (await currentHub()).engine;
  const submitOne = (args: readonly unknown[], call: CallOptions, sources?: readonly unknown[]): Future =>
    submit({
      kind: "task",
      name: info.name,
      open,
      start: ({ engine, id, onRecord }) =>
        runTask({
          engine,
          task: self,
          participants: taking.participants(),
          args,
          options: call,
          id,
          onRecord,
          isSubmitted: true,
          ...(sources === undefined ? {} : { sources }),
        }),
    });
  const mapAll = (args: readonly unknown[], call: CallOptions) =>
    mapRuns(args, {
      skips: properties.skipOnUpstreamSkip,
      one: (each, sources) => submitOne(each, call, sources),
    });
  const properties = {
    ...info,
    fn,
    taskRunName: checkNameMaker("taskRunName", options.taskRunName),
    retryConditionFn: options.retryConditionFn == null ? null : checkFn("retryConditionFn", options.retryConditionFn),
    ...resultOptions(options),
    skipOnUpstreamSkip: flag("skipOnUpstreamSkip", options.skipOnUpstreamSkip) ?? true,
    run: async (args: readonly unknown[] = [], { returnState = false, ...call }: RunOptions = {}) => {
      const ended = await start(args, call);
      return returnState ? ended.state : valueOf(ended);
    },
    submit: (...args: readonly unknown[]) => submitOne(args, NO_OPTIONS),
    submitWith: (call: CallOptions, ...args: readonly unknown[]) => submitOne(args, call),
    map: (...args: readonly unknown[]) => mapAll(args, NO_OPTIONS),
    mapWith: (call: CallOptions, ...args: readonly unknown[]) => mapAll(args, call),
    withOptions: (updates: TaskOptions) =>
      makeTask(merged({ ...options, tags: info.tags, ...taking.asOptions() }, updates), fn),
    ...taking.registrars,
  };
  const call = async (...args: readonly unknown[]): Promise<unknown> => valueOf(await start(args, NO_OPTIONS));
  // What the call takes and gives is what `fn` does; the overloads of `task` say so, the code need not know.
  const self = callable(call, properties, `<Task: ${info.name}>`) as unknown as Task;
  return self;
}

const NO_OPTIONS: CallOptions = {};

/** As a handler; it is only called with a task, which is what the option's type promises. */
const failureCallback = (given: TaskOptions["onFailureCallback"]): readonly StateHandler[] =>
  given == null ? [] : [onFailureCallback(given as (object: AnyFlow | AnyTask, state: State) => unknown)];

const asStagedHook = (fn: TransactionHook): StagedHook => ({ name: hookName(fn), log: true, call: fn });

const resultOptions = (options: TaskOptions) => ({
  cachePolicy: policyOption(options.cachePolicy),
  cacheKeyFn: options.cacheKeyFn == null ? null : checkFn("cacheKeyFn", options.cacheKeyFn),
  cacheExpiration: optionalSeconds("cacheExpiration", options.cacheExpiration),
  refreshCache: flag("refreshCache", options.refreshCache),
  resultStorageKey: optionalText("resultStorageKey", options.resultStorageKey),
});

/** A body's value as it is: also a state that it returned, whatever that state says. */
function valueOf({ returned, thrown, state }: Ended): unknown {
  if (thrown !== null) throw thrown.error;
  return returned === null ? state.result() : returned.value;
}
