import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { systemClock } from "../../src/base/clock.ts";
import { silentLogger } from "../../src/base/logger.ts";
import { systemRandom } from "../../src/base/random.ts";
import { openSqliteStore, type SqliteStore } from "../../src/store/sqlite/open.ts";
import { tempFolder } from "../support/store-fixture.ts";
import { storeProcess } from "../support/store-process.ts";

const openAt = (path: string) => openSqliteStore({ path, clock: systemClock, random: systemRandom, log: silentLogger });

/** Everything a failed run must have been stored with; empty when it is whole. */
async function missingOf(store: SqliteStore, id: string): Promise<string[]> {
  const run = await store.runs.readFlowRun(id);
  if (run === null) return [`run ${id}`];
  const [states, deliveries, tasks] = [
    await store.runs.listStates({ flowRunId: id }),
    await store.outbox.list({ flowRunId: id }),
    await store.runs.listTaskRuns(id),
  ];
  const isFailed = run.state.type === "FAILED";
  const expected = isFailed
    ? { states: 2, deliveries: 2, tasks: 1 }
    : { states: 1, deliveries: 0, tasks: tasks.length };
  const problems = Object.entries({ states: states.length, deliveries: deliveries.length, tasks: tasks.length })
    .filter(([what, found]) => found !== expected[what as keyof typeof expected])
    .map(([what, found]) => `${id} (${run.state.type}): ${found} ${what}`);
  if (states.at(-1)?.state.id !== run.state.id) problems.push(`${id}: its state is not its last one`);
  return problems;
}

describe("several processes on one store", () => {
  it("never shows a reader a half-written run", async () => {
    using folder = tempFolder();
    const path = join(folder.path, "home", "bellhop.db");
    using one = storeProcess("write", path, 200);
    using two = storeProcess("write", path, 200);
    await Promise.all([one.until("ready"), two.until("ready")]);
    one.start();
    two.start();
    await Promise.all([one.until("ack"), two.until("ack")]);
    await using store = await openAt(path);

    const problems: string[] = [];
    let looks = 0;
    const progress = { done: false };
    const ended = Promise.all([one.ended, two.ended]).finally(() => (progress.done = true));
    while (!progress.done) {
      const [newest] = await store.runs.listFlowRuns({ limit: 1 });
      // Final states only: a run that moves on between two reads is not half written.
      if (newest?.state.type === "FAILED") problems.push(...(await missingOf(store, newest.id)));
      looks += 1;
      await new Promise<void>((resolve) => setImmediate(resolve));
    }

    expect(await ended).toEqual([0, 0]);
    expect(problems).toEqual([]);
    expect(looks).toBeGreaterThan(20);
    const ids = [...one.said("ack"), ...two.said("ack")];
    expect(new Set(ids).size).toBe(400);
    for (const id of ids) expect(await missingOf(store, id)).toEqual([]);
  });

  it.each([3, 41, 150])(
    "keeps every acknowledged run, whole, when a writer is killed after %i of them",
    async (acks) => {
      using folder = tempFolder();
      const path = join(folder.path, "bellhop.db");
      using writer = storeProcess("write", path, 10_000);
      await writer.until("ready");
      writer.start();
      await writer.until("ack", acks);

      writer.child.kill("SIGKILL");
      const ended = await writer.ended;
      await using store = await openAt(path);

      expect(ended).toBe("SIGKILL");
      const acknowledged = writer.said("ack");
      expect(acknowledged.length).toBeGreaterThanOrEqual(acks);
      for (const id of acknowledged) expect(await missingOf(store, id)).toEqual([]);
      const newest = await store.runs.listFlowRuns({ limit: 5 });
      for (const { id } of newest) expect(await missingOf(store, id)).toEqual([]);
      expect((await store.health({ integrity: true })).problems).toEqual([]);
    },
  );

  it("makes one store when several processes open a new one in the same moment", async () => {
    using folder = tempFolder();
    const path = join(folder.path, "deep", "home", "bellhop.db");
    const openers = Array.from({ length: 5 }, () => storeProcess("open", path));
    await using cleanup = new AsyncDisposableStack();
    for (const opener of openers) cleanup.use(opener);
    await Promise.all(openers.map((opener) => opener.until("ready")));

    for (const opener of openers) opener.start();
    const codes = await Promise.all(openers.map((opener) => opener.ended));

    expect(codes).toEqual([0, 0, 0, 0, 0]);
    const ids = openers.flatMap((opener) => opener.said("store"));
    expect(ids).toHaveLength(5);
    expect(new Set(ids).size).toBe(1);
  });

  it("stores what was recorded and what an exit handler commits", async () => {
    using folder = tempFolder();
    const path = join(folder.path, "bellhop.db");
    using writer = storeProcess("exit", path);
    await writer.until("ready");
    writer.start();
    await writer.ended;
    await using store = await openAt(path);

    const [[recorded = ""], [last = ""]] = [writer.said("recorded"), writer.said("ack")];

    expect((await store.runs.readTaskRun(recorded))?.id).toBe(recorded);
    expect((await store.runs.readFlowRun(last))?.id).toBe(last);
  });
});
