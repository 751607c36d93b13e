import { AsyncResource } from "node:async_hooks";
import { EventEmitter, once } from "node:events";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { getRunContext, MissingContextError } from "../../src/engine/run-context.ts";
import { runtime } from "../../src/engine/runtime.ts";
import { flow } from "../../src/flow.ts";
import { task } from "../../src/task.ts";
import { openRuns } from "../support/runs.ts";

let test: Awaited<ReturnType<typeof openRuns>>;
beforeAll(async () => {
  test = await openRuns();
});
afterAll(() => test[Symbol.asyncDispose]());

const within = <T>(fn: () => T): T => test.within(fn);

/** What the code that asks belongs to. */
const where = (): readonly unknown[] => {
  const { kind, flowRun, taskRun, flow: flowObject, task: taskObject } = getRunContext();
  return [
    kind,
    flowRun?.flowName ?? null,
    taskRun?.taskName ?? null,
    flowObject?.name ?? null,
    taskObject?.name ?? null,
  ];
};

describe("getRunContext", () => {
  it("answers with the flow in a flow", async () => {
    await expect(within(() => flow({ name: "f" }, where)())).resolves.toEqual(["flow", "f", null, "f", null]);
  });

  it("answers with the task in a task, which knows its flow", async () => {
    const inner = task({ name: "t" }, where);

    await expect(within(() => flow({ name: "f" }, () => inner())())).resolves.toEqual(["task", "f", "t", "f", "t"]);
  });

  it("answers with the task in a task without a flow", async () => {
    await expect(within(() => task({ name: "t" }, where)())).resolves.toEqual(["task", null, "t", null, "t"]);
  });

  it("answers with the flow in a flow that a task called", async () => {
    const inner = flow({ name: "inner" }, where);
    const between = task({ name: "between" }, () => inner());

    const seen = await within(() => flow({ name: "outer" }, () => between())());

    expect(seen).toEqual(["flow", "inner", null, "inner", null]);
  });

  it("answers with the inner task in a task that a task called, and with the outer one again after it", async () => {
    const inner = task({ name: "inner" }, where);
    const outer = task({ name: "outer" }, async () => [await inner(), where()]);

    const seen = await within(() => flow({ name: "f" }, () => outer())());

    expect(seen).toEqual([
      ["task", "f", "inner", "f", "inner"],
      ["task", "f", "outer", "f", "outer"],
    ]);
  });

  it("throws where there is no run, also after one", async () => {
    await within(() => flow({ name: "f" }, () => 1)());

    expect(() => getRunContext()).toThrow(MissingContextError);
    expect(() => getRunContext()).toThrow(/no flow run or task run/);
  });

  it("gives hooks the run that they are called for, and the very run object", async () => {
    const seen: unknown[] = [];
    const hook = (_object: unknown, run: unknown): void => {
      const context = getRunContext();
      seen.push([...where(), (context.taskRun ?? context.flowRun) === run]);
    };
    const inner = task({ name: "t", onRunning: [hook], onCompletion: [hook] }, () => 1);
    const outer = flow({ name: "f", onRunning: [hook], onCompletion: [hook] }, () => inner());

    await within(() => outer());

    expect(seen).toEqual([
      ["flow", "f", null, "f", null, true],
      ["task", "f", "t", "f", "t", true],
      ["task", "f", "t", "f", "t", true],
      ["flow", "f", null, "f", null, true],
    ]);
  });

  it("has the live arguments of the innermost run by name", async () => {
    const map = new Map();
    const inner = task({ name: "t" }, (_given: { map: typeof map }) => getRunContext().parameters);

    const parameters = await within(() => flow({ name: "f" }, () => inner({ map }))());

    expect(parameters["map"]).toBe(map);
  });
});

describe("the run around code", () => {
  const mine = (): unknown => runtime.flowRun.parameters["arg0"];

  it("is its own in each branch of Promise.all", async () => {
    const inner = task({ name: "branch" }, async (_given: string) => {
      await new Promise((resolve) => setImmediate(resolve));
      return runtime.taskRun.parameters["arg0"];
    });
    const outer = flow({ name: "branches" }, () => Promise.all(["a", "b", "c"].map((word) => inner(word))));

    await expect(within(() => outer())).resolves.toEqual(["a", "b", "c"]);
  });

  it("stays in promises, microtasks, turns of the loop and timers", async () => {
    const waiting = flow({ name: "waiting" }, async (_given: string) => {
      await Promise.resolve();
      const seen = [mine()];
      await new Promise<void>((resolve) => queueMicrotask(resolve));
      seen.push(mine());
      await new Promise<void>((resolve) => setImmediate(() => resolve(void seen.push(mine()))));
      await new Promise<void>((resolve) => setTimeout(() => resolve(void seen.push(mine())), 0));
      await new Promise<void>((resolve) => process.nextTick(() => resolve(void seen.push(mine()))));
      return seen;
    });

    const seen = await within(() => Promise.all(["a", "b"].map((word) => waiting(word))));

    expect(seen).toEqual([Array(5).fill("a"), Array(5).fill("b")]);
  });

  it("is that of the code that emits in a listener, and that of the code that listens once it is bound", async () => {
    const emitter = new EventEmitter();
    const listening = flow({ name: "listening" }, async (_given: string) => {
      const seen: unknown[] = [];
      emitter.on("plain", () => seen.push(mine()));
      emitter.on(
        "bound",
        AsyncResource.bind(() => void seen.push(mine())),
      );
      await emitting("emitter");
      return seen;
    });
    const emitting = flow({ name: "emitting" }, (_given: string) => {
      emitter.emit("plain");
      emitter.emit("bound");
    });

    await expect(within(() => listening("listener"))).resolves.toEqual(["emitter", "listener"]);
  });

  it("comes back after waiting for an event from outside of the run", async () => {
    const emitter = new EventEmitter();
    const waiting = flow({ name: "once" }, async (_given: string) => {
      setImmediate(() => emitter.emit("ready"));
      await once(emitter, "ready");
      return mine();
    });

    await expect(within(() => waiting("a"))).resolves.toBe("a");
  });

  it("is gone in code that was started outside, also while the run goes on", async () => {
    const { promise, resolve } = Promise.withResolvers<void>();
    const running = within(() => flow({ name: "going-on" }, () => promise)());

    await new Promise((turn) => setImmediate(turn));
    expect(() => getRunContext()).toThrow(MissingContextError);
    resolve();
    await running;
  });
});
