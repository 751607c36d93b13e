import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { z } from "zod";
import { getRunContext } from "../../src/engine/run-context.ts";
import { SystemExit } from "../../src/engine/interruption.ts";
import { runtime } from "../../src/engine/runtime.ts";
import { flow, type FlowHooks } from "../../src/flow.ts";
import { bindHook } from "../../src/hooks/bind-hook.ts";
import type { FlowStateHook, TaskStateHook } from "../../src/hooks/hook.ts";
import { Cancelled, Cancelling, Completed, Crashed, Failed } from "../../src/states/constructors.ts";
import type { State } from "../../src/states/state.ts";
import { task, type TaskHooks } from "../../src/task.ts";
import { openRuns } from "../support/runs.ts";

let test: Awaited<ReturnType<typeof openRuns>>;
beforeAll(async () => {
  test = await openRuns();
});
afterAll(() => test[Symbol.asyncDispose]());

const within = <T>(fn: () => T): T => test.within(fn);

/** Hooks on every event that write down which of them ran. */
function flowSpy(): { readonly hooks: FlowHooks; readonly calls: string[] } {
  const calls: string[] = [];
  const on = (event: string): FlowStateHook[] => [(_flow, _run, state) => void calls.push(`${event}:${state.name}`)];
  const hooks = {
    onRunning: on("running"),
    onRetry: on("retry"),
    onCompletion: on("completion"),
    onFailure: on("failure"),
    onCancellation: on("cancellation"),
    onCrashed: on("crashed"),
  };
  return { hooks, calls };
}

function taskSpy(): { readonly hooks: TaskHooks; readonly calls: string[] } {
  const calls: string[] = [];
  const on = (event: string): TaskStateHook[] => [(_task, _run, state) => void calls.push(`${event}:${state.name}`)];
  return {
    hooks: { onRunning: on("running"), onRetry: on("retry"), onCompletion: on("completion"), onFailure: on("failure") },
    calls,
  };
}

const boom = (): never => {
  throw new Error("oops!");
};

describe("when hooks fire", () => {
  it("for a flow that always fails: running and retry with every attempt, failure once at the end", async () => {
    const { hooks, calls } = flowSpy();
    const failing = flow({ name: "hooks-fail", retries: 3, ...hooks }, boom);

    await within(() => failing.run([], { returnState: true }));

    expect(calls).toEqual([
      "running:Running",
      "retry:AwaitingRetry",
      "running:Retrying",
      "retry:AwaitingRetry",
      "running:Retrying",
      "retry:AwaitingRetry",
      "running:Retrying",
      "failure:Failed",
    ]);
  });

  it("for a task that always fails without a delay: the retry is told with the Retrying state", async () => {
    const { hooks, calls } = taskSpy();
    const failing = task({ name: "hooks-task-fail", retries: 2, ...hooks }, boom);

    await within(() => failing.run([], { returnState: true }));

    expect(calls).toEqual([
      "running:Running",
      "retry:Retrying",
      "running:Retrying",
      "retry:Retrying",
      "running:Retrying",
      "failure:Failed",
    ]);
  });

  it("for a run whose last attempt succeeds: completion once and failure never", async () => {
    const { hooks, calls } = flowSpy();
    let attempts = 0;
    const flaky = flow({ name: "hooks-flaky", retries: 1, ...hooks }, () => ((attempts += 1) === 1 ? boom() : 1));

    await within(() => flaky());

    expect(calls).toEqual(["running:Running", "retry:AwaitingRetry", "running:Retrying", "completion:Completed"]);
  });

  it("for bad parameters: failure once, running never", async () => {
    const { hooks, calls } = flowSpy();
    const strict = flow({ name: "hooks-bad", parameters: z.object({ x: z.number() }), ...hooks }, () => 1);

    await within(() => strict.run([{ x: "a" as never }], { returnState: true }));

    expect(calls).toEqual(["failure:Failed"]);
  });

  it.each([
    [() => Crashed(), ["running:Running", "crashed:Crashed"]],
    [() => Cancelling(), ["running:Running", "cancellation:Cancelling"]],
    [() => Failed(), ["running:Running", "failure:Failed"]],
    [() => Cancelled(), ["running:Running"]],
    [() => Completed({ name: "Cached" }), ["running:Running", "completion:Cached"]],
  ])("for a state returned by hand: those of its type, whatever its name (case %#)", async (body, expected) => {
    const { hooks, calls } = flowSpy();
    const returning = flow({ name: "hooks-returned", ...hooks }, body);

    await within(() => returning.run([], { returnState: true }));

    expect(calls).toEqual(expected);
  });

  it("for a task that returns Failed: failure, after its retries", async () => {
    const { hooks, calls } = taskSpy();
    const returning = task({ name: "hooks-task-returned", retries: 1, ...hooks }, () => Failed());

    await within(() => returning());

    expect(calls).toEqual(["running:Running", "retry:Retrying", "running:Retrying", "failure:Failed"]);
  });

  it("for SystemExit in a task: crashed on every flow around it, innermost first, and nothing on the task", async () => {
    const order: string[] = [];
    const { hooks, calls } = taskSpy();
    const exiting = task({ name: "exits", ...hooks }, () => {
      throw new SystemExit("on purpose");
    });
    const inner = flow({ name: "exit-inner", onCrashed: [() => void order.push("inner")] }, () => exiting());
    const outer = flow({ name: "exit-outer", retries: 2, onCrashed: [() => void order.push("outer")] }, () => inner());

    await expect(within(() => outer.run([], { returnState: true }))).rejects.toThrow("on purpose");

    expect(order).toEqual(["inner", "outer"]);
    expect(calls).toEqual(["running:Running"]);
    expect(await test.stored.flowStates("exit-outer")).toEqual(["Pending", "Running", "Crashed"]);
    expect(await test.stored.taskStates("exit-inner")).toEqual(["Pending", "Running", "Crashed"]);
  });

  it("for a child that crashed by a returned state: crashed on the child, failure on the parent", async () => {
    const order: string[] = [];
    const child = flow({ name: "hook-child", onCrashed: [() => void order.push("child crashed")] }, () => Crashed());
    const parent = flow(
      {
        name: "hook-parent",
        onFailure: [() => void order.push("parent failed")],
        onCrashed: [() => void order.push("no")],
      },
      () => child(),
    );

    await within(() => parent.run([], { returnState: true }));

    expect(order).toEqual(["child crashed", "parent failed"]);
  });

  it("for a child: before its caller goes on", async () => {
    const order: string[] = [];
    const child = flow({ name: "first-child", onCompletion: [async () => void order.push("child hook")] }, () => 1);
    const parent = flow({ name: "then-parent", onCompletion: [() => void order.push("parent hook")] }, async () => {
      await child();
      order.push("caller goes on");
    });

    await within(() => parent());

    expect(order).toEqual(["child hook", "caller goes on", "parent hook"]);
  });
});

