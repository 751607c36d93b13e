// Run by ending.process.test.ts: `node ending-program.ts <mode>`. Says "ready" when it is to be ended from outside.
import { Inbox } from "../../blocks/inbox.ts";
import { flow, notify } from "../../src/index.ts";

const [, , mode = ""] = process.argv;
const say = (line: string): void => void process.stdout.write(`${line}\n`);

const told = [notify("inbox/ops")];
const failing = flow({ name: "failing", onFailure: told }, () => {
  throw new Error("oops!");
});

/** Pending, with something that keeps the process alive. */
function forever(): Promise<never> {
  setInterval(() => undefined, 60_000);
  say("ready");
  return new Promise(() => undefined);
}

const MODES: Readonly<Record<string, () => unknown>> = {
  awaited: () => failing(),
  forgotten: () => {
    void failing();
    void failing();
  },
  "throws-later": async () => {
    await failing().catch(() => undefined);
    throw new Error("oops! later");
  },
  "in-body": () => flow({ name: "long", onCrashed: told }, forever)(),
  "in-hook": () => {
    const hook = async (): Promise<void> => {
      say("ready");
      // The listener goes away as soon as the signal is there.
      while (process.listenerCount("SIGTERM") > 0) await new Promise((resolve) => setTimeout(resolve, 5));
      say("hook done");
    };
    return failing.withOptions({ onFailure: [hook, ...told] })();
  },
  "next-run": async () => {
    await flow({ name: "first", onCrashed: told }, forever)().catch(() => undefined);
    say("went on");
  },
  "other-runs": () => {
    setInterval(() => void flow({ name: "every-turn" }, () => undefined)(), 1);
    return flow({ name: "long", onCrashed: [...told, () => new Promise((done) => setTimeout(done, 50))] }, forever)();
  },
  "hook-never-settles": () =>
    flow({ name: "long", onCrashed: [() => new Promise(() => undefined), ...told] }, async () => {
      setImmediate(() => {
        throw new Error("oops! outside");
      });
      await new Promise(() => undefined);
    })(),
};

await new Inbox({}).save({ name: "ops", overwrite: true });
await MODES[mode]?.();
