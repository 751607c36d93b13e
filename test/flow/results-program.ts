// Run by results.process.test.ts, which reads what this process leaves in the store: `node results-program.ts <mode>`.
import { appendFileSync } from "node:fs";
import { join } from "node:path";
import { flow, task, transaction } from "bellhop";

const [, , mode = "", home = ""] = process.argv;

const work = task({ name: "work", resultStorageKey: "of the task" }, async () => {
  appendFileSync(join(home, "journal"), `task ${process.pid}\n`);
  return { by: process.pid, at: new Date(0), all: new Map([["a", 1n]]) };
});

const leaves = flow({ name: "leaves", persistResult: true, resultSerializer: "compressed/v8" }, () => work());

const fails = flow({ name: "fails", persistResult: true }, (): never => {
  throw Object.assign(new RangeError("too far", { cause: "a wall" }), { metres: 3 });
});

/** Whoever comes first does the work; the others wait and find it done. */
const once = flow({ name: "once" }, () =>
  transaction({ key: "once", isolationLevel: "SERIALIZABLE" }, async (txn) => {
    if (txn.isCommitted()) {
      appendFileSync(join(home, "journal"), `found ${String((await txn.read())?.value)}\n`);
      return;
    }
    appendFileSync(join(home, "journal"), `block ${process.pid}\n`);
    await work();
    txn.stage(process.pid);
  }),
);

if (mode === "leaves") await leaves();
if (mode === "fails") await fails().catch(() => undefined);
if (mode === "once") await once();