describe("what hooks get", () => {
  it("is the object, its run and the very state that the caller and the run have", async () => {
    const seen: unknown[] = [];
    const failing: ReturnType<typeof flow> = flow(
      {
        name: "hook-args",
        tags: ["t"],
        onFailure: [
          (object, flowRun, state) =>
            void seen.push(object, flowRun.state, state, flowRun.runCount, flowRun.tags, flowRun.name),
        ],
      },
      boom,
    );

    const returned = await within(() => failing.run([] as never, { returnState: true }));

    expect(seen[0]).toBe(failing);
    expect(seen[1]).toBe(returned);
    expect(seen[2]).toBe(returned);
    expect(seen.slice(3)).toEqual([1, ["t"], (await test.stored.flowRun("hook-args")).name]);
  });

  it("is a run whose counts and times are current from the first hook on", async () => {
    const counts: unknown[] = [];
    const failing = flow(
      {
        name: "hook-counts",
        retries: 1,
        onRunning: [(_f, run) => void counts.push(run.runCount)],
        onFailure: [(_f, run) => void counts.push(run.endTime instanceof Date, run.expectedStartTime instanceof Date)],
      },
      boom,
    );

    await within(() => failing.run([], { returnState: true }));

    expect(counts).toEqual([1, 2, true, true]);
  });

  it("is one more argument when it was bound", async () => {
    const seen: unknown[] = [];
    const hook = (_task: unknown, _run: unknown, state: State, extra: { x: number }): void =>
      void seen.push(state.name, extra.x);
    const bad = task({ name: "bound", onFailure: [bindHook(hook, { x: 4 })] }, boom);

    await within(() => bad.run([], { returnState: true }));

    expect(seen).toEqual(["Failed", 4]);
  });

  it("is the run's own context, on every event", async () => {
    const names: (string | null)[] = [];
    const look: FlowStateHook = (_flow, flowRun) => {
      expect(getRunContext().flowRun).toBe(flowRun);
      names.push(runtime.flowRun.flowName);
    };
    const context = flow(
      { name: "hook-context", retries: 1, onRunning: [look], onRetry: [look], onFailure: [look] },
      boom,
    );

    await within(() => context.run([], { returnState: true }));

    expect(names).toEqual(Array.from({ length: 4 }, () => "hook-context"));
    expect((await test.stored.hooks("hook-context")).every(({ status }) => status === "completed")).toBe(true);
  });
});

