// Run by traps.process.test.ts: `node traps-program.ts <mode>`. Says what its hooks are called with, and "ready" when it
// is to be ended from outside.
import { Inbox } from "../../blocks/inbox.ts";
import { flow, type FlowStateHook, notify, SystemExit, task } from "../../src/index.ts";

const [, , mode = ""] = process.argv;
const say = (line: string): void => void process.stdout.write(`${line}\n`);

const told: FlowStateHook = ({ name }, _run, state) => say(`${name} ${state.name}`);
const hooks = {
  onCompletion: [told],
  onFailure: [told],
  onCancellation: [told],
  onCrashed: [told, notify("inbox/ops")],
};

/** Pending, with something that keeps the process alive. */
function forever(): Promise<never> {
  setInterval(() => undefined, 60_000);
  say("ready");
  return new Promise(() => undefined);
}

/** A task in a flow in a flow; each of the flows has every hook. */
function nested(body: () => unknown): Promise<unknown> {
  const work = task({ name: "work", onFailure: [() => say("work failed")], onRunning: [() => say("work runs")] }, body);
  const inner = flow({ name: "inner", ...hooks }, () => work());
  return flow({ name: "outer", ...hooks }, () => inner())();
}

const MODES: Readonly<Record<string, () => unknown>> = {
  nested: () => nested(forever),
  "exit-in-body": () => nested(() => process.exit(3)),
  "system-exit": () =>
    nested(() => {
      throw new SystemExit("on purpose");
    }),
  "exit-in-hook": () => flow({ name: "done", onCompletion: [() => process.exit(0)], onCrashed: [told] }, () => 1)(),
  "error-in-hook": () => {
    const broken = [
      () => {
        throw new Error("of a hook");
      },
      () => Promise.reject(new SystemExit("of a hook")),
    ];
    return flow({ name: "done", onRunning: broken, onCompletion: [...broken, told] }, () => 1)();
  },
  "slow-last-hook": () => {
    const hook = async (): Promise<void> => {
      say("ready");
      // The listener goes away as soon as the signal is there.
      while (process.listenerCount("SIGTERM") > 0) await new Promise((resolve) => setTimeout(resolve, 5));
      say("hook done");
    };
    return flow({ name: "done", onCompletion: [hook], onCrashed: [told] }, () => 1)();
  },
  "swallows-calls": () =>
    flow({ name: "swallowing", ...hooks }, async () => {
      say("ready");
      for (;;) {
        await new Promise((resolve) => setTimeout(resolve, 5));
        try {
          await task({ name: "quiet" }, () => 1)();
        } catch {
          // On purpose: nothing gets out.
        }
      }
    })(),
};

await new Inbox({}).save({ name: "ops", overwrite: true });
await MODES[mode]?.();
