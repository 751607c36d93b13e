// A process of its own that works under a lock; see locks.process.test.ts for what the lines it prints mean.
import { appendFileSync } from "node:fs";
import { join } from "node:path";
import { systemClock } from "../../src/base/clock.ts";
import { silentLogger } from "../../src/base/logger.ts";
import { systemRandom } from "../../src/base/random.ts";
import type { LockManager } from "../../src/results/lock-manager.ts";
import { openResultFolder } from "../../src/store/file-results/open-folder.ts";
import { openSqliteStore } from "../../src/store/sqlite/open.ts";

const [kind = "", home = "", count = "0"] = process.argv.slice(2);

const say = (line: string): void => void process.stdout.write(`${line}\n`);

await using owned = new AsyncDisposableStack();

async function openLocks(): Promise<LockManager> {
  if (kind === "folder") return openResultFolder(home, { clock: systemClock, log: silentLogger }).locks;
  const path = join(home, "bellhop.db");
  const store = await openSqliteStore({ path, clock: systemClock, random: systemRandom, log: silentLogger });
  return owned.use(store).results.locks;
}

const locks = await openLocks();
const journal = join(home, "journal");

for (let index = 0; index < Number(count); index += 1) {
  const holder = `${process.pid}-${index}`;
  await locks.acquire("k", holder);
  appendFileSync(journal, `in ${holder}\n`);
  await new Promise((resolve) => setImmediate(resolve));
  appendFileSync(journal, `out ${holder}\n`);
  await locks.release("k", holder);
}
if (count === "0") {
  await locks.acquire("k", "doomed");
  say("held");
  await systemClock.sleep(60_000);
}
