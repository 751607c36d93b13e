import { callable, merged } from "./engine/callable.ts";
import type {
  AnyFn,
  BodyValue,
  CallOptions,
  Ended,
  RetryConditionFn,
  RunNameInfo,
  RunOptions,
  TaskInfo,
} from "./engine/definition.ts";
import { currentFrame } from "./engine/active-run.ts";
import { checkFn, checkKeys, checkNameMaker, checkRunnable, type RunnableOptions } from "./engine/options.ts";
import { runTask } from "./engine/run-task.ts";
import { HookLists, TASK_EVENTS } from "./hooks/attach.ts";
import type { HookList, TaskHook } from "./hooks/hook.ts";
import { currentHub } from "./hub.ts";
import type { State } from "./states/state.ts";

export interface TaskHooks {
  /** Before the body of every attempt. */
  readonly onRunning?: HookList<TaskHook>;
  /** When a retry was decided. */
  readonly onRetry?: HookList<TaskHook>;
  /** When the run has completed. */
  readonly onCompletion?: HookList<TaskHook>;
  /** Once, after the last attempt. */
  readonly onFailure?: HookList<TaskHook>;
}

export interface TaskOptions extends RunnableOptions, TaskHooks {
  /** `"load-{table}"` over the parameters, or a function of them. Default: the task's name and three hex digits. */
  readonly taskRunName?: string | ((info: RunNameInfo) => string | PromiseLike<string>) | null;
  /** Asked after each failed attempt that could be retried. */
  readonly retryConditionFn?: RetryConditionFn | null;
}

/** A task: call it, or `run` it with options. */
export interface Task<A extends readonly unknown[] = never[], R = unknown> extends TaskInfo {
  /** @throws what the body threw; run_timeout; what interrupted the run */
  (...args: A): Promise<R>;
  /** @throws what interrupted the run, also with `returnState` */
  run(args: A, options: RunOptions & { readonly returnState: true }): Promise<State<R>>;
  run(args: A, options?: RunOptions & { readonly returnState?: false }): Promise<R>;
  run(args: A, options?: RunOptions): Promise<R | State<R>>;
  /** A copy with other options; undefined keeps, anything else replaces. Hook lists are replaced as a whole. */
  withOptions(updates: TaskOptions): Task<A, R>;
  onRunning<H extends TaskHook>(hook: H): H;
  onRetry<H extends TaskHook>(hook: H): H;
  onCompletion<H extends TaskHook>(hook: H): H;
  onFailure<H extends TaskHook>(hook: H): H;
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

function makeTask(given: TaskOptions, fn: AnyFn): Task {
  checkKeys(given, OPTIONS, "task");
  const options = { ...given };
  const info = checkRunnable(options, fn.name);
  const hooks = new HookLists(TASK_EVENTS, options, info.hookTimeoutSeconds);
  const start = async (args: readonly unknown[], call: CallOptions): Promise<Ended> => {
    // A call inside a run belongs to the hub of that run.
    const engine = currentFrame()?.run.engine ?? (await currentHub()).engine;
    return runTask({ engine, task: self, participants: hooks.participants, args, options: call });
  };
  const properties = {
    ...info,
    fn,
    taskRunName: checkNameMaker("taskRunName", options.taskRunName),
    retryConditionFn: options.retryConditionFn == null ? null : checkFn("retryConditionFn", options.retryConditionFn),
    run: async (args: readonly unknown[] = [], { returnState = false, ...call }: RunOptions = {}) => {
      const ended = await start(args, call);
      return returnState ? ended.state : valueOf(ended);
    },
    withOptions: (updates: TaskOptions) =>
      makeTask(merged({ ...options, tags: info.tags, ...hooks.asOptions() }, updates), fn),
    ...hooks.registrars(),
  };
  const call = async (...args: readonly unknown[]): Promise<unknown> => valueOf(await start(args, NO_OPTIONS));
  // What the call takes and gives is what `fn` does; the overloads of `task` say so, the code need not know.
  const self = callable(call, properties, `<Task: ${info.name}>`) as unknown as Task;
  return self;
}

const NO_OPTIONS: CallOptions = {};

/** A body's value as it is: also a state that it returned, whatever that state says. */
function valueOf({ returned, thrown, state }: Ended): unknown {
  if (thrown !== null) throw thrown.error;
  return returned === null ? state.result() : returned.value;
}
