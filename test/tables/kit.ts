// What the tests of the tables have in common: flows and tasks as a user writes them, on a real store.
import type { ConfigInput } from "../../src/config/config.ts";
import { type FlowHooks, runtime, type State, type TaskHooks, withHub } from "../../src/index.ts";
import { memoryLog, seededRandom } from "../delivery/rig.ts";
import { ManualClock } from "../support/manual-clock.ts";
import { openRuns } from "../support/runs.ts";

/** Turns of the event loop in which whatever needs no time to pass is done. */
const TURNS = 40;

export type Tables = Awaited<ReturnType<typeof openTables>>;

/** A hub whose time a test moves, whose random numbers are the same in every run, and whose log can be read. */
export async function openTables(flags: ConfigInput = {}) {
  const clock = new ManualClock();
  const test = await openRuns(flags, { clock, random: seededRandom() });
  const log = memoryLog();
  const hub = { ...test.hub, log, engine: { ...test.hub.engine, log } };
  const { runs } = hub.engine;
  /** Moves time from timer to timer until the promise has settled. */
  const finish = async <T>(promise: Promise<T>): Promise<PromiseSettledResult<T>> => {
    let result: PromiseSettledResult<T> | undefined;
    void Promise.allSettled([promise]).then(([settled]) => (result = settled));
    for (;;) {
      await clock.settle(TURNS);
      if (result !== undefined) return result;
      await clock.advance(clock.nextDueMs ?? 0);
    }
  };
  return {
    ...test,
    clock,
    log,
    runs,
    within: <T>(fn: () => T): T => withHub(hub, fn),
    finish,
    // What is being sent is given a while, which has to pass.
    [Symbol.asyncDispose]: async () => void (await finish(Promise.resolve(test[Symbol.asyncDispose]()))),
    /** State names of the only run of each task with this name in the newest run of the flow. */
    statesOfTask: async (flowName: string, taskName: string): Promise<string[][]> => {
      const all = (await test.stored.taskRuns(flowName)).filter((run) => run.taskName === taskName);
      const states = await Promise.all(all.map(({ id }) => runs.listStates({ taskRunId: id })));
      return states.map((each) => each.map(({ state }) => state.name));
    },
    /** Runs of the flow, the oldest first. */
    runsOf: async (flowName: string) =>
      (await runs.listFlowRuns({ flowName })).toSorted((a, b) => a.createdMicros - b.createdMicros),
  };
}

const NOTE =
  (calls: string[], event: string) =>
  (_object: unknown, _run: unknown, state: State): void =>
    void calls.push(`${event}:${state.name}`);

/** Hooks on every event of a flow, which write down the event and the state. */
export const flowHooks = (calls: string[]): Required<FlowHooks> => ({
  onRunning: [NOTE(calls, "onRunning")],
  onRetry: [NOTE(calls, "onRetry")],
  onCompletion: [NOTE(calls, "onCompletion")],
  onFailure: [NOTE(calls, "onFailure")],
  onCancellation: [NOTE(calls, "onCancellation")],
  onCrashed: [NOTE(calls, "onCrashed")],
});

/** The same for a task, with those of its transaction. */
export const taskHooks = (calls: string[]): Required<TaskHooks> => ({
  onRunning: [NOTE(calls, "onRunning")],
  onRetry: [NOTE(calls, "onRetry")],
  onCompletion: [NOTE(calls, "onCompletion")],
  onFailure: [NOTE(calls, "onFailure")],
  onCommit: [() => void calls.push("onCommit")],
  onRollback: [() => void calls.push("onRollback")],
});

/** Words as a list. */
export const names = (text: string): string[] => text.split(" ");

export const boom = (): never => {
  throw new Error("oops!");
};

/** Gives options to code as a caller without types would. */
export const untyped = (options: object): never => options as never;

/** A body that waits until the test lets it go on. */
export function gate(): {
  readonly entered: () => boolean;
  readonly open: () => void;
  readonly body: () => Promise<void>;
} {
  const { promise, resolve } = Promise.withResolvers<void>();
  let entered = false;
  return { entered: () => entered, open: resolve, body: () => ((entered = true), promise) };
}

/** Id of the flow run around the caller. */
export const ownId = (): string => runtime.flowRun.id ?? "";
