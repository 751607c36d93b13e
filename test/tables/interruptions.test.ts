import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import {
  cancelFlowRun,
  flow,
  pauseFlowRun,
  resumeFlowRun,
  runtime,
  suspendFlowRun,
  SystemExit,
  task,
  transaction,
} from "../../src/index.ts";
import { openRig, type Rig } from "./rig.ts";

let rig: Rig;
beforeEach(async () => {
  rig = await openRig();
});
afterEach(() => rig[Symbol.asyncDispose]());

const settled = async <T>(promise: Promise<T>): Promise<PromiseSettledResult<T>> =>
  (await Promise.allSettled([promise]))[0];

const noop = task({ name: "noop" }, (_item?: number) => 1);
const child = flow({ name: "child" }, () => 1);
const exit = task({ name: "exit" }, () => {
  throw new SystemExit("stop here");
});

/** What code in a body can ask the engine for. */
const CALLS: readonly { readonly what: string; readonly call: () => unknown }[] = [
  { what: "a task call", call: () => noop() },
  { what: "a task call for the state", call: () => noop.run([], { returnState: true }) },
  { what: "a flow call", call: () => child() },
  { what: "a flow call for the state", call: () => child.run([], { returnState: true }) },
  { what: "submit of a task", call: () => void noop.submit() },
  { what: "submit of a flow", call: () => void child.submit() },
  { what: "map", call: () => void noop.map([1, 2]) },
  { what: "map over nothing", call: () => void noop.map([]) },
  {
    what: "a transaction, whose block is not called",
    call: () =>
      transaction(() => {
        throw new Error("the block was called");
      }),
  },
  { what: "a pause", call: () => pauseFlowRun({ timeout: 1 }) },
  { what: "a suspension", call: () => suspendFlowRun() },
  { what: "a cancellation of another run", call: () => cancelFlowRun("another") },
  { what: "a resume of another run", call: () => resumeFlowRun("another") },
];

describe("an interruption that the body swallows", () => {
  it.each(CALLS)("is raised again by $what", async ({ call }) => {
    let raised: unknown;
    let wentOn = false;
    const swallowing = flow({ name: "swallowing" }, async () => {
      await exit().catch(() => undefined);
      try {
        await call();
        wentOn = true;
      } catch (error) {
        raised = error;
      }
      return "all is well";
    });

    await expect(rig.done(() => swallowing())).rejects.toThrow("stop here");

    expect(wentOn).toBe(false);
    expect(raised).toBeInstanceOf(SystemExit);
    expect(await rig.stored.taskRuns("swallowing")).toHaveLength(1);
    expect(await rig.stored.flowStates("swallowing")).toEqual(["Pending", "Running", "Crashed"]);
  });

  it("is raised again where a transaction ends, whose work is undone", async () => {
    const order: string[] = [];
    let raised: unknown;
    const undoable = task({ name: "undoable", onRollback: [() => void order.push("undone")] }, () => 1);
    const swallowing = flow({ name: "in-transaction" }, async () => {
      try {
        await transaction(async () => {
          await undoable();
          await exit().catch(() => undefined);
          order.push("end of the block");
        });
        order.push("behind it");
      } catch (error) {
        raised = error;
      }
    });

    await expect(rig.done(() => swallowing())).rejects.toThrow("stop here");
    expect(order).toEqual(["undone", "end of the block"]);
    expect(raised).toBeInstanceOf(SystemExit);
  });

  it("is raised again where the body returns, for a flow and for a task around it", async () => {
    const between = task({ name: "between" }, () => exit().catch(() => "swallowed"));
    const outer = flow({ name: "outer" }, () => between().catch(() => "swallowed again"));

    await expect(rig.done(() => outer())).rejects.toThrow("stop here");
    const tasks = await rig.stored.taskRuns("outer");
    expect(tasks.map(({ state }) => state.name)).toEqual(["Crashed", "Crashed"]);
  });

  it("is raised again where a child flow swallowed it, in its parent as well", async () => {
    const swallowing = flow({ name: "swallowing-child" }, () => exit().catch(() => "swallowed"));
    const parent = flow({ name: "parent" }, async () => {
      await swallowing().catch(() => undefined);
      await noop();
    });

    await expect(rig.done(() => parent())).rejects.toThrow("stop here");
    expect((await rig.stored.taskRuns("parent")).map(({ taskName }) => taskName)).toEqual(["swallowing-child"]);
  });

  it("is raised again by a generator that goes on", async () => {
    const yielding = flow({ name: "yielding" }, async function* () {
      yield await exit().catch(() => 0);
      yield await noop();
    });

    await expect(rig.done(() => yielding())).rejects.toThrow("stop here");
    expect(await rig.stored.taskRuns("yielding")).toHaveLength(1);
  });
});

