import type { z } from "zod";
import { currentFrame } from "./engine/active-run.ts";
import { callable, merged } from "./engine/callable.ts";
import type {
  AnyFlow,
  AnyFn,
  AnyTask,
  BodyValue,
  CallOptions,
  Ended,
  FlowInfo,
  FlowRetryConditionFn,
  Participants,
  RunOptions,
  StateHandler,
  TerminalStateHandler,
} from "./engine/definition.ts";
import {
  checkFn,
  checkKeys,
  checkNameMaker,
  checkRunnable,
  optionalCount,
  type RunnableOptions,
} from "./engine/options.ts";
import type { EngineContext } from "./engine/engine-context.ts";
import type { Future } from "./engine/future.ts";
import type { FutureValue, Submit, Submittable } from "./engine/future-types.ts";
import { runFlow } from "./engine/run-flow.ts";
import { submit } from "./engine/submit.ts";
import { onFailureCallback } from "./hooks/callback-factory.ts";
import { FunctionList } from "./hooks/function-list.ts";
import { FLOW_EVENTS, HookLists } from "./hooks/attach.ts";
import type { FlowHook, HookList } from "./hooks/hook.ts";
import { currentHub } from "./hub.ts";
import { CodedTypeError } from "./states/coded-type-error.ts";
import type { State } from "./states/state.ts";

/** What runs when a flow run has entered a state. */
export interface FlowHooks {
  /** Before the body of every attempt. */
  readonly onRunning?: HookList<FlowHook>;
  /** When a retry was decided. */
  readonly onRetry?: HookList<FlowHook>;
  /** When the run has completed. */
  readonly onCompletion?: HookList<FlowHook>;
  /** Once, after the last attempt. */
  readonly onFailure?: HookList<FlowHook>;
  /** When somebody asked for the run to be cancelled and it is being cleaned up. */
  readonly onCancellation?: HookList<FlowHook>;
  /** When the process or its surroundings ended the run. */
  readonly onCrashed?: HookList<FlowHook>;
}

/** Prefect 1's way of taking part: handlers see a state before it is stored, and may replace it. */
export interface FlowHandlers {
  readonly stateHandlers?: HookList<StateHandler<AnyFlow>>;
  /** For every task run in the flow, after the task's own handlers. */
  readonly taskStateHandlers?: HookList<StateHandler<AnyTask>>;
  /** Called on every failed attempt, after all handlers. */
  readonly onFailureCallback?: ((flow: AnyFlow, state: State) => unknown) | null;
  /** May replace the final state. */
  readonly terminalStateHandler?: TerminalStateHandler | null;
}

/** All options of a flow. Durations are seconds. */
export interface FlowOptions<S extends z.ZodType | undefined = z.ZodType | undefined>
  extends RunnableOptions, FlowHooks, FlowHandlers {
  /** The one object that the body takes; arguments are checked, and defaults filled in, before it runs. */
  readonly parameters?: S;
  /** `"hi-{foo}"` over the parameters, or a function that may read `runtime.flowRun`. Default: two words. */
  readonly flowRunName?: string | (() => string | PromiseLike<string>) | null;
  /** Asked after each failed attempt that could be retried. */
  readonly retryConditionFn?: FlowRetryConditionFn | null;
  /** Task runs that `submit` and `map` run at the same time. Default: all of them. */
  readonly maxConcurrentTasks?: number | null;
}

/** What a call of the flow gives: of a state that the body made itself, the data in it. */
export type FlowValue<R> = BodyValue<R> extends infer V ? (V extends State<infer T> ? T | State<T> : V) : never;

/** A flow: call it, or `run` it with options. */
export interface Flow<A extends readonly unknown[] = never[], R = unknown> extends FlowInfo {
  /** @throws what the body threw; run_timeout, invalid_parameters, failed_run; what interrupted the run */
  (...args: A): Promise<R>;
  /** @throws what interrupted the run, also with `returnState` */
  run(args: A, options: RunOptions & { readonly returnState: true }): Promise<State<R>>;
  run(args: A, options?: RunOptions & { readonly returnState?: false }): Promise<R>;
  run(args: A, options?: RunOptions): Promise<R | State<R>>;
  /** Starts a run and gives its future at once. Arguments may be futures and states of other runs, or hold them. */
  readonly submit: Submit<A, R>;
  /** The same with options. */
  submitWith(options: CallOptions, ...args: Submittable<A>): Future<FutureValue<R>>;
  /** A copy with other options; undefined keeps, anything else replaces. Hook lists are replaced as a whole. */
  withOptions(updates: FlowOptions): Flow<A, R>;
  onRunning<H extends FlowHook>(hook: H): H;
  onRetry<H extends FlowHook>(hook: H): H;
  onCompletion<H extends FlowHook>(hook: H): H;
  onFailure<H extends FlowHook>(hook: H): H;
  onCancellation<H extends FlowHook>(hook: H): H;
  onCrashed<H extends FlowHook>(hook: H): H;
  /** Adds a state handler behind the others. */
  onStateChange<H extends StateHandler<AnyFlow>>(handler: H): H;
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
  "parameters",
  "flowRunName",
  "hookTimeoutSeconds",
  "logPrints",
  "persistResult",
  "resultStorage",
  "resultSerializer",
  "maxConcurrentTasks",
  "stateHandlers",
  "taskStateHandlers",
  "onFailureCallback",
  "terminalStateHandler",
  ...FLOW_EVENTS,
];

/**
 * Makes a flow from a function.
 *
 * @example
 * const nightly = flow(async function nightly() { … });
 * nightly.onFailure(notify("slack-webhook/ops"));
 * await nightly();
 *
 * @throws invalid_definition, invalid_hook
 */
