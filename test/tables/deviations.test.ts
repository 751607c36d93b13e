// Where Bellhop differs from Prefect on purpose: one test for each entry of the register that can be seen in process.
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import {
  AwaitingRetry,
  cancelFlowRun,
  Failed,
  flow,
  type FlowHooks,
  type FlowStateHook,
  getRunContext,
  getRunLogger,
  getTransaction,
  pauseFlowRun,
  Pending,
  resumeFlowRun,
  Running,
  Scheduled,
  slackNotifier,
  SystemExit,
  task,
  type Transaction,
  transaction,
} from "../../src/index.ts";
import { boom, flowHooks, names, openTables, ownId, type Tables, untyped } from "./kit.ts";

let test: Tables;
let calls: string[];
beforeEach(async () => {
  test = await openTables();
  calls = [];
});
afterEach(() => test[Symbol.asyncDispose]());

/** Runs to the end, whatever that is. */
const end = <T>(start: () => Promise<T>): Promise<PromiseSettledResult<T>> => test.finish(test.within(start));
const say = (what: string) => (): void => void calls.push(what);

/** Runs a flow to its pause. */
async function paused(hooks: FlowHooks): Promise<{ readonly id: string; readonly run: Promise<unknown> }> {
  let id = "";
  const pausing = flow({ name: "pausing", ...hooks }, async () => {
    id = ownId();
    await pauseFlowRun({ pollInterval: 1 });
  });
  const run = test.within(() => pausing());
  run.catch(() => undefined);
  await test.clock.until(() => id !== "");
  while ((await test.runs.readFlowRun(id))?.state.isPaused() !== true) await test.clock.settle();
  return { id, run };
}