/** A body that waits until the test lets it go on. */
function gate() {
  const { promise, resolve } = Promise.withResolvers<void>();
  let isEntered = false;
  return { entered: () => isEntered, open: () => resolve(), wait: () => ((isEntered = true), promise) };
}

describe("the body that a timeout left behind", () => {
  it.each(CALLS)("cannot go on with $what", async ({ call }) => {
    const { entered, open, wait } = gate();
    const ended = Promise.withResolvers<unknown>();
    const slow = flow({ name: "slow", timeoutSeconds: 1 }, async () => {
      await wait();
      try {
        await call();
        ended.resolve("went on");
      } catch (error) {
        ended.resolve(error);
      }
    });

    const run = settled(rig.within(() => slow()));
    await rig.clock.until(entered);
    await rig.clock.advance(1_000);
    expect(await run).toMatchObject({ reason: { code: "run_timeout" } });
    open();

    expect(await ended.promise).toMatchObject({ code: "run_over" });
    expect(await rig.stored.taskRuns("slow")).toEqual([]);
    expect(await rig.stored.flowStates("slow")).toEqual(["Pending", "Running", "TimedOut"]);
  });

  it.each([
    { what: "returns", last: () => "late" },
    {
      what: "throws",
      last: () => {
        throw new Error("late");
      },
    },
    {
      what: "asks for an exit",
      last: () => {
        throw new SystemExit("late");
      },
    },
  ])("$what without any effect", async ({ last }) => {
    const { entered, open, wait } = gate();
    const hooks: string[] = [];
    const inner = task({ name: "inner", timeoutSeconds: 1 }, async () => {
      await wait();
      return last();
    });
    const outer = flow({ name: "outer", onCrashed: [() => void hooks.push("crashed")] }, async () => {
      const state = await inner.run([], { returnState: true });
      open();
      await rig.clock.settle();
      await noop();
      return state.name;
    });

    const run = rig.within(() => outer());
    await rig.clock.until(entered);
    await rig.clock.advance(1_000);

    await expect(run).resolves.toBe("TimedOut");
    expect(hooks).toEqual([]);
    expect(await rig.stored.taskStates("outer")).toEqual(["Pending", "Running", "TimedOut"]);
  });
});

