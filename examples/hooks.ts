// Function hooks: code of yours that runs when a run enters a state. They run in this process, after the state is
// stored; what must arrive however the process ends is declared with notify() instead.
//
//   npx node -C bellhop-source examples/hooks.ts
import { bindHook, flow, runtime, task } from "bellhop";
import type { FlowStateHook, TaskStateHook } from "bellhop";

const log: FlowStateHook = (_flow, flowRun, state) => {
  console.log(`flow run ${flowRun.name}: ${state.name}`);
};

const logTask: TaskStateHook = (_task, taskRun, state) => {
  console.log(`  task run ${taskRun.name}: ${state.name}`);
};

// Extra arguments for a hook.
const escalate = (
  _task: unknown,
  taskRun: { readonly name: string },
  _state: unknown,
  extra: { readonly team: string },
): void => {
  console.log(`  ${extra.team} should look at ${taskRun.name}`);
};

let attempts = 0;
const flaky = task(
  {
    name: "flaky",
    retries: 2,
    retryDelaySeconds: 0.2,
    onRunning: [logTask],
    onRetry: [logTask],
    onCompletion: [logTask],
    onFailure: [logTask, bindHook(escalate, { team: "data" })],
  },
  async () => {
    attempts += 1;
    if (attempts < 3) throw new Error(`attempt ${attempts} failed`);
    return attempts;
  },
);

const hooked = flow({ name: "hooked", onRunning: [log] }, async () => {
  const result = await flaky();
  console.log(`  inside ${runtime.flowRun.name}: needed ${result} attempts`);
});

// The same, attached afterwards.
hooked.onCompletion(log);
hooked.onFailure(log);

await hooked();
