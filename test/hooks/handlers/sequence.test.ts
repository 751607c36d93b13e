import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { cancelFlowRun } from "../../../src/engine/cancel.ts";
import type { StateHandler } from "../../../src/engine/definition.ts";
import { SystemExit } from "../../../src/engine/interruption.ts";
import { runtime } from "../../../src/engine/runtime.ts";
import { flow } from "../../../src/flow.ts";
import { Completed, Failed } from "../../../src/states/constructors.ts";
import type { State } from "../../../src/states/state.ts";
import { task, type TaskHooks } from "../../../src/task.ts";
import { boom, openTimedRuns, type TimedRuns } from "./timed-runs.ts";

let test: TimedRuns;
beforeEach(async () => {
  test = await openTimedRuns();
});
afterEach(() => test[Symbol.asyncDispose]());

const done = <T>(fn: () => Promise<T>): Promise<T> => test.done(fn);

/** Writes down each state change that it sees. */
const recorder =
  (calls: string[]): StateHandler =>
  (_obj, old, next) =>
    void calls.push(`${old.name}→${next.name}`);

/** A body that fails so many times, then gives 1. */
const failsFirst = (times: number) => {
  let left = times;
  return (): number => ((left -= 1) >= 0 ? boom() : 1);
};

describe("what the handlers of a task see", () => {
  const SUCCESS = ["Pending→Running", "Running→Completed"];
  const FAILURE = ["Pending→Running", "Running→Failed"];
  const RETRY = [...FAILURE, "Failed→AwaitingRetry", "AwaitingRetry→Retrying"];
  it.each([
    { what: "success", retries: 0, failures: 0, seen: SUCCESS },
    { what: "failure", retries: 0, failures: 1, seen: FAILURE },
    { what: "a retry that succeeds", retries: 1, failures: 1, seen: [...RETRY, "Retrying→Completed"] },
    { what: "a retry that fails", retries: 1, failures: 2, seen: [...RETRY, "Retrying→Failed"] },
  ])("is for $what $seen, with and without a delay", async ({ retries, failures, seen }) => {
    for (const retryDelaySeconds of [0, 5]) {
      const calls: string[] = [];
      const options = { retries, retryDelaySeconds, stateHandlers: [recorder(calls)] };
      const subject = task({ name: "subject", ...options }, failsFirst(failures));

      await done(() => subject.run([], { returnState: true }));

      expect(calls).toEqual(seen);
    }
  });

  it("is one change when an upstream failed", async () => {
    const calls: string[] = [];
    const upstream = task({ name: "upstream" }, boom);
    const downstream = task({ name: "downstream", stateHandlers: [recorder(calls)] }, (x: unknown) => x);
    const outer = flow({ name: "outer" }, async () => {
      const failed = await upstream.run([], { returnState: true });
      await downstream.run([1], { returnState: true, waitFor: [failed] });
    });

    await done(() => outer.run([], { returnState: true }));

    expect(calls).toEqual(["Pending→NotReady"]);
  });

  it("includes the Failed of every attempt, while onFailure hooks run for the last one only", async () => {
    let handled = 0;
    let called = 0;
    let hooked = 0;
    const failing = task(
      {
        name: "failing",
        retries: 2,
        stateHandlers: [(_obj, _old, next) => void (next.isFailed() && (handled += 1))],
        onFailureCallback: () => void (called += 1),
        onFailure: [() => void (hooked += 1)],
      },
      boom,
    );

    await done(() => failing.run([], { returnState: true }));

    expect({ handled, called, hooked }).toEqual({ handled: 3, called: 3, hooked: 1 });
  });
});

describe("what the handlers of a flow see", () => {
  it("is two changes, whatever the tasks in it see", async () => {
    const [flowCalls, taskCalls]: [string[], string[]] = [[], []];
    const inner = task({ name: "inner", stateHandlers: [recorder(taskCalls)] }, () => 1);
    const outer = flow({ name: "outer", stateHandlers: [recorder(flowCalls)] }, async () => {
      await inner();
    });

    await done(() => outer());

    expect(flowCalls).toEqual(["Pending→Running", "Running→Completed"]);
    expect(taskCalls).toEqual(["Pending→Running", "Running→Completed"]);
  });

  it("includes the Failed of every attempt", async () => {
    const calls: string[] = [];
    const failing = flow({ name: "failing", retries: 1, retryDelaySeconds: 5, stateHandlers: [recorder(calls)] }, boom);

    await done(() => failing.run([], { returnState: true }));

    expect(calls).toEqual([
      "Pending→Running",
      "Running→Failed",
      "Failed→AwaitingRetry",
      "AwaitingRetry→Retrying",
      "Retrying→Failed",
    ]);
  });

  it("is the final state of a nested flow run as well", async () => {
    const calls: string[] = [];
    const child = flow({ name: "child", stateHandlers: [recorder(calls)] }, () => 1);
    const parent = flow({ name: "parent" }, () => child());

    await done(() => parent());

    expect(calls).toEqual(["Pending→Running", "Running→Completed"]);
  });
});

