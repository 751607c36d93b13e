import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { flow } from "../../src/flow.ts";
import { Cancelled, Cancelling, Completed, Crashed, Failed, Paused, Running } from "../../src/states/constructors.ts";
import { CrashedRun, FailedRun, PausedRun, UnfinishedRun } from "../../src/states/run-errors.ts";
import { task } from "../../src/task.ts";
import { openRuns } from "../support/runs.ts";

let test: Awaited<ReturnType<typeof openRuns>>;
beforeAll(async () => {
  test = await openRuns();
});
afterAll(() => test[Symbol.asyncDispose]());

const within = <T>(fn: () => T): T => test.within(fn);

describe("how a flow ends", () => {
  it("completes with the value of its body, also when that is nothing", async () => {
    const nothing = flow({ name: "ends-with-nothing" }, () => undefined);

    const state = await within(() => nothing.run([], { returnState: true }));

    expect(state).toMatchObject({ type: "COMPLETED", name: "Completed" });
    await expect(state.result()).resolves.toBeUndefined();
    expect(await test.stored.flowStates("ends-with-nothing")).toEqual(["Pending", "Running", "Completed"]);
  });

  it("throws the very value that its body threw", async () => {
    const thrown = { code: 3 };
    const throwing = flow({ name: "throws-anything" }, async () => {
      throw thrown;
    });

    await expect(within(() => throwing())).rejects.toBe(thrown);
    expect((await test.stored.flowRun("throws-anything")).state).toMatchObject({
      type: "FAILED",
      message: "Flow run failed with Object: [object Object]",
    });
  });

  it("drains a generator to a list, sync and async", async () => {
    const sync = flow({ name: "generator" }, function* () {
      yield 1;
      yield 2;
    });
    const async = flow({ name: "async-generator" }, async function* () {
      yield "a";
      yield "b";
    });

    await expect(within(() => sync())).resolves.toEqual([1, 2]);
    await expect(within(() => async())).resolves.toEqual(["a", "b"]);
  });

  it("fails when a generator throws halfway", async () => {
    const broken = flow({ name: "broken-generator" }, function* () {
      yield 1;
      throw new Error("halfway");
    });

    await expect(within(() => broken())).rejects.toThrow("halfway");
  });

  it("ends in a state that its body made by hand, the same object", async () => {
    const own = Completed({ name: "Skimmed", data: 7 });
    const skimming = flow({ name: "skimming" }, () => own);

    const state = await within(() => skimming.run([], { returnState: true }));

    expect(state).toBe(own);
    expect(state.stateDetails.flowRunId).toBe((await test.stored.flowRun("skimming")).id);
    expect(await test.stored.flowStates("skimming")).toEqual(["Pending", "Running", "Skimmed"]);
  });

  it("throws when its body returned a failure, and gives the data of a success", async () => {
    const failing = flow({ name: "returns-failed" }, () => Failed({ message: "by hand" }));
    const succeeding = flow({ name: "returns-completed" }, () => Completed({ data: 7 }));

    await expect(within(() => failing())).rejects.toBeInstanceOf(FailedRun);
    await expect(within(() => succeeding())).resolves.toBe(7);
  });

  it.each([
    [Paused, PausedRun, "PAUSED"],
    [Cancelling, UnfinishedRun, "CANCELLING"],
    [Crashed, CrashedRun, "CRASHED"],
  ] as const)("has no value to give in a state such as that of case %#", async (factory, error, type) => {
    const odd = flow({ name: `returns-${type}` }, () => factory());

    await expect(within(() => odd())).rejects.toBeInstanceOf(error);
    expect((await test.stored.flowRun(`returns-${type}`)).state.type).toBe(type);
  });

  it("fails with an explanation when its body returns a state in which no run can end", async () => {
    const running = flow({ name: "returns-running" }, () => Running());

    const state = await within(() => running.run([], { returnState: true }));

    expect(state).toMatchObject({ type: "FAILED", message: expect.stringContaining("cannot end") });
  });

  it("fails when one of the states it returns failed, with that one's error", async () => {
    const error = new Error("inner");
    const good = task({ name: "good" }, () => 1);
    const bad = task({ name: "bad" }, () => {
      throw error;
    });
    const both = flow({ name: "returns-states" }, async () => [
      await good.run([], { returnState: true }),
      await bad.run([], { returnState: true }),
    ]);

    await expect(within(() => both())).rejects.toBe(error);
    expect((await test.stored.flowRun("returns-states")).state.message).toBe("1/2 states failed.");
  });

  it("completes when its tasks failed but their states were not returned, or only among other values", async () => {
    const bad = task({ name: "bad" }, () => {
      throw new Error("inner");
    });
    const silent = flow({ name: "reads-only" }, async () => {
      await bad.run([], { returnState: true });
    });
    const mixed = flow({ name: "mixed" }, async () => ["bar", await bad.run([], { returnState: true })] as const);

    expect(await within(() => silent.run([], { returnState: true }))).toMatchObject({ type: "COMPLETED" });
    expect(await within(() => mixed.run([], { returnState: true }))).toMatchObject({ type: "COMPLETED" });
  });

  it("counts a cancelled child above any number of failed ones", async () => {
    const cancelled = task({ name: "cancelled" }, () => Cancelled());
    const bad = task({ name: "bad" }, () => {
      throw new Error("e");
    });
    const all = flow({ name: "one-cancelled" }, () =>
      Promise.all([
        bad.run([], { returnState: true }),
        cancelled.run([], { returnState: true }),
        bad.run([], { returnState: true }),
      ]),
    );

    expect(await within(() => all.run([], { returnState: true }))).toMatchObject({
      type: "CANCELLED",
      message: "1/3 states cancelled.",
    });
  });
});

