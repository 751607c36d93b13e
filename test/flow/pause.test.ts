import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { z } from "zod";
import { getRunContext } from "../../src/engine/run-context.ts";
import { moveFlowRun } from "../../src/engine/move-flow-run.ts";
import { cancelFlowRun } from "../../src/engine/cancel.ts";
import { pauseFlowRun, suspendFlowRun as suspend } from "../../src/engine/pause.ts";
import { resumeFlowRun } from "../../src/engine/resume.ts";
import { flow } from "../../src/flow.ts";
import { suspendFlowRun } from "../../src/run-control.ts";
import { Scheduled } from "../../src/states/constructors.ts";
import { signals } from "../../src/states/signals.ts";
import { task } from "../../src/task.ts";
import { rejected } from "../support/coded.ts";
import { gate, openTwoHubs, type TwoHubs, watch } from "../support/two-hubs.ts";

let two: TwoHubs;
beforeEach(async () => {
  two = await openTwoHubs();
});
afterEach(() => two[Symbol.asyncDispose]());

const settle = () => two.clock.settle(60);

const resumeOutside = async (flowName: string, runInput?: unknown) => {
  const { id } = await two.run(flowName);
  return resumeFlowRun(two.other, id, runInput === undefined ? {} : { runInput });
};

describe("a flow that pauses", () => {
  it("goes on when another process resumes it, and that is not another attempt", async () => {
    const order: string[] = [];
    const asking = flow({ name: "asking", onRunning: [() => void order.push("running")] }, async () => {
      await pauseFlowRun();
      return getRunContext().flowRun?.runCount;
    });
    const called = watch(two.within(() => asking()));
    await settle();
    expect((await two.run("asking")).state).toMatchObject({ name: "Paused", type: "PAUSED" });

    const state = await resumeOutside("asking");
    await two.noticed();

    expect(state.name).toBe("Running");
    expect(called.value).toBe(1);
    expect(order).toEqual(["running"]);
    expect(await two.states("asking")).toEqual(["Pending", "Running", "Paused", "Running", "Completed"]);
    expect(await two.run("asking")).toMatchObject({ runCount: 1 });
  });

  it("may do so in a task, and gets the object that an object schema asks for", async () => {
    const waitForInput = z.object({ approved: z.boolean(), note: z.string().default("none") });
    const ask = task({ name: "ask" }, () => pauseFlowRun({ waitForInput }));
    const asking = flow({ name: "asking" }, () => ask());
    const called = watch(two.within(() => asking()));
    await settle();

    const refusal = await rejected(resumeOutside("asking", { approved: "perhaps" }));
    const missing = await rejected(resumeOutside("asking"));
    await resumeOutside("asking", { approved: true });
    await two.noticed();

    expect([refusal.code, missing.code]).toEqual(["resume_refused", "resume_refused"]);
    expect(called.value).toEqual({ approved: true, note: "none" });
    expect(await two.taskStates("asking", "ask")).toEqual(["Pending", "Running", "Completed"]);
  });

  it("gets the value that any other schema asks for", async () => {
    const asking = flow({ name: "asking" }, () => pauseFlowRun({ waitForInput: z.int() }));
    const called = watch(two.within(() => asking()));
    await settle();

    await resumeOutside("asking", { value: 42 });
    await two.noticed();

    expect(called.value).toBe(42);
  });

  it("fails when nobody resumes it in time", async () => {
    const failed: string[] = [];
    const asking = flow({ name: "asking", onFailure: [(_f, _r, { name }) => void failed.push(name)] }, () =>
      pauseFlowRun({ timeout: 60 }),
    );
    const called = watch(two.within(() => asking()));
    await settle();

    await two.clock.advance(60_000);
    await settle();

    expect(called.error).toMatchObject({ name: "FlowPauseTimeout" });
    expect(failed).toEqual(["Failed"]);
    expect(await two.states("asking")).toEqual(["Pending", "Running", "Paused", "Failed"]);
  });

  it("fails in its task, too", async () => {
    const ask = task({ name: "ask" }, () => pauseFlowRun({ timeout: 60 }));
    const asking = flow({ name: "asking" }, () => ask());
    const called = watch(two.within(() => asking()));
    await settle();

    await two.clock.advance(60_000);
    await settle();

    expect(called.error).toMatchObject({ name: "FlowPauseTimeout" });
    expect(await two.states("asking")).toEqual(["Pending", "Running", "Paused", "Failed"]);
    expect(await two.taskStates("asking", "ask")).toEqual(["Pending", "Running", "Failed"]);
  });

  it("passes a pause on its second attempt that it has made on its first", async () => {
    let attempts = 0;
    const asking = flow({ name: "asking", retries: 1 }, async () => {
      const answer = await pauseFlowRun({ waitForInput: z.string() });
      attempts += 1;
      if (attempts === 1) throw new Error("after the pause");
      return answer;
    });
    const called = watch(two.within(() => asking()));
    await settle();
    await resumeOutside("asking", { value: "go" });
    await two.noticed();
    await settle();

    expect(called.value).toBe("go");
    expect(await two.states("asking")).toEqual([
      "Pending",
      "Running",
      "Paused",
      "Running",
      "AwaitingRetry",
      "Retrying",
      "Completed",
    ]);
    expect(await two.run("asking")).toMatchObject({ runCount: 2 });
  });

  it("times out like any other: its clock goes on", async () => {
    const asking = flow({ name: "asking", timeoutSeconds: 30 }, () => pauseFlowRun());
    const called = watch(two.within(() => asking()));
    await settle();

    await two.clock.advance(30_000);
    await settle();

    expect(called.error).toMatchObject({ name: "TimeoutError" });
    expect((await two.run("asking")).state).toMatchObject({ name: "TimedOut", type: "FAILED" });
  });

  it("shows its parent that it waits", async () => {
    const child = flow({ name: "child" }, () => pauseFlowRun());
    const parent = flow({ name: "parent" }, () => child());
    const called = watch(two.within(() => parent()));
    await settle();
    await resumeOutside("child");
    await two.noticed();

    expect(called.isDone).toBe(true);
    expect(await two.taskStates("parent", "child")).toEqual(["Pending", "Running", "Paused", "Running", "Completed"]);
    expect(await two.states("parent")).toEqual(["Pending", "Running", "Completed"]);
  });
});