describe("deviation", () => {
  it("D1: a retried flow run is Retrying, a kind of Running", async () => {
    const failing = flow({ name: "f", retries: 1 }, boom);
    await end(() => failing());

    expect(await test.stored.flowStates("f")).toEqual(names("Pending Running AwaitingRetry Retrying Failed"));
  });

  it.each(["flow", "task"] as const)("D2: the jitter of a %s is applied", async (kind) => {
    const at: number[] = [];
    const options = { name: "x", retries: 3, retryDelaySeconds: 100, retryJitterFactor: 1 };
    const body = (): never => (at.push(test.clock.now()), boom());
    await end(() => (kind === "flow" ? flow(options, body)() : task(options, body)()));

    expect(new Set(at.slice(1).map((time, index) => time - (at[index] ?? 0))).size).toBe(3);
  });

  it("D3: fractions of a flow's delay are kept", async () => {
    const at: number[] = [];
    const failing = flow({ name: "f", retries: 1, retryDelaySeconds: 0.25 }, () => (at.push(test.clock.now()), boom()));
    await end(() => failing());

    expect((at[1] ?? 0) - (at[0] ?? 0)).toBe(250);
  });

  it("D4: withOptions copies hook lists, clears with an empty one, and carries onCommit and onRollback over", async () => {
    const original = task(
      { name: "t", onCompletion: [say("completion")], onCommit: [say("commit")], onRollback: [say("rollback")] },
      () => 1,
    );
    await end(() => original.withOptions({ onCompletion: [] })());
    await end(() =>
      transaction(() =>
        original
          .withOptions({ tags: ["a"] })()
          .then(boom),
      ),
    );
    await end(() => original.withOptions({ onCommit: [] })());

    expect(calls).toEqual(names("commit completion rollback completion"));
  });

  it("D5: onRunning and onCrashed run inside the context of their run, too", async () => {
    const look: FlowStateHook = (_flow, flowRun, { name }) => {
      getRunLogger().info("from a hook");
      if (getRunContext().flowRun === flowRun) calls.push(name);
    };
    await end(() =>
      flow({ name: "f", onRunning: [look], onCrashed: [look] }, () => Promise.reject(new SystemExit()))(),
    );

    expect(calls).toEqual(["Running", "Crashed"]);
  });

  it("D6: a crash, and a pause, of a run does not call onRunning once more", async () => {
    const crashing = task({ name: "t", onRunning: [say("task runs")] }, () => Promise.reject(new SystemExit("stop")));
    await end(() => flow({ name: "f" }, () => crashing())());
    const { run } = await paused({ onRunning: [say("flow runs")] });
    const { id } = await test.stored.flowRun("pausing");
    await test.within(() => resumeFlowRun(id));
    await test.finish(run);

    expect(calls).toEqual(["task runs", "flow runs"]);
  });

  it("D7: a failed attempt that is retried rolls back nothing around it; only the last failure does", async () => {
    let attempts = 0;
    const hooks = (name: string) => ({ name, onCommit: [say(`commit ${name}`)], onRollback: [say(`undo ${name}`)] });
    const [first, last] = [task(hooks("first"), () => 1), task(hooks("last"), () => 1)];
    const flaky = task({ ...hooks("flaky"), retries: 1 }, () => ((attempts += 1) === 1 ? boom() : 1));
    const failing = task({ ...hooks("failing"), retries: 1 }, boom);
    await end(() => transaction(async () => [await first(), await flaky(), await last()]));
    calls.push("|");
    await end(() => transaction(async () => [await first(), await failing()]));

    expect(calls).toEqual(["commit first", "commit flaky", "commit last", "|", "undo first"]);
  });

  it("D8: a rollback hook that fails keeps nothing else from being undone, is logged, and makes rollback() false", async () => {
    const broken = task({ name: "broken", onRollback: [say("undo 1"), boom, say("undo 3")] }, () => 1);
    const inner = task({ name: "inner", onRollback: [say("undo inner")] }, () => 1);
    const around = task({ name: "around", onRollback: [boom] }, () => inner());
    const seen: unknown[] = [];
    await end(() =>
      transaction(async (txn) => {
        await around();
        await broken();
        seen.push(
          await txn.rollback(),
          txn.children.map(({ state }) => state),
        );
      }),
    );

    expect(calls).toEqual(["undo 3", "undo 1", "undo inner"]);
    expect(seen).toEqual([false, ["ROLLED_BACK", "ROLLED_BACK"]]);
    expect(test.log.lines.filter(({ level }) => level === "error").length).toBeGreaterThanOrEqual(2);
  });

  it("D9: work staged under a transaction that is rolled back already is undone when its block ends, with a warning", async () => {
    const late = task({ name: "late", onRollback: [say("undo late")], onCommit: [say("commit late")] }, () => 1);
    let inner: Transaction | null = null;
    await end(() =>
      transaction(async (txn) => {
        await txn.rollback();
        await transaction(async () => {
          inner = getTransaction();
          await late();
        });
      }),
    );

    expect(calls).toEqual(["undo late"]);
    expect(inner).toMatchObject({ state: "ROLLED_BACK" });
    expect(test.log.lines.some(({ level }) => level === "warn")).toBe(true);
  });

  it("D10: a run that is paused in its process may be cancelled", async () => {
    const { id, run } = await paused(flowHooks(calls));
    const done = test.finish(run);
    await test.within(() => cancelFlowRun(id));
    await done;

    expect(await test.stored.flowStates("pausing")).toEqual(names("Pending Running Paused Cancelling Cancelled"));
    expect(calls).toEqual(["onRunning:Running", "onCancellation:Cancelling"]);
  });

  it("D11: whatever a hook throws is logged, and the run goes on", async () => {
    const fine = flow({ name: "f", onRunning: [() => Promise.reject(new SystemExit("of a hook"))] }, () => "fine");

    expect(await end(() => fine())).toEqual({ status: "fulfilled", value: "fine" });
    expect(test.log.lines.some(({ message }) => message === "hook failed")).toBe(true);
  });

  it("D12: hooks are called by position, by whoever calls them", async () => {
    const given: unknown[][] = [];
    const hook = (...args: unknown[]): void => void given.push(args);
    const hooked = flow({ name: "f", onRunning: [hook], onCrashed: [hook] }, () => Promise.reject(new SystemExit()));
    await end(() => hooked());

    expect(given.map((args) => args.length)).toEqual([3, 3]);
    expect(given.every(([object]) => object === hooked)).toBe(true);
  });

  it("D13: a hook that a task does not have is a TypeError with the list of those it has", () => {
    const define = () => task(untyped({ name: "t", onCrashed: [() => undefined] }), boom);

    expect(define).toThrow(TypeError);
    expect(define).toThrow(/its hooks are onCommit, onRollback, onRetry, onRunning, onCompletion, onFailure\b/);
  });

  it.each([Running, Scheduled, Pending, AwaitingRetry])(
    "D14: a state made by hand in which no run can end fails the run, and its body is not called again (case %#)",
    async (make) => {
      let bodies = 0;
      const odd = flow<[], unknown>({ name: "f" }, () => ((bodies += 1), make()));
      await end(() => odd());

      expect(bodies).toBe(1);
      expect((await test.stored.flowRun("f")).state).toMatchObject({
        type: "FAILED",
        message: expect.stringContaining("cannot end"),
      });
    },
  );

  it("D15: the last attempt decides what a flow throws", async () => {
    let attempts = 0;
    const changing = flow({ name: "f", retries: 1 }, () =>
      (attempts += 1) === 1 ? boom() : Failed({ message: "the second one" }),
    );

    expect(await end(() => changing())).toMatchObject({ status: "rejected", reason: { message: "the second one" } });
  });

  it("D17: who waits for a run that was not ready finds the real error as the cause", async () => {
    const real = new Error("the real one");
    const bad = task({ name: "bad" }, () => Promise.reject(real));
    const step = task({ name: "step" }, (x: unknown) => x);
    const failing = flow({ name: "f" }, async () => {
      const waiting = step.submit(bad.submit());
      return waiting.result();
    });
    const outcome = await end(() => failing());

    const chain: unknown[] = [];
    for (
      let error: unknown = outcome.status === "rejected" ? outcome.reason : null;
      error instanceof Error;
      error = error.cause
    )
      chain.push(error);
    expect(chain).toContain(real);
    expect((await test.stored.flowRun("f")).state.type).toBe("FAILED");
  });

  it.each(["flow", "task"] as const)(
    "D18: an error while the name of a %s run is made fails it, and is thrown",
    async (kind) => {
      const outcome = await end(() =>
        kind === "flow"
          ? flow({ name: "f", flowRunName: boom }, say("body"))()
          : flow({ name: "f" }, () => task({ name: "t", taskRunName: boom }, say("body"))())(),
      );

      expect(outcome).toMatchObject({ status: "rejected", reason: { message: "oops!" } });
      expect(calls).toEqual([]);
      const states = kind === "flow" ? await test.stored.flowStates("f") : (await test.statesOfTask("f", "t"))[0];
      expect(states).toEqual(["Pending", "Failed"]);
    },
  );

  it("D19: onRetry tells of every retry", async () => {
    const failing = flow({ name: "f", retries: 2, onRetry: [say("retry")] }, boom);
    await end(() => failing());

    expect(calls).toEqual(["retry", "retry"]);
  });

  it("D20: a notifier reads its secret for states that it tells only", async () => {
    const step = task(
      { name: "t", stateHandlers: [slackNotifier({ onlyStates: ["Failed"] })] },
      () => "no secret is needed",
    );

    expect(await end(() => step())).toEqual({ status: "fulfilled", value: "no secret is needed" });
  });
});
