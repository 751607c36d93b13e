// Run by adversarial.process.test.ts: `node adversarial-program.ts <mode>`.
import { flow } from "../../src/flow.ts";
import { task } from "../../src/task.ts";

const [, , mode = ""] = process.argv;
const say = (line: string): void => void process.stdout.write(`${line}\n`);
const term = (): void => void process.kill(process.pid, "SIGTERM");
const never = (): Promise<never> => new Promise(() => undefined);
const forever = (): Promise<never> => {
  setInterval(() => undefined, 60_000);
  term();
  return never();
};
const throwing = (): never => {
  throw new TypeError("uncaught");
};
const hooks = { onCompletion: [() => say("completed")], onCrashed: [() => say("crashed")] };

const MODES: Readonly<Record<string, () => Promise<unknown>>> = {
  "exit in onCompletion": () => flow({ name: "f", onCompletion: [() => process.exit(4)] }, () => 1)(),
  "exit in onRunning": () => flow({ name: "f", onRunning: [() => process.exit(4)] }, () => 1)(),
  "exit in onCrashed": () => flow({ name: "f", onCrashed: [() => process.exit(4)] }, () => forever())(),
  "exit in a handler": () =>
    flow({ name: "f", stateHandlers: [(_f, _old, next) => (next.isCompleted() ? process.exit(4) : next)] }, () => 1)(),
  "uncaught in the last commit": () => flow({ name: "f", ...hooks }, () => void setImmediate(throwing))(),
  "uncaught after the body": () => flow({ name: "f", ...hooks }, () => process.nextTick(throwing))(),
  "SIGTERM in the last commit": () => flow({ name: "f", ...hooks }, () => void setImmediate(term))(),
  "SIGTERM in the last hook": () => flow({ name: "f", onCompletion: [term, () => say("completed")] }, () => 1)(),
  "SIGTERM while tried for ever": async () => {
    setTimeout(term, 200);
    const failing = task({ name: "t", retries: 1e9 }, throwing);
    await flow({ name: "f", ...hooks }, () => failing())();
  },
  "a future that nobody ends": () =>
    flow({ name: "f" }, async () => {
      await task({ name: "t" }, never).submit().wait();
    })(),
};

await MODES[mode]?.();
// A signal that is under way ends the process here.
await new Promise((resolve) => setTimeout(resolve, 500));
