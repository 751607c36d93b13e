import { flow } from "../../src/flow.ts";
import { task } from "../../src/task.ts";

/** As many hooks as the figures are measured with. */
export const HOOK_COUNTS = [0, 1, 5] as const;
export type HookCount = (typeof HOOK_COUNTS)[number];

const nothing = (): void => undefined;

const noop = (hooks: number) =>
  task({ name: "noop", onCompletion: Array.from({ length: hooks }, () => nothing) }, nothing);

const tasks = { 0: noop(0), 1: noop(1), 5: noop(5) } as const;

/** Runs the task that does nothing so many times, one after the other, in one flow run. */
export const taskRuns = flow({ name: "task-runs" }, async (count: number, hooks: HookCount) => {
  const run = tasks[hooks];
  for (let index = 0; index < count; index += 1) await run();
});

export const emptyFlow = flow({ name: "empty" }, nothing);
