// Clean up outside infrastructure when a run crashes: the flow remembers what it started in a block, and the hook that
// runs on Crashed reads it back and removes it.
//
//   npx node -C bellhop-source examples/cleanup-on-crash.ts
import { mkdtemp, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { StringBlock, SystemExit, flow, task } from "bellhop";
import type { FlowStateHook } from "bellhop";

const STARTED = "example-scratch-folder";

const removeScratchFolder: FlowStateHook = async (_flow, flowRun) => {
  const folder = await StringBlock.load(STARTED);
  await rm(folder.value, { recursive: true });
  await StringBlock.delete(STARTED);
  console.log(`${flowRun.name} crashed; removed what it had started`);
};

const doTheWork = task({ name: "do-the-work" }, async () => {
  throw new SystemExit("the machine is going away");
});

const withScratchFolder = flow({ name: "with-scratch-folder", onCrashed: [removeScratchFolder] }, async () => {
  const path = await mkdtemp(join(tmpdir(), "bellhop-example-"));
  await new StringBlock({ value: path }).save(STARTED, { overwrite: true });
  console.log(`started: a folder, ${(await stat(path)).isDirectory()}`);
  await doTheWork();
});

// What interrupts a run also reaches whoever called it; by then the hook has run.
await withScratchFolder().catch((error: unknown) => console.log(String(error)));
