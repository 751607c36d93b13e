import type { AnyFlow, AnyTask } from "../engine/definition.ts";
import type { FlowRun, TaskRun } from "../runs/run-view.ts";
import type { State } from "../states/state.ts";
import type { NotifyHook } from "./notify.ts";

/**
 * Runs after a flow run has entered a state, inside the run's context. It may be async. What it returns is ignored, and
 * what it throws is recorded and changes nothing.
 */
export type FlowStateHook = (flow: AnyFlow, flowRun: FlowRun, state: State) => unknown;

/** The same for a task run. */
export type TaskStateHook = (task: AnyTask, taskRun: TaskRun, state: State) => unknown;

/** Code, or data that is delivered however the run ends. */
export type FlowHook = FlowStateHook | NotifyHook;
/** The same for tasks. */
export type TaskHook = TaskStateHook | NotifyHook;

/** A function hook of either kind, as it is called. */
export type HookFn = (object: AnyFlow | AnyTask, run: FlowRun | TaskRun, state: State) => unknown;

const NAME = Symbol("bellhop.hookName");

/** Gives a hook made from another one the other one's name. */
export const nameHook = <F extends object>(hook: F, name: string): F =>
  Object.defineProperty(hook, NAME, { value: name });

/** How records and logs name a hook. */
export function hookName(hook: object): string {
  if (NAME in hook && typeof hook[NAME] === "string") return hook[NAME];
  const name = typeof hook === "function" ? hook.name.replace(/^(bound )+/, "") : "";
  return name === "" ? "<anonymous>" : name;
}

/** Hooks in order. A list or a set and no mere iterable, so that an error of types points at the hook that is wrong. */
export type HookList<H> = readonly H[] | ReadonlySet<H>;
