import { execFileSync } from "node:child_process";
import { rmSync, statfsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { systemClock } from "../../src/base/clock.ts";
import { errorCode } from "../../src/base/errors.ts";
import { silentLogger } from "../../src/base/logger.ts";
import { systemRandom } from "../../src/base/random.ts";
import { openSqliteStore } from "../../src/store/sqlite/open.ts";
import { tempFolder } from "../support/store-fixture.ts";
import { aChange, aFlowRun, aRequest, aTaskRun } from "../support/store-records.ts";

const openAt = (path: string) => openSqliteStore({ path, clock: systemClock, random: systemRandom, log: silentLogger });

/** A small file system of its own; null where this user may not mount one. */
function smallDisk(): ({ readonly path: string; remountReadOnly(): void } & Disposable) | null {
  const folder = tempFolder();
  try {
    execFileSync("mount", ["-t", "tmpfs", "-o", "size=2m", "tmpfs", folder.path], { stdio: "ignore" });
  } catch {
    // Not root, or a container without the right to mount.
    folder[Symbol.dispose]();
    return null;
  }
  return {
    path: folder.path,
    remountReadOnly: () => execFileSync("mount", ["-o", "remount,ro", folder.path], { stdio: "ignore" }),
    [Symbol.dispose]: () => {
      execFileSync("umount", [folder.path]);
      folder[Symbol.dispose]();
    },
  };
}

/** Takes all the space that is left. */
function fill(folder: string): string {
  const path = join(folder, "ballast");
  const { bavail, bsize } = statfsSync(folder);
  writeFileSync(path, Buffer.alloc(bavail * bsize));
  return path;
}

const canMount = (() => {
  const disk = smallDisk();
  disk?.[Symbol.dispose]();
  return disk !== null;
})();

describe.runIf(canMount)("a full disk", () => {
  it("refuses writes with a code, loses nothing acknowledged, keeps what is queued and writes it when there is space", async () => {
    using disk = smallDisk();
    if (disk === null) return;
    const path = join(disk.path, "bellhop.db");
    const store = await openAt(path);
    const acknowledged: string[] = [];
    const recorded = aTaskRun();

    const ballast = fill(disk.path);
    let failure: string | undefined;
    for (let index = 0; index < 2_000 && failure === undefined; index += 1) {
      const run = aFlowRun();
      failure = await store.runs
        .commit(aChange(run, run.state, { requests: [aRequest()] }))
        .then(() => void acknowledged.push(run.id), errorCode);
    }
    store.runs.record(aChange(recorded));
    const flushed = await store.runs.flush().catch(errorCode);
    const { lastFailure, queuedWrites } = await store.health();
    rmSync(ballast);
    await store.runs.flush();

    expect([failure, flushed, lastFailure, queuedWrites]).toEqual(["store_full", "store_full", "store_full", 1]);
    expect((await store.runs.readTaskRun(recorded.id))?.id).toBe(recorded.id);
    for (const id of acknowledged) expect((await store.runs.readFlowRun(id))?.id).toBe(id);
    expect((await store.health({ integrity: true })).problems).toEqual([]);
    await store[Symbol.asyncDispose]();
  });

  it("lets blocks be read while it lasts", async () => {
    using disk = smallDisk();
    if (disk === null) return;
    const store = await openAt(join(disk.path, "bellhop.db"));
    const ballast = fill(disk.path);
    store.runs.record(aChange(aTaskRun({ name: "x".repeat(3_000_000) })));

    expect(await store.runs.flush().catch(errorCode)).toBe("store_full");
    expect(await store.blocks.readDocument("slack-webhook", "ops")).toBeNull();

    rmSync(ballast);
    expect(await store[Symbol.asyncDispose]().then(() => undefined, errorCode)).toBe("store_full");
  });

  it("is told when a new store is opened on it", async () => {
    using disk = smallDisk();
    if (disk === null) return;
    fill(disk.path);

    expect(await openAt(join(disk.path, "home", "bellhop.db")).catch(errorCode)).toBe("store_full");
  });
});

describe.runIf(canMount)("a read-only folder", () => {
  it.each([
    { what: "a new store", existing: false },
    { what: "an existing store", existing: true },
  ])("refuses $what with a code", async ({ existing }) => {
    using disk = smallDisk();
    if (disk === null) return;
    const path = join(disk.path, "bellhop.db");
    if (existing) await (await openAt(path))[Symbol.asyncDispose]();
    disk.remountReadOnly();

    const failure = await openAt(path).then(async (store) => {
      await using open = store;
      return open.runs.commit(aChange(aFlowRun())).catch(errorCode);
    }, errorCode);

    expect(failure).toBe("store_unavailable");
  });
});
