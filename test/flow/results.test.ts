import { readdirSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { registerSecret } from "../../src/base/redactor.ts";
import { SecretValue } from "../../src/base/secret.ts";
import { loadConfig } from "../../src/config/load.ts";
import { flow } from "../../src/flow.ts";
import { type Hub, openHub } from "../../src/hub.ts";
import type { FlowRunRecord } from "../../src/runs/flow-run.ts";
import { Completed, Failed } from "../../src/states/constructors.ts";
import type { State } from "../../src/states/state.ts";
import { task } from "../../src/task.ts";
import { transaction } from "../../src/transactions/run-transaction.ts";
import { openWired, type Wired } from "../support/wired.ts";

let wired: Wired;
/** The same store, opened a second time, as another process has it. */
let other: Hub;
beforeEach(async () => {
  wired = await openWired();
  other = await openHub(loadConfig({ flags: { home: wired.home, keychain: "off" }, env: {} }));
});
afterEach(async () => {
  await other[Symbol.asyncDispose]();
  await wired[Symbol.asyncDispose]();
});

const within = <T>(fn: () => T): T => wired.within(fn);

async function flowRun(flowName: string): Promise<FlowRunRecord> {
  await wired.hub.engine.runs.flush();
  const [run] = await other.runs.listFlowRuns({ flowName });
  if (run === undefined) throw new Error(`no run of ${flowName}`);
  return run;
}

async function taskState(flowName: string): Promise<State> {
  const [run] = await other.runs.listTaskRuns((await flowRun(flowName)).id);
  if (run === undefined) throw new Error(`no task run in ${flowName}`);
  return run.state;
}

describe("a run that is read by somebody else", () => {
  it("has a result when it was kept, also when that is null or nothing", async () => {
    for (const value of [{ rows: 3 }, null, undefined, 0, ""]) {
      await within(() => flow({ name: "kept", persistResult: true }, () => value)());
      const { state } = await flowRun("kept");
      expect(state.peek()).toBeUndefined();
      expect(await state.result()).toEqual(value);
    }
  });

  it("has none when it was not kept, though it completed", async () => {
    const work = task({ name: "work" }, () => 1);
    const state = await within(() => flow({ name: "unkept" }, () => work()).run([], { returnState: true }));

    expect(await state.result()).toBe(1);
    await expect((await flowRun("unkept")).state.result()).rejects.toMatchObject({ name: "MissingResult" });
    await expect((await taskState("unkept")).result()).rejects.toMatchObject({ name: "MissingResult" });
  });

  it("has the error that was thrown, or a wrapper with the message", async () => {
    const boom = Object.assign(new TypeError("boom"), { rows: 3 });
    const work = (persistResult: boolean) =>
      task({ name: "work", persistResult }, () => {
        throw boom;
      });

    await within(() => flow({ name: "kept-error", persistResult: true }, () => work(true)())().catch(() => undefined));
    await within(() => flow({ name: "lost-error" }, () => work(false)())().catch(() => undefined));

    for (const state of [(await flowRun("kept-error")).state, await taskState("kept-error")])
      await expect(state.result()).rejects.toMatchObject({ name: "TypeError", message: "boom", rows: 3 });
    for (const state of [(await flowRun("lost-error")).state, await taskState("lost-error")])
      await expect(state.result()).rejects.toMatchObject({
        name: "FailedRun",
        message: expect.stringContaining("failed with TypeError: boom"),
      });
  });

  it("has the data of a state that was made by hand, whether it completed or failed", async () => {
    const byHand = { persistResult: true } as const;
    const completes = flow({ ...byHand, name: "completes" }, () => Completed({ data: [1, 2] }));
    const fails = flow({ ...byHand, name: "fails" }, () => Failed({ message: "by hand", data: { rows: 3 } }));
    const failing = task({ ...byHand, name: "failing" }, () => Failed({ data: new RangeError("of a task") }));

    await within(() => completes());
    await within(() => fails.run([], { returnState: true }));
    await within(() => flow({ name: "in-task" }, async () => void (await failing()))());

    expect(await (await flowRun("completes")).state.result()).toEqual([1, 2]);
    expect(await (await flowRun("fails")).state.result({ raiseOnFailure: false })).toEqual({ rows: 3 });
    await expect((await taskState("in-task")).result()).rejects.toMatchObject({ name: "RangeError" });
  });

  it("has the states that a flow returned", async () => {
    const work = task({ name: "work", persistResult: true }, () => 5);
    const states = flow({ name: "states", persistResult: true }, async () => [
      await work.run([], { returnState: true }),
    ]);

    await within(() => states.run([], { returnState: true }));

    const [inner] = (await (await flowRun("states")).state.result()) as [State];
    expect(inner.name).toBe("Completed");
  });

  it("has no result once it was rolled back", async () => {
    const work = task({ name: "work", persistResult: true }, () => 1);
    await within(() => flow({ name: "undone" }, () => transaction({ commitMode: "OFF" }, () => work()))());

    await expect((await taskState("undone")).result()).rejects.toMatchObject({ name: "MissingResult" });
  });
});

describe("a secret in a result", () => {
  it("is refused, and the run completes for its caller", async () => {
    const secret = new SecretValue("canary-of-a-result");
    const work = task({ name: "work", persistResult: true }, () => ({ deep: [secret] }));
    const around = flow({ name: "secret", persistResult: true }, () => work());

    const state = await within(() => around.run([], { returnState: true }));

    expect(state.name).toBe("Completed");
    expect(await state.result()).toEqual({ deep: [secret] });
    expect((await flowRun("secret")).state.toWire().data).toBeNull();
    expect(await wired.history("secret", "work")).toEqual(["Pending", "Running", "Completed", "RolledBack"]);
    expect(wired.messages("error")).toEqual([
      "the transaction could not be committed, so it is rolled back",
      "the result could not be kept",
    ]);
    expect(JSON.stringify(wired.lines)).not.toContain("canary-of-a-result");
  });
});

describe("the records of a transaction", () => {
  it("are kept where results of the run around it are kept", async () => {
    const folder = join(wired.home, "records");
    const keeps = flow({ name: "keeps", resultStorage: folder, persistResult: false }, () =>
      transaction({ key: "in the folder" }, (txn) => txn.stage("here")),
    );

    await within(() => keeps());

    expect(readdirSync(folder).filter((name) => name.endsWith(".result"))).toHaveLength(1);
    expect(await wired.hub.results.open(folder, null).store.read("in the folder")).toMatchObject({ value: "here" });
    expect(await wired.hub.results.open(null, null).store.exists("in the folder")).toBe(false);
  });

  it("are kept in the store outside of runs", async () => {
    await within(() => transaction({ key: "outside" }, (txn) => txn.stage("there")));

    expect(await other.results.open(null, null).store.read("outside")).toMatchObject({ value: "there" });
  });

  it("do not show a secret in their keys, and are found again by them", async () => {
    registerSecret("canary-in-a-key");
    const keys: (string | null)[] = [];
    const once = () =>
      transaction({ key: "import canary-in-a-key" }, (txn) => {
        keys.push(txn.key);
        if (!txn.isCommitted()) txn.stage("done");
        return txn.state;
      });

    expect([await within(once), await within(once)]).toEqual(["STAGED", "COMMITTED"]);
    expect(keys.join()).not.toContain("canary-in-a-key");
    expect(await other.results.open(null, null).store.exists("import canary-in-a-key")).toBe(false);
  });
});
