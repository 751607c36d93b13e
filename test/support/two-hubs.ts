import type { ConfigInput } from "../../src/config/config.ts";
import { loadConfig } from "../../src/config/load.ts";
import { newId } from "../../src/base/ids.ts";
import { silentLogger } from "../../src/base/logger.ts";
import type { Mover } from "../../src/engine/move-flow-run.ts";
import { declaredDeliveries } from "../../src/hooks/declared.ts";
import { type Core, type Hub, openCore } from "../../src/hub.ts";
import type { FlowRunRecord, TaskRunRecord } from "../../src/runs/flow-run.ts";
import { ManualClock } from "./manual-clock.ts";
import { openTestHub } from "./hub.ts";

/** How often a process looks whether others moved its runs, milliseconds. */
export const LOOK_MS = 250;

/** A store that two processes have open, on a clock of the test: the one that executes runs, and another one. */
export interface TwoHubs extends AsyncDisposable {
  readonly clock: ManualClock;
  readonly home: string;
  readonly owner: Hub;
  /** The other one: moves runs, and does nothing by itself. */
  readonly other: Mover;
  readonly store: Core["store"];
  /** Runs `fn` in the process that executes the runs. */
  readonly within: <T>(fn: () => T) => T;
  /** The newest flow run of this flow, as stored. */
  readonly run: (flowName: string) => Promise<FlowRunRecord>;
  /** State names of that run, oldest first. */
  readonly states: (flowName: string) => Promise<string[]>;
  /** Its task runs, oldest first. */
  readonly tasks: (flowName: string) => Promise<TaskRunRecord[]>;
  /** State names of its first task run of this task. */
  readonly taskStates: (flowName: string, taskName: string) => Promise<string[]>;
  /** Lets time pass until the owner has seen what others stored, and until it has acted on it. */
  readonly noticed: () => Promise<void>;
}

const ACTING_TURNS = 40;

/** @param clock Of the owner. @param otherClock Of the other one; default: the same. */
export async function openTwoHubs(
  flags: ConfigInput = {},
  clock = new ManualClock(),
  otherClock = clock,
): Promise<TwoHubs> {
  const random = () => 0.5;
  const test = await openTestHub(flags, { clock, random });
  const config = loadConfig({ flags: { home: test.home, keychain: "off", ...flags }, env: {} });
  const core = await openCore(config, { clock: otherClock, random });
  const { store } = core;
  const { runs } = store;
  const listeners = [declaredDeliveries({ clock: otherClock, newId, uiUrl: null, hubName: "other" })];
  const run = async (flowName: string): Promise<FlowRunRecord> => {
    await test.hub.store.runs.flush();
    const [newest] = await runs.listFlowRuns({ flowName });
    if (newest === undefined) throw new Error(`no run of ${flowName} is stored`);
    return newest;
  };
  const tasks = async (flowName: string): Promise<TaskRunRecord[]> =>
    (await runs.listTaskRuns((await run(flowName)).id)).toSorted((a, b) => a.createdMicros - b.createdMicros);
  return {
    clock,
    home: test.home,
    owner: test.hub,
    other: { runs, clock: otherClock, log: silentLogger, listeners },
    store,
    within: test.within,
    run,
    states: async (flowName) =>
      (await runs.listStates({ flowRunId: (await run(flowName)).id })).map(({ state }) => state.name),
    tasks,
    taskStates: async (flowName, taskName) => {
      const taskRun = (await tasks(flowName)).find((task) => task.taskName === taskName);
      if (taskRun === undefined) throw new Error(`${flowName} has no run of ${taskName}`);
      return (await runs.listStates({ taskRunId: taskRun.id })).map(({ state }) => state.name);
    },
    noticed: async () => {
      await clock.advance(LOOK_MS);
      await clock.settle(ACTING_TURNS);
    },
    [Symbol.asyncDispose]: async () => {
      await core[Symbol.asyncDispose]();
      await test[Symbol.asyncDispose]();
    },
  };
}

/** A body that goes on until the test lets it, or until it is told to stop. */
export interface Gate {
  readonly entered: () => boolean;
  readonly open: (value?: unknown) => void;
  readonly body: () => Promise<unknown>;
}

export function gate(): Gate {
  let entered = false;
  const { promise, resolve } = Promise.withResolvers<unknown>();
  return { entered: () => entered, open: (value) => resolve(value), body: () => ((entered = true), promise) };
}

/** What became of a promise so far; an unhandled rejection it is not. */
export function watch<T>(promise: Promise<T>) {
  const seen: { value?: T; error?: unknown; isDone: boolean } = { isDone: false };
  promise.then(
    (value) => Object.assign(seen, { value, isDone: true }),
    (error: unknown) => Object.assign(seen, { error, isDone: true }),
  );
  return seen;
}
