import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { SystemExit } from "../../src/engine/interruption.ts";
import { newId } from "../../src/base/ids.ts";
import type { Transition } from "../../src/engine/transition.ts";
import { NOBODY } from "../../src/engine/definition.ts";
import { flow } from "../../src/flow.ts";
import type { DeliveryRequest } from "../../src/runs/delivery-request.ts";
import { task } from "../../src/task.ts";
import { openRuns } from "../support/runs.ts";

let test: Awaited<ReturnType<typeof openRuns>>;
beforeAll(async () => {
  test = await openRuns();
});
afterAll(() => test[Symbol.asyncDispose]());

const within = <T>(fn: () => T): T => test.within(fn);

const exit = task({ name: "exit" }, () => {
  throw new SystemExit("stop here");
});
const noop = task({ name: "noop" }, () => 1);

const REQUEST: Omit<DeliveryRequest, "id" | "dedupKey" | "stateId"> = {
  destination: "inbox/ops",
  subject: "test",
  severity: "info",
  flowRunId: null,
  taskRunId: null,
  payload: {},
  createdAtMs: 0,
  expiresAtMs: null,
};

/** Lets promises settle. */
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe("an exit asked for in a task", () => {
  it("crashes the flow although its body swallowed the error and returned", async () => {
    const swallowing = flow({ name: "swallow-return" }, async () => {
      await exit().catch(() => undefined);
      return "all is well";
    });

    await expect(within(() => swallowing())).rejects.toThrow("stop here");
    expect((await test.stored.flowRun("swallow-return")).state).toMatchObject({
      type: "CRASHED",
      message: expect.stringContaining("stop here"),
    });
  });

  it("is raised again at the next task call of a body that swallowed it", async () => {
    let wentOn = false;
    const swallowing = flow({ name: "swallow-call" }, async () => {
      await exit().catch(() => undefined);
      await noop();
      wentOn = true;
    });

    await expect(within(() => swallowing())).rejects.toBeInstanceOf(SystemExit);
    expect(wentOn).toBe(false);
    expect(await test.stored.taskRuns("swallow-call")).toHaveLength(1);
  });

  it("wins over another error that the body makes of it", async () => {
    const wrapping = flow({ name: "wrapping" }, async () => {
      try {
        await exit();
      } catch (cause) {
        throw new Error("wrapped", { cause });
      }
    });

    await expect(within(() => wrapping())).rejects.toThrow("stop here");
    expect((await test.stored.flowRun("wrapping")).state.type).toBe("CRASHED");
  });

  it("is not retried, neither by the task nor by the flow", async () => {
    let calls = 0;
    const retried = task({ name: "exit-retried", retries: 3 }, () => {
      calls += 1;
      throw new SystemExit();
    });
    const outer = flow({ name: "exit-retried-flow", retries: 3 }, () => retried());

    await expect(within(() => outer())).rejects.toBeInstanceOf(SystemExit);
    expect(calls).toBe(1);
  });

  it("does not touch a flow that runs beside it", async () => {
    const beside = flow({ name: "beside" }, async () => {
      await turn();
      return noop();
    });
    const exiting = flow({ name: "exiting" }, () => exit());

    const [first, second] = await within(() => Promise.allSettled([exiting(), beside()]));

    expect(first.status).toBe("rejected");
    expect(second).toEqual({ status: "fulfilled", value: 1 });
  });
});

