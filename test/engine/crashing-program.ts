// Run by crash.process.test.ts: `node crashing-program.ts <mode>`. Says "ready" when its body is under way.
import { SystemExit } from "../../src/engine/interruption.ts";
import { flow } from "../../src/flow.ts";
import { notify } from "../../src/hooks/notify.ts";
import { task } from "../../src/task.ts";

const [, , mode = ""] = process.argv;
const say = (line: string): void => void process.stdout.write(`${line}\n`);

const ENDINGS: Readonly<Record<string, () => unknown>> = {
  "process-exit": () => process.exit(3),
  "exit-code-0": () => process.exit(0),
  "system-exit": () => {
    throw new SystemExit("on purpose");
  },
  uncaught: () => {
    setImmediate(() => {
      throw new TypeError("outside of any promise");
    });
    return forever();
  },
  "never-settles": () => new Promise(() => undefined),
  hang: () => forever(),
  "hook-hangs": () => forever(),
};

/** Pending, with something that keeps the process alive. */
function forever(): Promise<never> {
  setInterval(() => undefined, 60_000);
  say("ready");
  return new Promise(() => undefined);
}

const work = task({ name: "work" }, () => ENDINGS[mode]?.());
const inner = flow(
  { name: "inner", onCrashed: [(_flow, _run, state) => say(`inner ${state.message}`), notify("inbox/ops")] },
  () => work(),
);
const outer = flow(
  {
    name: "outer",
    onCrashed: [
      () => {
        say("outer crashed");
        if (mode === "hook-hangs") return new Promise(() => undefined);
        return undefined;
      },
      notify("inbox/ops"),
    ],
    onFailure: [() => say("outer failed")],
  },
  () => inner(),
);

await outer();
