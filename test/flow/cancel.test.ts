import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { newId } from "../../src/base/ids.ts";
import { cancelFlowRun as cancel } from "../../src/engine/cancel.ts";
import { getRunContext } from "../../src/engine/run-context.ts";
import { flow } from "../../src/flow.ts";
import { notify } from "../../src/hooks/notify.ts";
import { sweepDeadRuns } from "../../src/hooks/sweep.ts";
import { cancelFlowRun } from "../../src/run-control.ts";
import { Crashed } from "../../src/states/constructors.ts";
import { moveFlowRun } from "../../src/engine/move-flow-run.ts";
import { pauseFlowRun } from "../../src/engine/pause.ts";
import { task } from "../../src/task.ts";
import { rejected } from "../support/coded.ts";
import { gate, openTwoHubs, type TwoHubs, watch } from "../support/two-hubs.ts";

let two: TwoHubs;
beforeEach(async () => {
  two = await openTwoHubs();
});
afterEach(() => two[Symbol.asyncDispose]());

const cancelOutside = async (flowName: string) => {
  const { id } = await two.run(flowName);
  return cancel(two.other, id);
};

describe("cancelling a flow run that another process executes", () => {
  it("ends everything in it, innermost first, and runs the onCancellation hooks of its process", async () => {
    const order: string[] = [];
    const signals: AbortSignal[] = [];
    const { body, entered } = gate();
    const work = task({ name: "work" }, () => {
      signals.push(getRunContext().signal);
      return body();
    });
    const hooks = (name: string) => ({
      onCancellation: [
        (_f: unknown, run: { id: string }, state: { name: string }) =>
          void order.push(`${name} ${state.name} ${run.id === "" ? "" : "run"}`),
      ],
      onCrashed: [() => void order.push(`${name} crashed`)],
      onFailure: [() => void order.push(`${name} failed`)],
    });
    const inner = flow({ name: "inner", ...hooks("inner") }, () => work());
    const outer = flow({ name: "outer", ...hooks("outer") }, async () => {
      signals.push(getRunContext().signal);
      await inner();
    });
    const called = watch(two.within(() => outer()));
    await two.clock.until(entered);

    const state = await cancelOutside("outer");
    await two.noticed();

    expect(state.name).toBe("Cancelling");
    expect(called.error).toMatchObject({ name: "CancelledRun", code: "cancelled_run" });
    expect(order).toEqual(["inner Cancelling run", "outer Cancelling run"]);
    expect(signals.map(({ aborted }) => aborted)).toEqual([true, true]);
    expect(await two.states("outer")).toEqual(["Pending", "Running", "Cancelling", "Cancelled"]);
    expect(await two.states("inner")).toEqual(["Pending", "Running", "Cancelling", "Cancelled"]);
    expect(await two.taskStates("inner", "work")).toEqual(["Pending", "Running", "Cancelled"]);
    expect(await two.taskStates("outer", "inner")).toEqual(["Pending", "Running", "Cancelling", "Cancelled"]);
  });

  it("stores its declarative onCancellation once, with the state that was asked for", async () => {
    const { body, entered } = gate();
    const told = flow({ name: "told", onCancellation: [notify("inbox/ops")] }, body);
    void watch(two.within(() => told()));
    await two.clock.until(entered);

    const state = await cancelOutside("told");
    const before = await two.store.outbox.list({ flowRunId: (await two.run("told")).id });
    await cancelOutside("told");
    await two.noticed();

    expect(before).toMatchObject([{ destination: "inbox/ops", stateId: state.id }]);
    expect(await two.store.outbox.list({ flowRunId: (await two.run("told")).id })).toHaveLength(1);
    expect(await two.states("told")).toEqual(["Pending", "Running", "Cancelling", "Cancelled"]);
  });

  it("is noticed within 250 milliseconds", async () => {
    const { body, entered } = gate();
    const slow = flow({ name: "slow" }, body);
    const called = watch(two.within(() => slow()));
    await two.clock.until(entered);
    await cancelOutside("slow");

    await two.clock.advance(249);
    const before = called.isDone;
    await two.clock.advance(1);
    await two.clock.settle(40);

    expect([before, called.isDone]).toEqual([false, true]);
  });

  it("is noticed at the latest when the run proposes its next state, which then does not count", async () => {
    const { body, entered, open } = gate();
    const cancelled: string[] = [];
    const quick = flow({ name: "quick", onCancellation: [() => void cancelled.push("quick")] }, body);
    const called = watch(two.within(() => quick()));
    await two.clock.until(entered);
    await cancelOutside("quick");

    open("done");
    await two.clock.settle(40);

    expect(called.error).toMatchObject({ name: "CancelledRun" });
    expect(cancelled).toEqual(["quick"]);
    expect(await two.states("quick")).toEqual(["Pending", "Running", "Cancelling", "Cancelled"]);
  });

  it("tells the run in its parent that it was cancelled, also when it had just completed", async () => {
    const { body, entered, open } = gate();
    const child = flow({ name: "child" }, body);
    const parent = flow({ name: "parent" }, () => child());
    void watch(two.within(() => parent()));
    await two.clock.until(entered);
    await cancelOutside("child");

    open("done");
    await two.clock.settle(60);

    expect(await two.taskStates("parent", "child")).toEqual(["Pending", "Running", "Cancelling", "Cancelled"]);
  });

  it("stops code that swallows the error at its next call", async () => {
    const { body, entered } = gate();
    const work = task({ name: "work" }, body);
    const next = task({ name: "next" }, () => "must not run");
    const seen: unknown[] = [];
    const stubborn = flow({ name: "stubborn" }, async () => {
      await work().catch(() => undefined);
      await next().catch((error: unknown) => seen.push(error));
    });
    void watch(two.within(() => stubborn()));
    await two.clock.until(entered);
    await cancelOutside("stubborn");
    await two.noticed();

    expect(seen).toMatchObject([{ name: "CancelledRun" }]);
    expect((await two.tasks("stubborn")).map(({ taskName }) => taskName)).toEqual(["work"]);
  });

  it("reaches a caller that asked for the state as an error", async () => {
    const { body, entered } = gate();
    const slow = flow({ name: "slow" }, body);
    const called = watch(two.within(() => slow.run([], { returnState: true })));
    await two.clock.until(entered);
    await cancelOutside("slow");
    await two.noticed();

    expect(called.error).toMatchObject({ name: "CancelledRun" });
  });

  it("ends a run that waits for its next attempt, and its body is not called again", async () => {
    let attempts = 0;
    const flaky = flow({ name: "flaky", retries: 2, retryDelaySeconds: 600 }, () => {
      attempts += 1;
      throw new Error("no");
    });
    const called = watch(two.within(() => flaky()));
    await two.clock.until(() => attempts === 1);
    await two.clock.settle(40);
    expect((await two.run("flaky")).state.name).toBe("AwaitingRetry");

    const state = await cancelOutside("flaky");
    await two.noticed();

    expect(state.name).toBe("Cancelling");
    expect(called.error).toMatchObject({ name: "CancelledRun" });
    expect(attempts).toBe(1);
    expect(await two.states("flaky")).toEqual(["Pending", "Running", "AwaitingRetry", "Cancelling", "Cancelled"]);
  });

  it("ends tasks that wait: for another one, for their turn, and for their next attempt", async () => {
    const { body, entered } = gate();
    let attempts = 0;
    const slow = task({ name: "slow" }, body);
    const after = task({ name: "after" }, (value: unknown) => value);
    const flaky = task({ name: "flaky", retries: 3, retryDelaySeconds: 600 }, () => {
      attempts += 1;
      throw new Error("no");
    });
    const turn = task({ name: "turn" }, () => "must not run");
    const waiting = flow({ name: "waiting", maxConcurrentTasks: 2 }, async () => {
      const first = slow.submit();
      const futures = [first, flaky.submit(), after.submit(first), turn.submit()];
      await Promise.all(futures.map((future) => future.wait()));
    });
    const called = watch(two.within(() => waiting()));
    await two.clock.until(() => entered() && attempts === 1);
    await two.clock.settle(40);

    await cancelOutside("waiting");
    await two.noticed();

    expect(called.error).toMatchObject({ name: "CancelledRun" });
    expect(attempts).toBe(1);
    const ends = (await two.tasks("waiting")).map(({ taskName, state }) => `${taskName} ${state.name}`);
    expect(ends.toSorted()).toEqual(["after Cancelled", "flaky Cancelled", "slow Cancelled", "turn Cancelled"]);
    expect((await two.run("waiting")).state.name).toBe("Cancelled");
  });

  it("ends a run that is paused, with its hooks", async () => {
    const cancelled: string[] = [];
    const paused = flow(
      { name: "paused", onCancellation: [(_f, _r, { name }) => void cancelled.push(name)] },
      async () => {
        await pauseFlowRun();
      },
    );
    const called = watch(two.within(() => paused()));
    await two.clock.settle(40);
    expect((await two.run("paused")).state.name).toBe("Paused");

    await cancelOutside("paused");
    await two.noticed();

    expect(called.error).toMatchObject({ name: "CancelledRun" });
    expect(cancelled).toEqual(["Cancelling"]);
    expect(await two.states("paused")).toEqual(["Pending", "Running", "Paused", "Cancelling", "Cancelled"]);
  });

  it("of a child ends only the child; its parent gets an error and goes on as it likes", async () => {
    const { body, entered } = gate();
    const order: string[] = [];
    const child = flow({ name: "child", onCancellation: [() => void order.push("child")] }, body);
    const parent = flow({ name: "parent", onCancellation: [() => void order.push("parent")] }, async () => {
      const error = await child().catch((thrown: unknown) => thrown);
      return String(error);
    });
    const called = watch(two.within(() => parent()));
    await two.clock.until(entered);
    await cancelOutside("child");
    await two.noticed();

    expect(called.value).toContain("CancelledRun");
    expect(order).toEqual(["child"]);
    expect(await two.states("parent")).toEqual(["Pending", "Running", "Completed"]);
    expect(await two.states("child")).toEqual(["Pending", "Running", "Cancelling", "Cancelled"]);
  });

  it("is refused once the run has ended", async () => {
    const quick = flow({ name: "quick" }, () => 1);
    await two.within(() => quick());

    expect((await rejected(cancelOutside("quick"))).code).toBe("transition_refused");
    expect((await rejected(cancel(two.other, newId()))).code).toBe("run_not_found");
    expect(await two.states("quick")).toEqual(["Pending", "Running", "Completed"]);
  });
});

