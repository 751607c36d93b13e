import { type Hub, type HubPorts, withHub } from "../../src/hub.ts";
import type { ConfigInput } from "../../src/config/config.ts";
import type { TaskRunRecord } from "../../src/runs/flow-run.ts";
import { keepingLogger, type Line } from "./results.ts";
import { openRuns } from "./runs.ts";

/** A hub with the real engine and store, whose log can be read. */
export interface Wired extends AsyncDisposable {
  readonly hub: Hub;
  readonly home: string;
  readonly lines: Line[];
  readonly within: <T>(fn: () => T) => T;
  /** State names of the newest run of a task, oldest first. */
  history(flowName: string, taskName: string): Promise<string[]>;
  /** Runs of the tasks of the newest run of a flow. */
  taskRuns(flowName: string): Promise<TaskRunRecord[]>;
  messages(level: Line["level"]): string[];
}

export async function openWired(flags: ConfigInput = {}, ports: HubPorts = {}): Promise<Wired> {
  const test = await openRuns(flags, ports);
  const { log, lines } = keepingLogger();
  const results = { ...test.hub.results, log };
  const hub: Hub = { ...test.hub, log, results, engine: { ...test.hub.engine, log, results } };
  const taskRuns = (flowName: string): Promise<TaskRunRecord[]> => test.stored.taskRuns(flowName);
  return {
    hub,
    home: test.home,
    lines,
    within: (fn) => withHub(hub, fn),
    taskRuns,
    history: async (flowName, taskName) => {
      const run = (await taskRuns(flowName)).findLast((one) => one.taskName === taskName);
      if (run === undefined) throw new Error(`${flowName} has no run of ${taskName}`);
      return (await hub.runs.listStates({ taskRunId: run.id })).map(({ state }) => state.name);
    },
    messages: (level) => lines.filter((line) => line.level === level).map(({ message }) => message),
    [Symbol.asyncDispose]: () => test[Symbol.asyncDispose](),
  };
}
