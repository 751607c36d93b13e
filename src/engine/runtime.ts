import { readRuntimeEnv } from "../config/runtime-env.ts";
import { systemClock } from "../base/clock.ts";
import { microsToDate } from "../base/instant.ts";
import type { FlowRunRecord, TaskRunRecord } from "../runs/flow-run.ts";
import { CodedTypeError } from "../states/coded-type-error.ts";
import { type ActiveRun, currentFrame } from "./active-run.ts";

/** What code may ask about the flow run around it. Outside of one: null, an empty list or object, 0, now. */
export interface FlowRunRuntime {
  readonly id: string | null;
  readonly name: string | null;
  readonly flowName: string | null;
  readonly flowVersion: string | null;
  readonly tags: string[];
  /** As the body gets them, not as stored. */
  readonly parameters: Readonly<Record<string, unknown>>;
  /** When the run was expected to start. */
  readonly scheduledStartTime: Date;
  /** Attempts begun, this one included. */
  readonly runCount: number;
  /** The flow run that started this one. */
  readonly parentFlowRunId: string | null;
  /** The outermost flow run; a root is its own. */
  readonly rootFlowRunId: string | null;
  readonly apiUrl: string | null;
  readonly uiUrl: string | null;
}

/** The same about the task run around the code; empty in a flow's own body. */
export interface TaskRunRuntime {
  readonly id: string | null;
  readonly name: string | null;
  readonly taskName: string | null;
  readonly tags: string[];
  readonly parameters: Readonly<Record<string, unknown>>;
  readonly runCount: number;
  readonly apiUrl: string | null;
  readonly uiUrl: string | null;
}

type Getters<T> = { readonly [K in keyof T]: () => T[K] };

const currentRun = (): ActiveRun | null => currentFrame()?.run ?? null;
const currentFlow = (): ActiveRun | null => currentRun()?.flow ?? null;
const currentTask = (): ActiveRun | null => {
  const run = currentRun();
  return run?.subject.kind === "task" ? run : null;
};

const flowRecord = (): FlowRunRecord | null => {
  const subject = currentFlow()?.subject;
  return subject?.kind === "flow" ? subject.record : null;
};
const taskRecord = (): TaskRunRecord | null => {
  const subject = currentTask()?.subject;
  return subject?.kind === "task" ? subject.record : null;
};

function rootOf(flow: ActiveRun | null): ActiveRun | null {
  let root = flow;
  for (let outer = root?.caller?.run.flow ?? null; outer !== null; outer = outer.caller?.run.flow ?? null) root = outer;
  return root;
}

const link = (base: string | null | undefined, kind: "flow" | "task", id: string | undefined): string | null =>
  base == null || id === undefined ? null : `${base}/${kind}-runs/${kind}-run/${id}`;

const startOf = (record: FlowRunRecord | null): Date =>
  microsToDate(record?.expectedStartMicros ?? currentRun()?.engine.clock.nowMicros() ?? systemClock.nowMicros());

const FLOW_RUN: Getters<FlowRunRuntime> = {
  id: () => flowRecord()?.id ?? readRuntimeEnv("BELLHOP__FLOW_RUN_ID") ?? null,
  name: () => flowRecord()?.name ?? null,
  flowName: () => flowRecord()?.flowName ?? null,
  flowVersion: () => flowRecord()?.flowVersion ?? null,
  tags: () => [...(flowRecord()?.tags ?? [])],
  parameters: () => currentFlow()?.parameters ?? {},
  scheduledStartTime: () => startOf(flowRecord()),
  runCount: () => flowRecord()?.runCount ?? 0,
  parentFlowRunId: () => flowRecord()?.parentFlowRunId ?? null,
  rootFlowRunId: () => rootOf(currentFlow())?.record.id ?? null,
  apiUrl: () => link(currentFlow()?.engine.apiUrl, "flow", flowRecord()?.id),
  uiUrl: () => link(currentFlow()?.engine.uiUrl, "flow", flowRecord()?.id),
};

const TASK_RUN: Getters<TaskRunRuntime> = {
  id: () => taskRecord()?.id ?? null,
  name: () => taskRecord()?.name ?? null,
  taskName: () => taskRecord()?.taskName ?? null,
  tags: () => [...(taskRecord()?.tags ?? [])],
  parameters: () => currentTask()?.parameters ?? {},
  runCount: () => taskRecord()?.runCount ?? 0,
  apiUrl: () => link(currentTask()?.engine.apiUrl, "task", taskRecord()?.id),
  uiUrl: () => link(currentTask()?.engine.uiUrl, "task", taskRecord()?.id),
};

/**
 * Facts about the run around the code that asks, in bodies and hooks alike.
 * For tests, `BELLHOP__RUNTIME__FLOW_RUN__<NAME>` and `BELLHOP__RUNTIME__TASK_RUN__<NAME>` override a value.
 *
 * @example
 * runtime.flowRun.name; // "brisk-otter"
 *
 * @throws invalid_definition for an unknown attribute, or an override of a list or object
 */
export const runtime: { readonly flowRun: FlowRunRuntime; readonly taskRun: TaskRunRuntime } = Object.freeze({
  flowRun: attributes<FlowRunRuntime>("FLOW_RUN", FLOW_RUN),
  taskRun: attributes<TaskRunRuntime>("TASK_RUN", TASK_RUN),
});

const upperSnake = (name: string): string => name.replace(/[A-Z]/g, (letter) => `_${letter}`).toUpperCase();

function attributes<T extends object>(prefix: string, getters: Getters<T>): T {
  const lookUp = getters as Readonly<Record<string, () => unknown>>; // the proxy is asked for any text
  const handler: ProxyHandler<object> = {
    get: (_, key) => {
      // Symbols, and what promises, JSON and inspection look for, are no attributes.
      if (typeof key === "symbol" || key === "then" || key === "toJSON" || key === "constructor") return undefined;
      const getter = Object.hasOwn(lookUp, key) ? lookUp[key] : undefined;
      const override = readRuntimeEnv(`BELLHOP__RUNTIME__${prefix}__${upperSnake(key)}`);
      if (override !== undefined) return cast(key, override, getter?.());
      if (getter === undefined)
        throw new CodedTypeError("invalid_definition", {
          option: `runtime.${key}`,
          problem: "there is no such attribute",
        });
      return getter();
    },
    has: (_, key) => typeof key === "string" && Object.hasOwn(lookUp, key),
    ownKeys: () => Object.keys(lookUp),
    getOwnPropertyDescriptor: (_, key) =>
      typeof key === "string" && Object.hasOwn(lookUp, key)
        ? { configurable: true, enumerable: true, value: lookUp[key]?.() }
        : undefined,
  };
  // The proxy answers for exactly the attributes of T.
  return new Proxy({}, handler) as T;
}

/** An override is text; it becomes what the real value is. */
function cast(key: string, text: string, real: unknown): unknown {
  if (typeof real === "number") return Number(text);
  if (typeof real === "boolean") return text === "true" || text === "1";
  if (real instanceof Date) return new Date(text);
  if (typeof real === "object" && real !== null) {
    throw new CodedTypeError("invalid_definition", {
      option: `runtime.${key}`,
      problem: "a list or object cannot be overridden",
    });
  }
  return text;
}