describe("a task of a paused flow", () => {
  it("begins when the flow goes on, and waits as NotReady until then; one under way goes on", async () => {
    const { body, entered, open } = gate();
    const begun: string[] = [];
    const long = task({ name: "long" }, body);
    const late = task({ name: "late", onRunning: [() => void begun.push("late")] }, () => "late");
    const asking = flow({ name: "asking" }, async () => {
      const running = long();
      await two.clock.until(entered);
      const paused = pauseFlowRun();
      await two.clock.settle(10);
      const held = late();
      await paused;
      return [await running, await held];
    });
    const called = watch(two.within(() => asking()));
    await settle();
    open("long");
    await settle();
    expect((await two.tasks("asking")).map(({ taskName, state }) => [taskName, state.type, state.name])).toEqual([
      ["long", "COMPLETED", "Completed"],
      ["late", "PAUSED", "NotReady"],
    ]);
    expect(begun).toEqual([]);

    await resumeOutside("asking");
    await two.noticed();

    expect(called.value).toEqual(["long", "late"]);
    expect(await two.taskStates("asking", "late")).toEqual(["Pending", "NotReady", "Running", "Completed"]);
    expect((await two.tasks("asking")).map(({ runCount }) => runCount)).toEqual([1, 1]);
  });

  it("never begins when the pause ends badly", async () => {
    const late = task({ name: "late" }, () => "must not run");
    const asking = flow({ name: "asking" }, async () => {
      const paused = pauseFlowRun({ timeout: 5 }).catch((error: unknown) => error);
      await two.clock.settle(10);
      const held = late().catch((error: unknown) => error);
      return [await paused, await held].map(String);
    });
    const called = watch(two.within(() => asking()));
    await settle();

    await two.clock.advance(5_000);
    await settle();

    expect(called.isDone).toBe(true);
    expect((await two.tasks("asking")).map(({ state }) => state.isFinal() && !state.isCompleted())).toEqual([true]);
  });

  it("is Cancelled when the paused flow is", async () => {
    const late = task({ name: "late" }, () => "must not run");
    const asking = flow({ name: "asking" }, async () => {
      const paused = pauseFlowRun();
      await two.clock.settle(10);
      await Promise.all([paused, late()]);
    });
    const called = watch(two.within(() => asking()));
    await settle();
    const { id } = await two.run("asking");

    await cancelFlowRun(two.other, id);
    await two.noticed();

    expect(called.error).toMatchObject({ name: "CancelledRun" });
    expect(await two.taskStates("asking", "late")).toEqual(["Pending", "NotReady", "Cancelled"]);
  });

  it("that throws PAUSE pauses itself and its flow, and runs again when that is resumed", async () => {
    const resumed: unknown[] = [];
    const ask = task({ name: "ask" }, () => {
      resumed.push(getRunContext().taskRun?.runCount);
      if (resumed.length === 1) throw new signals.PAUSE("look at it first");
      return "looked";
    });
    const asking = flow({ name: "asking" }, () => ask());
    const called = watch(two.within(() => asking()));
    await settle();
    expect((await two.run("asking")).state).toMatchObject({ type: "PAUSED", message: "look at it first" });

    await resumeOutside("asking");
    await two.noticed();

    expect(called.value).toBe("looked");
    expect(resumed).toEqual([1, 1]);
    expect(await two.states("asking")).toEqual(["Pending", "Running", "Paused", "Running", "Completed"]);
    expect(await two.taskStates("asking", "ask")).toEqual(["Pending", "Running", "Paused", "Running", "Completed"]);
  });

  it("that throws PAUSE with a start time goes on by itself", async () => {
    let calls = 0;
    const ask = task({ name: "ask" }, () => {
      calls += 1;
      if (calls === 1) throw new signals.PAUSE("later", { startTime: new Date(two.clock.now() + 90_000) });
      return "later";
    });
    const asking = flow({ name: "asking" }, () => ask());
    const called = watch(two.within(() => asking()));
    await settle();

    await two.clock.advance(89_000);
    const before = called.isDone;
    await two.clock.advance(2_000);
    await settle();

    expect([before, called.value]).toEqual([false, "later"]);
  });
});