describe("handlers and hooks on one task", () => {
  it("go step by step: handlers before each state, hooks behind each stored one", async () => {
    const log: string[] = [];
    const on = (name: string): TaskHooks["onRunning"] => [(_t, _run, state) => void log.push(`${name} ${state.name}`)];
    const failing = task(
      {
        name: "failing",
        retries: 1,
        retryDelaySeconds: 5,
        stateHandlers: [(_obj, old, next) => void log.push(`h ${old.name}→${next.name}`)],
        onRunning: on("onRunning") ?? [],
        onRetry: on("onRetry") ?? [],
        onFailure: on("onFailure") ?? [],
      },
      boom,
    );
    const outer = flow({ name: "table", taskStateHandlers: [] }, () => failing.run([], { returnState: true }));

    await done(() => outer.run([], { returnState: true }));

    expect(log).toEqual([
      "h Pending→Running",
      "onRunning Running",
      "h Running→Failed",
      "h Failed→AwaitingRetry",
      "onRetry AwaitingRetry",
      "h AwaitingRetry→Retrying",
      "onRunning Retrying",
      "h Retrying→Failed",
      "onFailure Failed",
    ]);
    expect(await test.stored.taskStates("table")).toEqual([
      "Pending",
      "Running",
      "AwaitingRetry",
      "Retrying",
      "Failed",
    ]);
  });

  it("run in list order, the flow's handlers for its tasks behind the task's own", async () => {
    const order: string[] = [];
    const at =
      (name: string): StateHandler =>
      (_obj, _old, next) =>
        void (next.isCompleted() && order.push(name));
    const inner = task({ name: "inner", stateHandlers: [at("1"), at("2")] }, () => 1);
    const outer = flow({ name: "outer", taskStateHandlers: [at("3"), at("4")] }, () => inner());

    await done(() => outer());

    expect(order).toEqual(["1", "2", "3", "4"]);
  });
});

describe("a handler's own state", () => {
  it("is what is stored, what hooks see and what the caller gets, when it completes a failed task", async () => {
    let hooked: State | undefined;
    const rescued = Completed({ message: "rescued", data: 42 });
    const failing = task(
      {
        name: "failing",
        stateHandlers: [(_obj, _old, next) => (next.isFailed() ? rescued : next)],
        onCompletion: [(_t, _run, state) => void (hooked = state)],
        onFailure: [boom],
      },
      boom,
    );
    const outer = flow({ name: "rescue" }, async () => ({
      value: await failing(),
      state: await failing.run([], { returnState: true }),
    }));

    const { value, state } = await done(() => outer());

    expect(value).toBe(42);
    expect(state).toBe(rescued);
    expect(hooked).toBe(rescued);
    expect((await test.stored.taskRuns("rescue")).map((run) => run.state.message)).toEqual(["rescued", "rescued"]);
  });

  it("makes a flow that failed succeed with a value", async () => {
    const failing = flow(
      { name: "failing", stateHandlers: [(_obj, _old, next) => (next.isFailed() ? Completed({ data: "ok" }) : next)] },
      boom,
    );

    expect(await done(() => failing())).toBe("ok");
    expect(await test.stored.flowStates("failing")).toEqual(["Pending", "Running", "Completed"]);
  });

  it("makes a run that succeeded fail, and the caller gets its error", async () => {
    const strict: StateHandler = (_obj, _old, next) =>
      next.isCompleted() ? Failed({ data: new RangeError("too few") }) : undefined;
    const short = task({ name: "short", stateHandlers: [strict] }, () => 1);
    const shortFlow = flow({ name: "short", stateHandlers: [strict] }, () => 1);

    await expect(done(() => short())).rejects.toThrow(RangeError);
    await expect(done(() => shortFlow())).rejects.toThrow(RangeError);
  });

  it("ends the run before its body when it is final in place of Running", async () => {
    let bodies = 0;
    const early: StateHandler = (_obj, _old, next) => (next.isRunning() ? Completed({ data: "early" }) : next);
    const subject = task({ name: "subject", stateHandlers: [early] }, () => (bodies += 1));
    const outer = flow({ name: "outer", stateHandlers: [early] }, () => (bodies += 1));

    expect(await done<unknown>(() => subject())).toBe("early");
    expect(await done<unknown>(() => outer())).toBe("early");
    expect(bodies).toBe(0);
    expect(await test.stored.flowStates("outer")).toEqual(["Pending", "Completed"]);
  });

  it("passes from one handler to the next, and null and undefined keep it", async () => {
    const seen: string[] = [];
    const subject = task(
      {
        name: "subject",
        stateHandlers: [
          (_obj, _old, next) => (next.isCompleted() ? Completed({ name: "First", data: 1 }) : null),
          (_obj, _old, next) => void seen.push(next.name),
          async (_obj, _old, next) => (next.isCompleted() ? Completed({ name: "Second", data: 2 }) : undefined),
        ],
      },
      () => 0,
    );

    const state = await done(() => subject.run([], { returnState: true }));

    expect(seen).toEqual(["Running", "First"]);
    expect(state).toMatchObject({ type: "COMPLETED", name: "Second" });
    expect(await state.result()).toBe(2);
  });

  it("spends a retry when it makes a failure of a success", async () => {
    let bodies = 0;
    const once: StateHandler = (_obj, _old, next) => (next.isCompleted() && bodies < 2 ? Failed() : next);
    const subject = task({ name: "subject", retries: 3, stateHandlers: [once] }, () => (bodies += 1));

    expect(await done(() => subject())).toBe(2);
  });

  it("cancels the retry when it puts a final state in place of AwaitingRetry", async () => {
    let bodies = 0;
    const giveUp: StateHandler = (_obj, _old, next) => (next.isRetrying() ? Failed({ message: "given up" }) : next);
    const subject = task({ name: "subject", retries: 5, retryDelaySeconds: 60, stateHandlers: [giveUp] }, () => {
      bodies += 1;
      boom();
    });

    const state = await done(() => subject.run([], { returnState: true }));

    expect(bodies).toBe(1);
    expect(state.message).toBe("given up");
  });
});

