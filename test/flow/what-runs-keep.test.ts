import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { z } from "zod";
import { pauseFlowRun } from "../../src/engine/pause.ts";
import { flow } from "../../src/flow.ts";
import { resumeFlowRun } from "../../src/run-control.ts";
import { task } from "../../src/task.ts";
import { transaction } from "../../src/transactions/run-transaction.ts";
import { openRuns } from "../support/runs.ts";

let test: Awaited<ReturnType<typeof openRuns>>;
beforeEach(async () => {
  test = await openRuns();
});
afterEach(() => test[Symbol.asyncDispose]());

const bytesOfStore = (): string =>
  readdirSync(test.home)
    .filter((name) => name.startsWith("bellhop.db"))
    .map((name) => readFileSync(join(test.home, name), "latin1"))
    .join("");

async function paused(flowName: string): Promise<string> {
  for (;;) {
    const [run] = await test.hub.runs.listFlowRuns({ flowName });
    if (run?.state.isPaused() === true) return run.id;
    await new Promise((resolve) => setImmediate(resolve));
  }
}

describe("a secret that nobody has heard of", () => {
  it("reaches the paused run that asked for it, and is in no byte of the store", async () => {
    const waitForInput = z.object({ password: z.string() });
    const asking = flow({ name: "asking" }, async () => (await pauseFlowRun({ waitForInput })).password);
    const called = test.within(() => asking());

    const id = await paused("asking");
    await test.within(() => resumeFlowRun(id, { runInput: { password: "correct-horse-battery" } }));

    await expect(called).resolves.toBe("correct-horse-battery");
    await test.hub.runs.flush();
    expect(bytesOfStore()).not.toContain("correct-horse");
  });

  it("is masked in the error of a task that was called with it outside a flow", async () => {
    const login = task({ name: "login" }, ({ password }: { password: string }) => {
      throw new Error(`the server refused ${password}`);
    });

    const state = await test.within(() => login.run([{ password: "correct-horse-battery" }], { returnState: true }));

    expect(state.message).toBe("Task run failed with Error: the server refused ********");
  });
});

describe("the log of a run", () => {
  it("says what the hooks of its transaction did", async () => {
    const load = task({ name: "load", onRollback: [function undo() {}] }, () => 1);
    const loading = flow({ name: "loading" }, () =>
      transaction(async () => {
        await load();
        throw new Error("no");
      }),
    );

    await expect(test.within(() => loading())).rejects.toThrow("no");

    const lines = await test.hub.store.logs.listLogs({ task: "load" });
    expect(lines.map(({ message }) => message)).toEqual([
      expect.stringMatching(/^transaction hook started .*kind: 'rollback'.*hook: 'undo'/s),
      expect.stringMatching(/^transaction hook finished .*hook: 'undo'/s),
    ]);
  });
});

describe("the state of a cached result", () => {
  it("names its key and its expiry, also as it is stored", async () => {
    const load = task({ name: "keyed", cacheKeyFn: () => "orders", cacheExpiration: 60 }, () => 1);

    const state = await test.within(() => load.run([], { returnState: true }));

    expect(state.stateDetails).toMatchObject({ cacheKey: "orders", refreshCache: false });
    const stored = await test.hub.runs.readTaskRun(state.stateDetails.taskRunId ?? "");
    expect(stored?.state.stateDetails.cacheKey).toBe("orders");
    expect(stored?.state.stateDetails.cacheExpiration).toEqual(state.stateDetails.cacheExpiration);
  });
});
