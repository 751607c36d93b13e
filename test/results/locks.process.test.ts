import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { systemClock } from "../../src/base/clock.ts";
import { silentLogger } from "../../src/base/logger.ts";
import { LOCK_LASTS_MS } from "../../src/results/shared-locks.ts";
import type { LockManager } from "../../src/results/lock-manager.ts";
import { openResultFolder } from "../../src/store/file-results/open-folder.ts";
import { openSqliteStore } from "../../src/store/sqlite/open.ts";
import { ManualClock } from "../support/manual-clock.ts";
import { seededRandom, tempFolder } from "../support/store-fixture.ts";

const CHILD = fileURLToPath(new URL("locks-child.ts", import.meta.url));

const startChild = (kind: string, home: string, count: number): ChildProcess =>
  spawn(process.execPath, [CHILD, kind, home, String(count)], { stdio: ["ignore", "pipe", "inherit"] });

describe.each(["store", "folder"])("locks of several processes in a %s", (kind) => {
  it("let one process in at a time", async () => {
    using folder = tempFolder();
    const children = Array.from({ length: 3 }, () => startChild(kind, folder.path, 15));

    const codes = await Promise.all(children.map(async (child) => (await once(child, "close"))[0]));

    expect(codes).toEqual([0, 0, 0]);
    const lines = readFileSync(join(folder.path, "journal"), "utf8").trimEnd().split("\n");
    expect(lines).toHaveLength(90);
    // Whoever goes in comes out before the next one goes in.
    for (let at = 0; at < lines.length; at += 2) expect(lines[at + 1]).toBe(lines[at]?.replace("in", "out"));
  });

  it("are free again some time after their holder was killed", async () => {
    using folder = tempFolder();
    const child = startChild(kind, folder.path, 0);
    await once(child.stdout ?? child, "data");
    child.kill("SIGKILL");
    await once(child, "close");
    await using owned = new AsyncDisposableStack();
    // The child has the clock of the system; this one goes on from there by hand.
    const clock = new ManualClock(systemClock.now());
    const locks = await openLocks(kind, folder.path, clock, owned);
    expect(await locks.isHolder("k", "doomed")).toBe(true);

    const progress = { taken: false };
    const waiting = locks.acquire("k", "next").then(() => (progress.taken = true));
    await clock.advance(LOCK_LASTS_MS);
    while (!progress.taken) {
      await clock.advance(50);
      await new Promise((resolve) => setImmediate(resolve));
    }
    await waiting;

    expect(await locks.isHolder("k", "next")).toBe(true);
    await locks.release("k", "next");
  });
});

async function openLocks(
  kind: string,
  home: string,
  clock: ManualClock,
  owned: AsyncDisposableStack,
): Promise<LockManager> {
  if (kind === "folder") return openResultFolder(home, { clock, log: silentLogger }).locks;
  const path = join(home, "bellhop.db");
  const store = await openSqliteStore({ path, clock, random: seededRandom(), log: silentLogger });
  return owned.use(store).results.locks;
}