describe("how a task ends", () => {
  it("gives its caller the state that its body returned, and does not throw it", async () => {
    const failing = task({ name: "returns-failed-task" }, () => Failed({ message: "by hand" }));
    const outer = flow({ name: "reads-failed-task" }, async () => {
      const returned = await failing();
      return [returned.isFailed(), returned.message];
    });

    await expect(within(() => outer())).resolves.toEqual([true, "by hand"]);
    expect(await test.stored.taskStates("reads-failed-task")).toEqual(["Pending", "Running", "Failed"]);
  });

  it("throws the very value that its body threw", async () => {
    const error = new TypeError("meh");
    const bad = task({ name: "throws" }, async () => {
      throw error;
    });

    await expect(within(() => bad())).rejects.toBe(error);
  });

  it("runs outside a flow under its own name", async () => {
    const lonely = task({ name: "lonely" }, (x: number) => x + 1);

    const state = await within(() => lonely.run([1], { returnState: true }));

    await expect(state.result()).resolves.toBe(2);
    const stored = await test.hub.engine.runs.readTaskRun(state.stateDetails.taskRunId ?? "");
    expect(stored).toMatchObject({ name: "lonely", flowRunId: null });
  });
});

describe("retries", () => {
  it("of a flow pass through AwaitingRetry and Retrying, also without a delay", async () => {
    let calls = 0;
    const flaky = flow({ name: "flaky-flow", retries: 2 }, () => {
      calls += 1;
      if (calls < 3) throw new Error(`attempt ${calls}`);
      return calls;
    });

    await expect(within(() => flaky())).resolves.toBe(3);
    expect(await test.stored.flowStates("flaky-flow")).toEqual([
      "Pending",
      "Running",
      "AwaitingRetry",
      "Retrying",
      "AwaitingRetry",
      "Retrying",
      "Completed",
    ]);
    expect((await test.stored.flowRun("flaky-flow")).runCount).toBe(3);
  });

  it("of a task without a delay leave no AwaitingRetry in its history", async () => {
    const bad = task({ name: "no-delay", retries: 2 }, () => {
      throw new Error("always");
    });
    const outer = flow({ name: "no-delay-flow" }, () => bad.run([], { returnState: true }).then(String));

    await within(() => outer());

    expect(await test.stored.taskStates("no-delay-flow")).toEqual([
      "Pending",
      "Running",
      "Retrying",
      "Retrying",
      "Failed",
    ]);
    expect((await test.stored.taskRuns("no-delay-flow"))[0]?.runCount).toBe(3);
  });

  it("count a returned Failed as a failed attempt", async () => {
    let calls = 0;
    const hand = task({ name: "returned-failed", retries: 1 }, () => ((calls += 1) === 1 ? Failed() : "ok"));

    await expect(within(() => hand())).resolves.toBe("ok");
    expect(calls).toBe(2);
  });

  it("give a failed task its full budget again when the flow is retried", async () => {
    let calls = 0;
    const bad = task({ name: "inner-budget", retries: 2 }, () => {
      calls += 1;
      throw new Error("always");
    });
    const outer = flow({ name: "outer-budget", retries: 1 }, () => bad());

    await expect(within(() => outer())).rejects.toThrow("always");
    expect(calls).toBe(6);
  });

  it("let the last attempt decide", async () => {
    let calls = 0;
    const changing = flow({ name: "last-decides", retries: 1 }, () => {
      calls += 1;
      if (calls === 1) throw new Error("first");
      return Failed({ message: "second" });
    });

    await expect(within(() => changing())).rejects.toThrow("second");
  });

  it("are not made when the condition says no, throws, or the limit is reached", async () => {
    const seen: unknown[] = [];
    const run = async (retryConditionFn: () => boolean | Promise<boolean>): Promise<number> => {
      let calls = 0;
      const bad = task({ name: "conditional", retries: 2, retryConditionFn }, () => {
        calls += 1;
        throw new Error("e");
      });
      await within(() => bad.run([], { returnState: true }));
      return calls;
    };

    expect(await run(() => false)).toBe(1);
    expect(await run(async () => true)).toBe(3);
    expect(
      await run(() => {
        throw new Error("broken condition");
      }),
    ).toBe(1);
    expect(seen).toEqual([]);
  });

  it("ask the condition with the task, its run and a Failed that carries the error", async () => {
    const error = new Error("e");
    const asked: unknown[] = [];
    const bad = task(
      {
        name: "asked",
        retries: 1,
        retryConditionFn: (object, taskRun, state) => {
          asked.push(object.name, taskRun.taskName, state.isFailed(), state.peek());
          return false;
        },
      },
      () => {
        throw error;
      },
    );

    await within(() => bad.run([], { returnState: true }));

    expect(asked).toEqual(["asked", "asked", true, error]);
  });
});

