// Run by soak-run.ts: `node soak-child.ts <seed> <ending> <ms>`. Works until its end comes.
import { seeded, soakWorkload } from "./soak-workload.ts";

const [, , seed = "0", ending = "", ms = "0"] = process.argv;

const ENDINGS: Readonly<Record<string, () => void>> = {
  exit: () => process.exit(3),
  uncaught: () => {
    throw new Error("outside of any promise");
  },
  SIGTERM: () => void process.kill(process.pid, "SIGTERM"),
  SIGINT: () => void process.kill(process.pid, "SIGINT"),
  SIGKILL: () => void process.kill(process.pid, "SIGKILL"),
};

const startRun = soakWorkload(seeded(Number(seed)));
const lane = async (): Promise<void> => {
  for (;;) {
    await startRun();
    // A body that swallows everything and waits for nothing would keep the end from coming.
    await new Promise((resolve) => setImmediate(resolve));
  }
};

setTimeout(() => ENDINGS[ending]?.(), Number(ms));
await Promise.all(Array.from({ length: 8 }, lane));