describe("suspending", () => {
  it("is refused without a deployment, with a reason, and the run goes on", async () => {
    const errors: unknown[] = [];
    const asking = flow({ name: "asking" }, async () => {
      await suspendFlowRun().catch((error: unknown) => errors.push(error));
      return "went on";
    });

    await expect(two.within(() => asking())).resolves.toBe("went on");

    expect(errors).toMatchObject([{ code: "transition_refused", message: expect.stringContaining("deployment") }]);
    expect(await two.states("asking")).toEqual(["Pending", "Running", "Completed"]);
  });

  it("another run, too", async () => {
    const { body, entered, open } = gate();
    const slow = flow({ name: "slow" }, body);
    const called = watch(two.within(() => slow()));
    await two.clock.until(entered);
    const { id } = await two.run("slow");

    const error = await rejected(suspend({ flowRunId: id }, two.other));
    open("done");
    await settle();

    expect(error.code).toBe("transition_refused");
    expect(called.value).toBe("done");
  });

  it("needs the flow's own code: a task cannot suspend its run", async () => {
    const ask = task({ name: "ask" }, () => suspendFlowRun());
    const asking = flow({ name: "asking" }, () => ask());

    await expect(two.within(() => asking())).rejects.toMatchObject({ code: "missing_context" });
  });
});

describe("a run whose time has come", () => {
  it("is marked Late once by whatever process is there, and keeps its start time", async () => {
    const { body, entered, open } = gate();
    const later = flow({ name: "later" }, body);
    void watch(two.within(() => later()));
    await two.clock.until(entered);
    const { id } = await two.run("later");
    // A test has no other way to a scheduled run: nothing schedules runs yet.
    const scheduledTime = new Date(two.clock.now() + 1_000);
    open("done");
    await settle();
    await moveFlowRun(two.other, id, Scheduled({ scheduledTime }), { force: true });

    await two.clock.advance(15_000);
    const before = (await two.run("later")).state.name;
    await two.clock.advance(6_000);
    await settle();
    const after = (await two.run("later")).state;
    await two.clock.advance(60_000);

    expect([before, after.name]).toEqual(["Scheduled", "Late"]);
    expect(after.stateDetails.scheduledTime).toEqual(scheduledTime);
    expect((await two.states("later")).filter((name) => name === "Late")).toEqual(["Late"]);
  });

  it("fails when its pause has expired and its process does not end it", async () => {
    const asking = flow({ name: "asking" }, () => pauseFlowRun({ timeout: 60 }));
    const called = watch(two.within(() => asking()));
    await settle();
    const { id } = await two.run("asking");

    await two.clock.advance(60_001);
    await settle();
    const error = await resumeFlowRun(two.other, id).catch((thrown: unknown) => thrown);

    expect(error).toMatchObject({ code: "not_paused" });
    expect(called.error).toMatchObject({ name: "FlowPauseTimeout" });
  });
});