export function flow<A extends readonly unknown[], R>(fn: (...args: A) => R): Flow<A, FlowValue<R>>;
/**
 * Makes a flow from options and a function that takes one object, which `parameters` checks and completes.
 *
 * @example
 * const etl = flow({ parameters: z.object({ day: z.string() }), onFailure: [notify("slack-webhook/ops")] }, async ({ day }) => { … });
 * await etl({ day: "2026-03-02" });
 *
 * @throws invalid_definition, invalid_hook
 */
export function flow<S extends z.ZodType, R>(
  options: FlowOptions<S> & { readonly parameters: S },
  fn: (parameters: z.output<S>) => R,
): Flow<[parameters: z.input<S>], FlowValue<R>>;
/**
 * Makes a flow from options and a function.
 *
 * @example
 * const nightly = flow({ name: "nightly", retries: 1, onFailure: [notify("slack-webhook/ops")] }, async () => { … });
 * await nightly();
 *
 * @throws invalid_definition, invalid_hook
 */
export function flow<A extends readonly unknown[], R>(
  options: FlowOptions<undefined>,
  fn: (...args: A) => R,
): Flow<A, FlowValue<R>>;
export function flow(first: unknown, second?: unknown): unknown {
  // The overloads allow these two shapes; what a caller without types gives is refused by the checks.
  if (second === undefined && typeof first === "function") return makeFlow({}, first as AnyFn);
  return makeFlow(first as FlowOptions, checkFn("fn", second) as AnyFn);
}

function makeFlow(given: FlowOptions, fn: AnyFn): Flow {
  checkKeys(given, OPTIONS, "flow");
  const options = { ...given };
  const info = checkRunnable(options, fn.name, "flow");
  const hooks = new HookLists(FLOW_EVENTS, options, info.hookTimeoutSeconds, () => changed());
  const handlers = new FunctionList<StateHandler>("stateHandlers", options.stateHandlers);
  const taskHandlers = new FunctionList<StateHandler>("taskStateHandlers", options.taskStateHandlers);
  const callback = failureCallback(options.onFailureCallback);
  const terminal =
    options.terminalStateHandler == null ? null : checkFn("terminalStateHandler", options.terminalStateHandler);
  const participate = (): Participants => ({
    ...hooks.participants,
    handlers: [...handlers.items, ...callback],
    taskHandlers: taskHandlers.items,
    terminal,
    commitHooks: [],
    rollbackHooks: [],
  });
  let participants = participate();
  const changed = (): void => {
    participants = participate();
  };
  const start = async (args: readonly unknown[], call: CallOptions): Promise<Ended> => {
    // A call inside a run belongs to the hub of that run.
    const engine = currentFrame()?.run.engine ?? (await currentHub()).engine;
    return runFlow({ engine, flow: self, participants, args, options: call });
  };
  const open = async (): Promise<EngineContext> => (await currentHub()).engine;
  const submitOne = (args: readonly unknown[], call: CallOptions): Future =>
    submit({
      kind: "flow",
      name: info.name,
      open,
      start: ({ engine, id, onRecord }) =>
        runFlow({ engine, flow: self, participants, args, options: call, id, onRecord }),
    });
  const properties = {
    ...info,
    fn,
    parameters: checkSchema(options.parameters),
    flowRunName: checkNameMaker("flowRunName", options.flowRunName),
    retryConditionFn: options.retryConditionFn == null ? null : checkFn("retryConditionFn", options.retryConditionFn),
    maxConcurrentTasks: optionalCount("maxConcurrentTasks", options.maxConcurrentTasks),
    run: async (args: readonly unknown[] = [], { returnState = false, ...call }: RunOptions = {}) => {
      const ended = await start(args, call);
      return returnState ? ended.state : valueOf(ended);
    },
    submit: (...args: readonly unknown[]) => submitOne(args, NO_OPTIONS),
    submitWith: (call: CallOptions, ...args: readonly unknown[]) => submitOne(args, call),
    withOptions: (updates: FlowOptions) =>
      makeFlow(
        merged({ ...options, tags: info.tags, ...hooks.asOptions(), stateHandlers: handlers.items }, updates),
        fn,
      ),
    ...hooks.registrars(),
    onStateChange: <H extends StateHandler>(handler: H): H => {
      handlers.add(handler);
      changed();
      return handler;
    },
  };
  const call = async (...args: readonly unknown[]): Promise<unknown> => valueOf(await start(args, NO_OPTIONS));
  // What the call takes and gives is what `fn` does; the overloads of `flow` say so, the code need not know.
  const self = callable(call, properties, `<Flow: name=${info.name}>`) as unknown as Flow;
  return self;
}

const NO_OPTIONS: CallOptions = {};

/** As a handler; it is only called with a flow, which is what the option's type promises. */
const failureCallback = (given: FlowOptions["onFailureCallback"]): readonly StateHandler[] =>
  given == null ? [] : [onFailureCallback(given as (object: AnyFlow | AnyTask, state: State) => unknown)];

/** What was thrown is thrown again; otherwise the final state decides, also when the body returned it. */
function valueOf({ thrown, state }: Ended): Promise<unknown> {
  if (thrown !== null) throw thrown.error;
  return state.result();
}

function checkSchema(schema: z.ZodType | undefined): z.ZodType | null {
  if (schema == null) return null;
  if (typeof schema === "object" && "safeParseAsync" in schema) return schema;
  throw new CodedTypeError("invalid_definition", { option: "parameters", problem: "it must be a zod schema" });
}