describe("nested flows", () => {
  it("are stood for by a task run in their parent that goes through the same states", async () => {
    const child = flow({ name: "nested-child" }, () => 1);
    const parent = flow({ name: "nested-parent" }, () => child());

    await within(() => parent());

    const [parentRun, childRun] = [
      await test.stored.flowRun("nested-parent"),
      await test.stored.flowRun("nested-child"),
    ];
    const [tracking] = await test.stored.taskRuns("nested-parent");
    expect(childRun).toMatchObject({ parentTaskRunId: tracking?.id, parentFlowRunId: parentRun.id });
    expect(await test.stored.taskStates("nested-parent")).toEqual(["Pending", "Running", "Completed"]);
    const [first, , last] = await test.hub.engine.runs.listStates({ taskRunId: tracking?.id ?? "" });
    expect(last?.state.state_details.child_flow_run_id).toBe(childRun.id);
    expect(last?.state.id).not.toBe(childRun.state.id);
    expect(first?.state.state_details.flow_run_id).toBe(parentRun.id);
    expect(childRun.state.stateDetails.taskRunId).toBe(tracking?.id);
  });

  it("crash their parent's call, not their parent, when they return a crash by hand", async () => {
    const child = flow({ name: "hand-crashed" }, () => Crashed({ message: "by hand" }));
    const parent = flow({ name: "parent-of-hand-crashed" }, () => child());

    await expect(within(() => parent())).rejects.toBeInstanceOf(CrashedRun);
    expect((await test.stored.flowRun("parent-of-hand-crashed")).state.type).toBe("FAILED");
  });
});
