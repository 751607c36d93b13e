// Run by the process tests of this folder: `node controlled-program.ts <mode>`. Says "ready" when its body is under way.
import { z } from "zod";
import { getRunContext } from "../../src/engine/run-context.ts";
import { pauseFlowRun } from "../../src/engine/pause.ts";
import { flow } from "../../src/flow.ts";
import { notify } from "../../src/hooks/notify.ts";
import { task } from "../../src/task.ts";

const [, , mode = ""] = process.argv;
const say = (line: string): void => void process.stdout.write(`${line}\n`);

/** Pending, with something that keeps the process alive. */
function forever(): Promise<never> {
  setInterval(() => undefined, 60_000);
  getRunContext().signal.addEventListener("abort", () => say("aborted"));
  say("ready");
  return new Promise(() => undefined);
}

const work = task({ name: "work" }, () => forever());
const inner = flow(
  {
    name: "inner",
    onCancellation: [(_flow, _run, state) => say(`inner ${state.name}`)],
    onCrashed: [() => say("inner crashed")],
  },
  () => work(),
);
const outer = flow(
  {
    name: "outer",
    onCancellation: [
      (_flow, _run, state) => {
        say(`outer ${state.name}`);
        return mode === "hook-hangs" ? new Promise(() => undefined) : undefined;
      },
      notify("inbox/ops"),
    ],
    onCrashed: [() => say("outer crashed")],
  },
  () => inner(),
);

const form = z.object({ approved: z.boolean(), note: z.string().default("none") });
const ask = task({ name: "ask" }, async () => {
  say("ready");
  return pauseFlowRun({ waitForInput: form });
});
const asking = flow({ name: "asking" }, async () => {
  say(JSON.stringify(await ask()));
});

if (mode === "asking") await asking();
else {
  try {
    await outer();
  } catch (error) {
    say(error instanceof Error ? error.name : "no error");
    throw error;
  }
}