describe("the caller's signal", () => {
  it("crashes the run and those inside it, innermost first, and the caller gets the reason", async () => {
    const controller = new AbortController();
    const reason = new Error("enough");
    const order: string[] = [];
    const hang = flow(
      { name: "abort-inner", onCrashed: [(_f, _r, state) => void order.push(`inner ${state.message}`)] },
      async () => {
        controller.abort(reason);
        await new Promise(() => undefined);
      },
    );
    const outer = flow({ name: "abort-outer", onCrashed: [() => void order.push("outer")] }, () => hang());

    await expect(within(() => outer.run([], { signal: controller.signal, returnState: true }))).rejects.toBe(reason);

    expect(order).toEqual(["inner Flow run was cancelled by the runtime", "outer"]);
    expect(await test.stored.flowStates("abort-outer")).toEqual(["Pending", "Running", "Crashed"]);
  });

  it("that is aborted already starts nothing", async () => {
    let called = false;
    const never = flow({ name: "abort-before" }, () => {
      called = true;
    });

    await expect(within(() => never.run([], { signal: AbortSignal.abort("no") }))).rejects.toBe("no");

    expect(called).toBe(false);
    expect(await test.stored.flowStates("abort-before")).toEqual(["Pending", "Crashed"]);
  });

  it("changes nothing once the run has ended", async () => {
    const controller = new AbortController();
    const done = flow({ name: "abort-after" }, () => 1);

    await within(() => done.run([], { signal: controller.signal }));
    controller.abort();
    await turn();

    expect((await test.stored.flowRun("abort-after")).state.type).toBe("COMPLETED");
  });

  it("reaches a final state no more: a hook that aborts changes nothing", async () => {
    const controller = new AbortController();
    const late = flow({ name: "abort-in-hook", onCompletion: [() => controller.abort()] }, () => 1);

    await expect(within(() => late.run([], { signal: controller.signal }))).resolves.toBe(1);
    expect((await test.stored.flowRun("abort-in-hook")).state.type).toBe("COMPLETED");
  });
});

describe("a store that cannot be reached", () => {
  it("crashes the run, and the caller gets the store's error", async () => {
    const { engine } = test.hub;
    const failure = new Error("disk is gone");
    const states: string[] = [];
    const runs = new Proxy(engine.runs, {
      get: (target, key) => {
        if (key !== "commit") return Reflect.get(target, key).bind(target);
        return async (change: Parameters<typeof target.commit>[0]) => {
          states.push(change.state.name);
          if (change.state.isCompleted()) throw failure;
          return target.commit(change);
        };
      },
    });
    const { runFlow } = await import("../../src/engine/run-flow.ts");
    const hooks: string[] = [];
    const unlucky = flow({ name: "unlucky" }, () => 1);
    const listeners = [
      { committed: (move: { readonly to: { readonly name: string } }) => void hooks.push(move.to.name) },
    ];

    const run = runFlow({
      engine: { ...engine, runs },
      flow: unlucky,
      participants: { ...NOBODY, listeners },
      args: [],
      options: {},
    });

    await expect(run).rejects.toBe(failure);
    expect(states).toEqual(["Pending", "Running", "Completed", "Crashed"]);
    expect(hooks).toEqual(["Pending", "Running", "Crashed"]);
    expect((await test.stored.flowRun("unlucky")).state.message).toContain("disk is gone");
  });
});

describe("a store that cannot be reached from a task", () => {
  it("crashes the task and the flow around it, although the flow's body swallows the error", async () => {
    const { engine } = test.hub;
    const failure = new Error("disk is gone");
    const runs = new Proxy(engine.runs, {
      get: (target, key) => {
        if (key !== "commit") return Reflect.get(target, key).bind(target);
        return async (change: Parameters<typeof target.commit>[0]) => {
          if (change.run.kind === "task-run" && change.state.isCompleted()) throw failure;
          return target.commit(change);
        };
      },
    });
    const { runFlow } = await import("../../src/engine/run-flow.ts");
    const owing = {
      requests: (move: Transition): readonly DeliveryRequest[] =>
        move.run.kind === "task-run" && move.to.isCompleted()
          ? [{ ...REQUEST, id: newId(), dedupKey: move.to.id, stateId: move.to.id }]
          : [],
    };
    const outer = flow({ name: "unlucky-outer" }, async () => {
      await noop().catch(() => undefined);
    });

    const run = runFlow({
      engine: { ...engine, runs, listeners: [owing] },
      flow: outer,
      participants: NOBODY,
      args: [],
      options: {},
    });

    await expect(run).rejects.toBe(failure);
    expect((await test.stored.flowRun("unlucky-outer")).state.type).toBe("CRASHED");
    expect(await test.stored.taskStates("unlucky-outer")).toEqual(["Pending", "Running", "Crashed"]);
  });
});