describe("cancelling a flow run of the same process", () => {
  it("needs no look into the store", async () => {
    const { body, entered } = gate();
    const slow = flow({ name: "slow" }, body);
    const called = watch(two.within(() => slow()));
    await two.clock.until(entered);
    const { id } = await two.run("slow");

    const state = await two.within(() => cancelFlowRun(id));
    await two.clock.settle(40);

    expect(state.name).toBe("Cancelling");
    expect(called.error).toMatchObject({ name: "CancelledRun" });
    expect(await two.states("slow")).toEqual(["Pending", "Running", "Cancelling", "Cancelled"]);
  });

  it("may be done by the run itself", async () => {
    const after = task({ name: "after" }, () => "must not run");
    const own = flow({ name: "own" }, async () => {
      await cancelFlowRun(getRunContext().flowRun?.id ?? "");
      await after();
    });
    const called = watch(two.within(() => own()));
    await two.clock.settle(60);

    expect(called.error).toMatchObject({ name: "CancelledRun" });
    expect(await two.tasks("own")).toEqual([]);
    expect(await two.states("own")).toEqual(["Pending", "Running", "Cancelling", "Cancelled"]);
  });

  it("by its caller's signal is a crash, not a cancellation", async () => {
    const { body, entered } = gate();
    const order: string[] = [];
    const slow = flow(
      {
        name: "slow",
        onCancellation: [() => void order.push("cancelled")],
        onCrashed: [() => void order.push("crashed")],
      },
      body,
    );
    const stop = new AbortController();
    const called = watch(two.within(() => slow.run([], { signal: stop.signal })));
    await two.clock.until(entered);

    stop.abort(new Error("changed my mind"));
    await two.clock.settle(40);

    expect(called.error).toMatchObject({ message: "changed my mind" });
    expect(order).toEqual(["crashed"]);
    expect((await two.run("slow")).state).toMatchObject({
      name: "Crashed",
      message: expect.stringContaining("runtime"),
    });
  });
});