describe("a handler that throws", () => {
  const onStates = (name: string): StateHandler =>
    function tellOps(_obj, _old, next) {
      if (next.name === name) throw new TypeError("meh");
    };

  it("on the way into Running keeps the body from running, and fails the run with its error", async () => {
    let bodies = 0;
    let others = 0;
    const hooked: string[] = [];
    const subject = task(
      {
        name: "subject",
        retries: 3,
        stateHandlers: [onStates("Running"), () => void (others += 1)],
        onFailure: [(_t, _run, state) => void hooked.push(String(state.message))],
      },
      () => (bodies += 1),
    );

    await expect(done(() => subject())).rejects.toThrow(new TypeError("meh"));

    expect({ bodies, others }).toEqual({ bodies: 0, others: 0 });
    expect(hooked).toEqual(["State handler tellOps failed with TypeError: meh"]);
  });

  it("on the way to Completed fails the run without a retry, and is not called for that Failed", async () => {
    let bodies = 0;
    const calls: string[] = [];
    const subject = task(
      { name: "subject", retries: 3, stateHandlers: [recorder(calls), onStates("Completed")] },
      () => {
        bodies += 1;
      },
    );
    const outer = flow({ name: "late", stateHandlers: [onStates("Completed")], retries: 3 }, () => {
      bodies += 1;
    });

    const state = await done(() => subject.run([], { returnState: true }));

    expect(state).toMatchObject({ type: "FAILED", name: "Failed" });
    expect(state.peek()).toEqual(new TypeError("meh"));
    expect(calls).toEqual(["Pending→Running", "Running→Completed"]);
    expect(bodies).toBe(1);
    await expect(done(() => outer())).rejects.toThrow("meh");
    expect(bodies).toBe(2);
    expect(await test.stored.flowStates("late")).toEqual(["Pending", "Running", "Failed"]);
  });

  it("on Failed or AwaitingRetry stops the retries", async () => {
    for (const name of ["Failed", "AwaitingRetry"]) {
      let bodies = 0;
      const subject = task({ name: "subject", retries: 3, stateHandlers: [onStates(name)] }, () => {
        bodies += 1;
        boom();
      });

      await expect(done(() => subject())).rejects.toThrow("meh");
      expect(bodies).toBe(1);
    }
  });

  it("leaves no rollback hook of its own task to run on the way to Completed, as nothing was staged", async () => {
    let rolledBack = 0;
    const subject = task(
      { name: "subject", stateHandlers: [onStates("Completed")], onRollback: [() => void (rolledBack += 1)] },
      () => 1,
    );

    await expect(done(() => subject())).rejects.toThrow("meh");

    expect(rolledBack).toBe(0);
  });

  it("for the tasks of a flow fails the task", async () => {
    const inner = task({ name: "inner" }, () => 1);
    const outer = flow({ name: "outer", taskStateHandlers: [onStates("Completed")] }, () =>
      inner.run([], { returnState: true }),
    );

    await expect(done(() => outer())).rejects.toThrow("meh");
  });

  it("or returns what is no state, which is a TypeError", async () => {
    // A handler without types.
    const subject = task({ name: "subject", stateHandlers: [() => "Failed" as never] }, () => 1);

    const state = await done(() => subject.run([], { returnState: true }));

    expect(state.peek()).toBeInstanceOf(TypeError);
    expect(state.peek()).toMatchObject({ code: "invalid_handler_result" });
  });
});