describe("hooks of one list", () => {
  it("run one after the other in list order, sync and async mixed, registered ones last", async () => {
    const order: number[] = [];
    const late = async (): Promise<void> => {
      await new Promise((resolve) => setImmediate(resolve));
      order.push(1);
    };
    const ordered = flow({ name: "hook-order", onCompletion: [late, () => void order.push(2)] }, () => 1);
    ordered.onCompletion(async () => void order.push(3));
    ordered.onCompletion(() => void order.push(4));

    await within(() => ordered());

    expect(order).toEqual([1, 2, 3, 4]);
  });

  it("go on when one throws, rejects or asks for the exit, and the outcome stays", async () => {
    const order: string[] = [];
    const fine = flow(
      {
        name: "hook-errors",
        onCompletion: [
          function throwing() {
            throw new Error("broken hook");
          },
          async () => {
            throw new SystemExit("not here");
          },
          () => Promise.reject("a text"),
          () => void order.push("last"),
        ],
      },
      () => 5,
    );

    await expect(within(() => fine())).resolves.toBe(5);

    expect(order).toEqual(["last"]);
    const outcomes = await test.stored.hooks("hook-errors");
    expect(outcomes.map(({ hook, status }) => [hook, status])).toEqual([
      ["throwing", "failed"],
      ["<anonymous>", "failed"],
      ["<anonymous>", "failed"],
      ["<anonymous>", "completed"],
    ]);
    expect(outcomes[0]).toMatchObject({
      event: "onCompletion",
      error: { name: "Error", message: "broken hook", stack: expect.stringContaining("throwing") },
    });
    expect(outcomes[2]?.error).toEqual({ name: "string", message: "a text", stack: null });
    expect((await test.stored.flowRun("hook-errors")).state.type).toBe("COMPLETED");
  });

  it("may start flows and tasks, also after a crash", async () => {
    const seen: unknown[] = [];
    const cleanUp = task({ name: "clean-up" }, () => runtime.flowRun.flowName);
    const crashing = flow({ name: "hook-starts", onCrashed: [async () => void seen.push(await cleanUp())] }, () => {
      throw new SystemExit("stop");
    });

    await expect(within(() => crashing())).rejects.toThrow("stop");

    expect(seen).toEqual(["hook-starts"]);
  });

  it("cannot end the run around them by asking a task to exit", async () => {
    const exiting = task({ name: "exit-in-hook" }, () => {
      throw new SystemExit("only this task");
    });
    const parent = flow({ name: "hook-exit-parent", onRunning: [() => exiting()] }, () => "fine");

    await expect(within(() => parent())).resolves.toBe("fine");
  });

  it("see a state that is stored already", async () => {
    let stored: string[] = [];
    const storing = flow(
      {
        name: "hook-after-commit",
        onCompletion: [async () => void (stored = await test.stored.flowStates("hook-after-commit"))],
      },
      () => 1,
    );

    await within(() => storing());

    expect(stored).toEqual(["Pending", "Running", "Completed"]);
  });
});

describe("copies with other options", () => {
  it("replace a list, keep what is not named, and clear with an empty list", async () => {
    const order: string[] = [];
    const original = flow(
      { name: "copied", onFailure: [() => void order.push("a")], onRunning: [() => void order.push("run")] },
      boom,
    );
    const replaced = original.withOptions({ onFailure: [() => void order.push("b")] });
    const cleared = original.withOptions({ onFailure: [], onRunning: [] });

    for (const each of [original, replaced, cleared]) await within(() => each.run([], { returnState: true }));

    expect(order).toEqual(["run", "a", "run", "b"]);
  });

  it("share no list with the original, in either direction", async () => {
    const order: string[] = [];
    const given: FlowStateHook[] = [() => void order.push("given")];
    const original = flow({ name: "unshared", onFailure: given }, boom);
    const copy = original.withOptions({ retries: 0 });
    given.push(() => void order.push("pushed later"));
    original.onFailure(() => void order.push("original only"));
    copy.onFailure(() => void order.push("copy only"));

    await within(() => original.run([], { returnState: true }));
    await within(() => copy.run([], { returnState: true }));

    expect(order).toEqual(["given", "original only", "given", "copy only"]);
  });

  it("carry hooks that were registered after the definition", async () => {
    const order: string[] = [];
    const original = task({ name: "carried" }, () => 1);
    original.onCompletion(() => void order.push("registered"));

    await within(() => original.withOptions({ tags: ["x"] })());

    expect(order).toEqual(["registered"]);
  });
});