describe("the limit of a nested flow", () => {
  it("counts from when it runs, and that of the flow around it from before", async () => {
    const { entered, open, wait } = gate();
    const nested = flow({ name: "nested", timeoutSeconds: 3 }, async () => {
      await wait();
      return "in time";
    });
    const parent = flow({ name: "parent", timeoutSeconds: 10 }, async () => {
      await rig.clock.sleep(5_000);
      return nested();
    });

    const run = rig.within(() => parent());
    await rig.clock.advanceUntil(entered);
    await rig.clock.advance(2_999);
    open();

    await expect(run).resolves.toBe("in time");
  });

  it("does not count while the flow waits for what it depends on", async () => {
    const upstream = gate();
    const own = gate();
    const slow = task({ name: "upstream" }, upstream.wait);
    const nested = flow({ name: "nested", timeoutSeconds: 1 }, own.wait);
    const parent = flow({ name: "parent" }, async () => {
      const future = slow.submit();
      return nested.run([], { waitFor: [future], returnState: true });
    });

    const run = rig.within(() => parent.run([], { returnState: true }));
    await rig.clock.until(upstream.entered);
    await rig.clock.advance(5_000);
    upstream.open();
    await rig.clock.until(own.entered);
    await rig.clock.advance(999);
    expect((await rig.stored.flowRun("nested")).state.name).toBe("Running");
    await rig.clock.advance(1);

    expect((await run).message).toBe("1/1 states failed.");
    expect((await rig.stored.flowRun("nested")).state.name).toBe("TimedOut");
  });

  it("is none at 0, as withOptions can say", async () => {
    const { entered, open, wait } = gate();
    const limited = task({ name: "limited", timeoutSeconds: 1 }, wait);
    const patient = limited.withOptions({ timeoutSeconds: 0 });

    const run = rig.within(() => patient.run([], { returnState: true }));
    await rig.clock.until(entered);
    await rig.clock.advance(60_000);
    open();

    expect((await run).name).toBe("Completed");
    expect([limited.timeoutSeconds, patient.timeoutSeconds]).toEqual([1, 0]);
  });
});

describe("an interruption that comes after the final state", () => {
  it("by the caller's signal changes nothing and is logged at debug", async () => {
    const debug = vi.spyOn(rig.engine.log, "debug");
    const controller = new AbortController();
    const late = flow({ name: "late", onCompletion: [() => controller.abort()] }, () => 1);

    await expect(rig.done(() => late.run([], { signal: controller.signal }))).resolves.toBe(1);

    expect(await rig.stored.flowStates("late")).toEqual(["Pending", "Running", "Completed"]);
    expect(debug).toHaveBeenCalledWith(
      expect.stringContaining("ended"),
      expect.objectContaining({ run: (await rig.stored.flowRun("late")).id, state: "Completed" }),
    );
    debug.mockRestore();
  });

  it("by a signal of the process changes nothing and is logged at debug", async () => {
    const debug = vi.spyOn(rig.engine.log, "debug");
    // Somebody else listens too, so the process goes on.
    const listener = (): void => undefined;
    process.on("SIGTERM", listener);
    const hooks: string[] = [];
    const late = flow(
      {
        name: "late-signal",
        onCompletion: [() => void process.emit("SIGTERM", "SIGTERM"), () => void hooks.push("completion")],
        onCrashed: [() => void hooks.push("crashed")],
      },
      () => 1,
    );

    try {
      await expect(rig.done(() => late())).resolves.toBe(1);
    } finally {
      process.off("SIGTERM", listener);
    }

    expect(hooks).toEqual(["completion"]);
    expect(await rig.stored.flowStates("late-signal")).toEqual(["Pending", "Running", "Completed"]);
    expect(debug).toHaveBeenCalledWith(
      expect.stringContaining("ended"),
      expect.objectContaining({ state: "Completed", interruption: expect.stringContaining("SIGTERM") }),
    );
    debug.mockRestore();
  });

  it("by an exit in a hook is logged as the hook's error, and changes nothing", async () => {
    const late = flow(
      {
        name: "late-exit",
        onCompletion: [
          () => {
            throw new SystemExit("from a hook");
          },
        ],
      },
      () => noop(),
    );

    await expect(rig.done(() => late())).resolves.toBe(1);
    expect((await rig.stored.flowRun("late-exit")).state.type).toBe("COMPLETED");
    expect(await rig.stored.hooks("late-exit")).toMatchObject([{ status: "failed", error: { name: "SystemExit" } }]);
  });

  it("does not end the runs that come after it", async () => {
    const controller = new AbortController();
    const first = flow({ name: "first", onCompletion: [() => controller.abort()] }, () => 1);
    const outer = flow({ name: "outer" }, async () => {
      await first.run([], { signal: controller.signal });
      return noop();
    });

    await expect(rig.done(() => outer())).resolves.toBe(1);
    expect(runtime.flowRun.id).toBeNull();
  });
});