describe("handlers of a run that is ended from outside", () => {
  it("see the crash, and can neither change it nor fail it", async () => {
    const calls: string[] = [];
    const meddle: StateHandler = (_obj, _old, next) => {
      if (next.isCrashed()) return Completed();
      return next;
    };
    const breaks: StateHandler = (_obj, _old, next) => (next.isCrashed() ? boom() : undefined);
    const handlers = [meddle, breaks, recorder(calls)];
    const inner = task({ name: "inner", stateHandlers: handlers }, () => {
      throw new SystemExit("stop");
    });
    const outer = flow({ name: "crash", stateHandlers: handlers }, () => inner());

    await expect(done(() => outer())).rejects.toThrow(SystemExit);

    expect(calls).toEqual(["Pending→Running", "Pending→Running", "Running→Crashed", "Running→Crashed"]);
    expect(await test.stored.flowStates("crash")).toEqual(["Pending", "Running", "Crashed"]);
    expect(await test.stored.taskStates("crash")).toEqual(["Pending", "Running", "Crashed"]);
  });

  it("see the cancellation, and can neither change it nor fail it", async () => {
    const calls: string[] = [];
    let isRunning = false;
    const meddle: StateHandler = (_obj, _old, next) => (next.isCancelling() ? Completed() : next);
    const breaks: StateHandler = (_obj, _old, next) => (next.isCancelled() ? boom() : undefined);
    const outer = flow({ name: "cancelled", stateHandlers: [meddle, breaks, recorder(calls)] }, async () => {
      isRunning = true;
      await new Promise(() => undefined);
    });

    const run = test.within(() => outer().catch((error: unknown) => error));
    await test.clock.until(() => isRunning);
    await test.within(async () => cancelFlowRun(test.hub.engine, (await test.stored.flowRun("cancelled")).id));
    await done(() => run);

    expect(calls).toEqual(["Pending→Running", "Running→Cancelling", "Cancelling→Cancelled"]);
    expect(await test.stored.flowStates("cancelled")).toEqual(["Pending", "Running", "Cancelling", "Cancelled"]);
  });

  it("end the run as crashed when they throw SystemExit", async () => {
    const leave: StateHandler = (_obj, _old, next) => {
      if (next.isCompleted()) throw new SystemExit("stop");
    };
    const outer = flow({ name: "leaving", stateHandlers: [leave] }, () => 1);

    await expect(done(() => outer())).rejects.toThrow(SystemExit);

    expect((await test.stored.flowRun("leaving")).state.type).toBe("CRASHED");
  });
});

describe("inside a state handler", () => {
  it("the context of the run is there", async () => {
    const seen: (string | null)[] = [];
    const look: StateHandler = () => void seen.push(runtime.flowRun.flowName, runtime.taskRun.taskName);
    const inner = task({ name: "inner", stateHandlers: [look] }, () => 1);
    const outer = flow({ name: "outer", stateHandlers: [look] }, () => inner());

    await done(() => outer());

    expect(seen).toEqual(["outer", null, "outer", "inner", "outer", "inner", "outer", null]);
  });
});

describe("terminalStateHandler", () => {
  it("gets the flow, its final state and the states inside, and may return the state that is stored", async () => {
    let seen: unknown[] = [];
    const good = task({ name: "good" }, () => 1);
    const bad = task({ name: "bad" }, boom);
    const outer = flow(
      {
        name: "lenient",
        terminalStateHandler: (subject, state, children) => {
          seen = [subject, state.type, children.map((child) => child.type)];
          return Completed({ message: "good enough", data: "ok" });
        },
      },
      async () => {
        await good();
        await bad();
        return "unreached";
      },
    );

    expect(await done(() => outer())).toBe("ok");
    expect(seen).toEqual([outer, "FAILED", ["COMPLETED", "FAILED"]]);
    expect((await test.stored.flowRun("lenient")).state.message).toBe("good enough");
  });

  it("keeps the state when it returns nothing, and fails the run when it throws", async () => {
    const keeping = flow({ name: "keeping", terminalStateHandler: () => undefined }, () => 7);
    const breaking = flow({ name: "breaking", terminalStateHandler: boom }, () => 7);

    expect(await done(() => keeping())).toBe(7);
    await expect(done(() => breaking())).rejects.toThrow("oops!");
  });
});