describe("a flow run that somebody else ended", () => {
  const endOutside = async (flowName: string) =>
    moveFlowRun(two.other, (await two.run(flowName)).id, Crashed({ message: "taken for dead" }), {
      force: true,
    });

  it("stops with everything in it, and stays as it was ended", async () => {
    const { body, entered } = gate();
    const order: string[] = [];
    const work = task({ name: "work" }, body);
    const lost = flow({ name: "lost", onCrashed: [() => void order.push("crashed")] }, () => work());
    const called = watch(two.within(() => lost()));
    await two.clock.until(entered);

    await endOutside("lost");
    await two.noticed();

    expect(called.error).toMatchObject({ name: "CrashedRun", message: "taken for dead" });
    expect(await two.states("lost")).toEqual(["Pending", "Running", "Crashed"]);
    // Whoever ends a run from outside runs no functions, and neither does the process that no longer has it.
    expect(order).toEqual([]);
    expect((await two.run("lost")).state.message).toBe("taken for dead");
  });

  it("does not come back when its body ends before that was noticed", async () => {
    const { body, entered, open } = gate();
    const lost = flow({ name: "lost" }, body);
    const called = watch(two.within(() => lost()));
    await two.clock.until(entered);

    await endOutside("lost");
    open("done");
    await two.clock.settle(60);

    expect(called.error).toMatchObject({ name: "CrashedRun", message: "taken for dead" });
    expect(await two.states("lost")).toEqual(["Pending", "Running", "Crashed"]);
  });

  it("goes nowhere when its process was taken for dead", async () => {
    const { body, entered } = gate();
    const next = task({ name: "next" }, () => "must not run");
    const seen: unknown[] = [];
    const work = task({ name: "work" }, body);
    const lost = flow({ name: "lost" }, async () => {
      await work().catch(() => undefined);
      await next().catch((error: unknown) => seen.push(error));
    });
    const called = watch(two.within(() => lost()));
    await two.clock.until(entered);
    await two.owner.store.runs.flush();

    await sweepDeadRuns({ ...two.store, ...two.other, leaseId: newId(), isAlive: () => false });
    await two.noticed();

    expect(called.error).toMatchObject({ name: "CrashedRun" });
    expect(seen).toMatchObject([{ name: "CrashedRun" }]);
    expect(await two.states("lost")).toEqual(["Pending", "Running", "Crashed"]);
    expect(await two.taskStates("lost", "work")).toEqual(["Pending", "Running", "Crashed"]);
    await expect(two.owner.store.runs.flush()).resolves.toBeUndefined();
  });
});
