import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { z } from "zod";
import { allowFailure, unmapped } from "../../src/engine/annotations.ts";
import { asCompleted, type Future, wait } from "../../src/engine/future.ts";
import { SystemExit } from "../../src/engine/interruption.ts";
import { runtime } from "../../src/engine/runtime.ts";
import { flow } from "../../src/flow.ts";
import { UnfinishedRun } from "../../src/states/run-errors.ts";
import { signals } from "../../src/states/signals.ts";
import { task } from "../../src/task.ts";
import { rejected } from "../support/coded.ts";
import { openRuns } from "../support/runs.ts";

let test: Awaited<ReturnType<typeof openRuns>>;
beforeAll(async () => {
  test = await openRuns();
});
afterAll(() => test[Symbol.asyncDispose]());

const unhandled: unknown[] = [];
const onUnhandled = (reason: unknown): void => void unhandled.push(reason);
beforeEach(() => {
  unhandled.length = 0;
  process.on("unhandledRejection", onUnhandled);
});
afterEach(() => {
  process.off("unhandledRejection", onUnhandled);
  expect(unhandled).toEqual([]);
});

const within = <T>(fn: () => T): T => test.within(fn);

/** A gate that a test opens by hand. */
const gate = () => Promise.withResolvers<void>();

const boom = new TypeError("boom");
const add = task({ name: "add" }, (a: number, b: number = 1) => a + b);
const numbers = task({ name: "numbers" }, () => [1, 2, 3]);
const fails = task({ name: "fails" }, async (): Promise<number> => {
  throw boom;
});
const skips = task({ name: "skips" }, (): number => {
  throw new signals.SKIP("not today");
});

describe("submit", () => {
  it("gives a future at once, whose run goes on beside the flow", async () => {
    const { promise, resolve } = gate();
    const slow = task({ name: "slow" }, async () => {
      await promise;
      return 7;
    });
    const submitting = flow({ name: "submitting" }, async () => {
      const future = slow.submit();
      const early = { isDone: future.isDone, isFinal: future.state.isFinal() };
      resolve();
      return { early, value: await future.result(), state: future.state.name };
    });

    await expect(within(() => submitting())).resolves.toEqual({
      early: { isDone: false, isFinal: false },
      value: 7,
      state: "Completed",
    });
  });

  it("stores the run under the future's id, its states in order", async () => {
    const storing = flow({ name: "stores-submitted" }, async () => {
      const future = add.submit(1);
      await future.wait();
      return [future.taskRunId, future.state.stateDetails.taskRunId, future.state.id] as const;
    });

    const [futureId, stateRunId, stateId] = await within(() => storing());

    const [run] = await test.stored.taskRuns("stores-submitted");
    expect(run).toMatchObject({ id: futureId, state: { id: stateId } });
    expect(stateRunId).toBe(futureId);
    expect(await test.stored.taskStates("stores-submitted")).toEqual(["Pending", "Running", "Completed"]);
  });

  it("takes futures as arguments, also inside lists and objects, and passes their values", async () => {
    const show = task({ name: "show" }, (list: number[], options: { by: number }) => [list, options]);
    const chained = flow({ name: "chained" }, async () => {
      const [one, two] = [add.submit(0), add.submit(1)];
      return show.submit([one, two, 3], { by: add.submit(one, two) }).result();
    });

    await expect(within(() => chained())).resolves.toEqual([[1, 2, 3], { by: 3 }]);
  });

  it("takes states as arguments, and gives a called task the values of futures", async () => {
    const mixed = flow({ name: "mixed-handles" }, async () => {
      const state = await add.run([1], { returnState: true });
      const future: Future = add.submit(state);
      // A direct call is typed by values; at run time it takes futures as well.
      const called = await add(future as unknown as number);
      return [await future.result(), called];
    });

    await expect(within(() => mixed())).resolves.toEqual([3, 4]);
  });

  it("resolves to values for the body, the name and the stored run alike", async () => {
    const named = task({ name: "named", taskRunName: "add-{arg0}" }, (n: number) => [n, runtime.taskRun.parameters]);
    const naming = flow({ name: "naming" }, async () => named.submit(add.submit(1)).result());

    await expect(within(() => naming())).resolves.toEqual([2, { arg0: 2 }]);
    expect((await test.stored.taskRuns("naming")).map(({ name }) => name)).toContain("add-2");
  });

  it("makes the flow end in the states of futures that its body returns", async () => {
    const returning = flow({ name: "returns-futures" }, () => [add.submit(1), fails.submit()]);
    const single = flow({ name: "returns-one" }, () => add.submit(1));
    const data = flow({ name: "returns-data" }, () => ({ deep: fails.submit(), x: 1 }));

    await expect(within(() => returning())).rejects.toBe(boom);
    expect((await test.stored.flowRun("returns-futures")).state.message).toBe("1/2 states failed.");
    expect((await within(() => single.run([], { returnState: true }))).type).toBe("COMPLETED");
    const state = await within(() => data.run([], { returnState: true }));
    expect(await state.result()).toMatchObject({ deep: { type: "FAILED" }, x: 1 });
  });

  it("lets nobody look at a failure: the flow completes", async () => {
    const careless = flow({ name: "careless" }, () => {
      fails.submit();
      return "done";
    });

    await expect(within(() => careless())).resolves.toBe("done");
    expect(await test.stored.taskStates("careless")).toEqual(["Pending", "Running", "Failed"]);
  });

  it("makes the flow wait for its submitted runs before it ends", async () => {
    const { promise, resolve } = gate();
    const slow = task({ name: "slow" }, () => promise);
    const order: string[] = [];
    slow.onCompletion(() => void order.push("task"));
    const early = flow({ name: "returns-early" }, () => {
      slow.submit();
      queueMicrotask(() => resolve());
      return "returned";
    });
    early.onCompletion(() => void order.push("flow"));

    await within(() => early());

    expect(order).toEqual(["task", "flow"]);
    const [run] = await test.stored.taskRuns("returns-early");
    const flowRun = await test.stored.flowRun("returns-early");
    expect(run?.state.name).toBe("Completed");
    expect(flowRun.endMicros).toBeGreaterThan(run?.endMicros ?? Number.POSITIVE_INFINITY);
  });

  it("makes the flow wait also for what its submitted runs submit, and when its body throws", async () => {
    const ended: string[] = [];
    const inner = task({ name: "inner" }, () => void ended.push("inner"));
    const outer = task({ name: "outer" }, () => {
      inner.submit();
      ended.push("outer");
    });
    const throwing = flow({ name: "throws-early" }, () => {
      outer.submit();
      throw boom;
    });

    await expect(within(() => throwing())).rejects.toBe(boom);
    expect(ended).toEqual(["outer", "inner"]);
    expect((await test.stored.taskRuns("throws-early")).map(({ state }) => state.name)).toEqual([
      "Completed",
      "Completed",
    ]);
  });

  it("crashes the flow when a submitted task exits, although nobody waits for it", async () => {
    const exits = task({ name: "exits" }, async () => {
      throw new SystemExit("on purpose");
    });
    const exiting = flow({ name: "exiting" }, async () => {
      await exits.submit().wait();
      await add(1);
    });

    await expect(within(() => exiting())).rejects.toBeInstanceOf(SystemExit);
    expect((await test.stored.flowRun("exiting")).state.type).toBe("CRASHED");
    expect(await test.stored.taskStates("exiting")).toEqual(["Pending", "Running", "Crashed"]);
  });

  it("retries a submitted task, and the future shows the last state only when all is over", async () => {
    let calls = 0;
    const flaky = task({ name: "flaky", retries: 2 }, () => {
      calls += 1;
      if (calls < 3) throw boom;
      return calls;
    });
    const retrying = flow({ name: "retries-submitted" }, () => flaky.submit().result());

    await expect(within(() => retrying())).resolves.toBe(3);
    expect(await test.stored.taskStates("retries-submitted")).toEqual([
      "Pending",
      "Running",
      "Retrying",
      "Retrying",
      "Completed",
    ]);
  });
});

describe("an upstream that did not complete", () => {
  it("leaves the run Pending and NotReady: no body, no hooks, no retries", async () => {
    const calls: string[] = [];
    const down = task({ name: "down", retries: 3 }, (_n: number) => void calls.push("body"));
    down.onRunning(() => void calls.push("running"));
    down.onFailure(() => void calls.push("failure"));
    down.onCompletion(() => void calls.push("completion"));
    const waiting = flow({ name: "not-ready" }, async () => {
      const state = await down.submit(fails.submit()).wait();
      return ["kept apart", state] as const;
    });

    const [, state] = await within(() => waiting());

    expect(calls).toEqual([]);
    expect(state).toMatchObject({
      type: "PENDING",
      name: "NotReady",
      message: expect.stringContaining("TypeError: boom"),
    });
    const stored = (await test.stored.taskRuns("not-ready")).find(({ taskName }) => taskName === "down");
    expect(stored).toMatchObject({ runCount: 0, startMicros: null, endMicros: null, state: { name: "NotReady" } });
  });

  it("gives UnfinishedRun for its result, with the upstream's real error as the cause, however long the chain", async () => {
    const chain = flow({ name: "chain" }, async () => {
      const second = add.submit(fails.submit());
      const third = add.submit(second);
      return third.result();
    });

    const error = await within(() => rejected(chain()));

    expect(error).toBeInstanceOf(UnfinishedRun);
    expect(error.cause).toBe(boom);
    expect((await test.stored.flowRun("chain")).state.type).toBe("FAILED");
  });

  it("counts in waitFor as in the arguments, for calls and for child flows", async () => {
    const child = flow({ name: "child-not-ready" }, () => "ran");
    const waiting = flow({ name: "waits-for-failed" }, async () => {
      const failed = fails.submit();
      const state = await add.run([1], { returnState: true, waitFor: [failed] });
      const sub = await child.run([], { returnState: true, waitFor: [[failed]] });
      return [state.name, sub.name, sub.type];
    });

    await expect(within(() => waiting())).resolves.toEqual(["NotReady", "NotReady", "PENDING"]);
    expect(await test.stored.flowStates("child-not-ready")).toEqual(["Pending", "NotReady"]);
  });

  it("fails a flow that returns the state of such a run, because it is not final", async () => {
    const returning = flow({ name: "returns-not-ready" }, () => add.submit(fails.submit()));

    const state = await within(() => returning.run([], { returnState: true }));

    expect(state).toMatchObject({ type: "FAILED", message: "1/1 states are not final." });
  });

  it("is let through by allowFailure: the body gets the error", async () => {
    const look = task({ name: "look" }, (given: unknown) => given);
    const tolerant = flow({ name: "tolerant" }, async () => {
      const failed = fails.submit();
      return Promise.all([
        look.submit(allowFailure(failed)).result(),
        look.submit(allowFailure([failed, 1])).result(),
        look.submit(allowFailure(add.submit(failed))).result(),
        look.submitWith({ waitFor: [allowFailure(failed)] }, "waited").result(),
      ]);
    });

    await expect(within(() => tolerant())).resolves.toEqual([boom, [boom, 1], boom, "waited"]);
  });
});

describe("waitFor", () => {
  it("starts the run only after the others have completed", async () => {
    const order: string[] = [];
    const { promise, resolve } = gate();
    const first = task({ name: "first" }, async () => {
      await promise;
      order.push("first");
    });
    const second = task({ name: "second" }, () => void order.push("second"));
    const third = flow({ name: "third" }, () => void order.push("third"));
    const ordered = flow({ name: "ordered" }, async () => {
      const a = first.submit();
      const b = second.submitWith({ waitFor: [a] });
      queueMicrotask(() => resolve());
      await third.run([], { waitFor: [b] });
    });

    await within(() => ordered());

    expect(order).toEqual(["first", "second", "third"]);
  });

  it("does not count toward the timeout of a child flow", async () => {
    const { promise, resolve } = gate();
    const slow = task({ name: "slow" }, () => promise);
    const child = flow({ name: "timed-child", timeoutSeconds: 60 }, () => runtime.flowRun.name !== null);
    const parent = flow({ name: "timed-parent" }, () => {
      const waiting = child.run([], { waitFor: [slow.submit()] });
      resolve();
      return waiting;
    });

    await expect(within(() => parent())).resolves.toBe(true);
  });

  it("takes a generator, and a single future", async () => {
    const { promise, resolve } = gate();
    const slow = task({ name: "slow" }, () => promise);
    const waiting = flow({ name: "waits-for-generator" }, async () => {
      const first = slow.submit();
      const waitFor = (function* () {
        yield first;
      })();
      const second = add.submitWith({ waitFor }, 1);
      // As a caller without types might write it.
      const third = add.submitWith({ waitFor: first as unknown as Iterable<Future> }, 1);
      const early = await wait([second, third], { timeout: 0 });
      resolve();
      await wait([second, third]);
      return [early.done.length, second.state.name, third.state.name];
    });

    await expect(within(() => waiting())).resolves.toEqual([0, "Completed", "Completed"]);
  });

  it("refuses a promise, which is a call without submit", async () => {
    const mistaken = flow({ name: "mistaken" }, () => add.run([1], { waitFor: [add(1)] }));

    await expect(within(() => mistaken())).rejects.toThrow(/a promise is no future/);
  });

  it("fails the run, and not the process's other runs, when it holds a promise", async () => {
    const catching = flow({ name: "catching" }, async () => {
      const state = await add.run([1], { waitFor: [add(1)], returnState: true });
      return `${state.type} ${String(state.message)}`;
    });

    expect(await within(() => catching())).toMatch(/^FAILED Task run failed with TypeError: .*a promise is no future/);
  });
});

describe("a skipped upstream", () => {
  it("skips the runs that depend on it, all the way down", async () => {
    const calls: string[] = [];
    const down = task({ name: "down" }, (_n: number) => void calls.push("down"));
    const skipping = flow({ name: "skipping" }, async () => {
      const second = add.submit(skips.submit());
      const third = down.submit(second);
      const fourth = down.submitWith({ waitFor: [second] }, 1);
      return (await wait([second, third, fourth])).done.map(({ state }) => `${state.type} ${state.name}`);
    });

    await expect(within(() => skipping())).resolves.toEqual(Array.from({ length: 3 }, () => "COMPLETED Skipped"));
    expect(calls).toEqual([]);
  });

  it("does not skip a task that says so", async () => {
    const anyway = task({ name: "anyway", skipOnUpstreamSkip: false }, () => "ran");
    const notSkipping = flow({ name: "not-skipping" }, () => anyway.submitWith({ waitFor: [skips.submit()] }).result());

    await expect(within(() => notSkipping())).resolves.toBe("ran");
  });
});

describe("map", () => {
  it("starts one run for each item, and gives the values in order", async () => {
    const mapping = flow({ name: "mapping" }, async () => {
      const futures = add.map([1, 2, 3], 10);
      return [await futures.result(), futures.states.map(({ type }) => type), futures.length] as const;
    });

    const [values, types, length] = await within(() => mapping());

    expect([values, length]).toEqual([[11, 12, 13], 3]);
    expect(new Set(types)).toEqual(new Set(["COMPLETED"]));
    expect((await test.stored.taskRuns("mapping")).map(({ dynamicKey }) => dynamicKey)).toEqual(["0", "1", "2"]);
  });

  it("chains: each run waits for the item it came from, so one failure leaves one run not ready", async () => {
    const half = task({ name: "half" }, (n: number) => {
      if (n === 2) throw boom;
      return n / 2;
    });
    const chained = flow({ name: "maps-chained" }, async () => {
      const second = add.map(half.map([4, 2, 8]));
      await second.wait();
      return second.states.map(({ name }) => name);
    });

    await expect(within(() => chained())).resolves.toEqual(["Completed", "NotReady", "Completed"]);
  });

  it("waits for a future of a list", async () => {
    const late = flow({ name: "maps-future" }, async () => {
      const futures = await add.map(numbers.submit());
      return futures.result();
    });

    await expect(within(() => late())).resolves.toEqual([2, 3, 4]);
  });

  it("throws in the flow when the future of a list failed", async () => {
    const late = flow({ name: "maps-failed" }, async () => {
      const failing = fails.submit() as unknown as Future<number[]>;
      return (await add.map(failing)).result();
    });

    expect(await within(() => rejected(late()))).toMatchObject({ code: "upstream_not_completed", cause: boom });
  });

  it("gives a list in unmapped to every run, and no run to an empty list", async () => {
    const size = task({ name: "size" }, (n: number, list: number[]) => n * list.length);
    const sizes = flow({ name: "sizes" }, async () => [
      await size.map([1, 2], unmapped([7, 8, 9])).result(),
      await add.map([]).result(),
    ]);

    await expect(within(() => sizes())).resolves.toEqual([[3, 6], []]);
  });

  it("fails the flow when the lists differ in length", async () => {
    const uneven = flow({ name: "uneven" }, () => add.map([1, 2, 3], [1, 2]).result());

    expect(await within(() => rejected(uneven()))).toMatchObject({ code: "map_length_mismatch" });
  });

  it("gives futures in the order in which they are done", async () => {
    const gates = [gate(), gate(), gate()];
    const gated = task({ name: "gated" }, async (index: number) => {
      await gates[index]?.promise;
      return index;
    });
    const racing = flow({ name: "racing" }, async () => {
      const futures = gated.map([0, 1, 2]);
      const order: number[] = [];
      gates[2]?.resolve();
      for await (const future of asCompleted(futures)) {
        order.push(await future.result());
        gates[order.length === 1 ? 0 : 1]?.resolve();
      }
      return order;
    });

    await expect(within(() => racing())).resolves.toEqual([2, 0, 1]);
  });
});

describe("child flows", () => {
  it("are submitted like tasks, and their futures are arguments", async () => {
    const child = flow({ name: "submitted-child" }, (n: number) => n * 2);
    const parent = flow({ name: "submitting-parent" }, async () => {
      const future = child.submit(add.submit(1));
      return [future.kind, await add.submit(future).result()];
    });

    await expect(within(() => parent())).resolves.toEqual(["flow", 5]);
    const run = await test.stored.flowRun("submitted-child");
    expect(run.parentFlowRunId).toBe((await test.stored.flowRun("submitting-parent")).id);
  });
});

describe("a child flow with a schema", () => {
  const child = flow({ name: "checked-child", parameters: z.object({ n: z.number() }) }, ({ n }) => n * 2);

  it("checks the values of the futures it was given, not the futures", async () => {
    const parent = flow({ name: "checking-parent" }, () => child.submit({ n: add.submit(1) }).result());

    await expect(within(() => parent())).resolves.toBe(4);
    expect((await test.stored.flowRun("checked-child")).parameters).toEqual({ n: 2 });
  });

  it("is not ready, rather than given bad parameters, when one of them did not complete", async () => {
    const parent = flow(
      { name: "unready-parent" },
      async () => (await child.submit({ n: fails.submit() }).wait()).name,
    );

    await expect(within(() => parent())).resolves.toBe("NotReady");
  });
});

describe("lineage", () => {
  const inputsOf = async (flowName: string, taskName: string) =>
    (await test.stored.taskRuns(flowName)).filter((run) => run.taskName === taskName).map((run) => run.taskInputs);

  it("is stored with the task run: by parameter, and what was waited for", async () => {
    const down = task({ name: "down" }, (_given: { a: number; b: number }) => 1);
    const tracing = flow({ name: "tracing" }, async () => {
      const [a, b] = [add.submit(1), add.submit(2)];
      await down.submitWith({ waitFor: [b] }, { a, b: 1 }).wait();
      return [a.id, b.id, "ids"];
    });

    const [a, b] = await within(() => tracing());

    expect(await inputsOf("tracing", "down")).toEqual([
      { a: [{ input_type: "task_run", id: a }], b: [], wait_for: [{ input_type: "task_run", id: b }] },
    ]);
    expect(await inputsOf("tracing", "add")).toEqual([{}, {}]);
  });

  it("follows the object that a run returned, and the list that map took apart", async () => {
    const make = task({ name: "make" }, () => ({ rows: 1 }));
    const use = task({ name: "use" }, (_given: { rows: number }, _more: string) => 1);
    const tracing = flow({ name: "tracing-values" }, async () => {
      await use(await make(), "x");
      const list = numbers.submit();
      await (await add.map(list)).wait();
      return [list.id];
    });

    const [list] = await within(() => tracing());

    const made = (await test.stored.taskRuns("tracing-values")).find((run) => run.taskName === "make");
    expect(await inputsOf("tracing-values", "use")).toEqual([
      { arg0: [{ input_type: "task_run", id: made?.id }], arg1: [] },
    ]);
    expect(await inputsOf("tracing-values", "add")).toEqual(
      Array.from({ length: 3 }, () => ({ arg0: [{ input_type: "task_run", id: list }] })),
    );
  });
});

describe("branches that run at the same time", () => {
  it("see their own run each", async () => {
    const { promise, resolve } = gate();
    const who = task({ name: "who", taskRunName: "who-{arg0}" }, async (n: number) => {
      const before = runtime.taskRun.name;
      if (n === 3) resolve();
      await promise;
      return [before, runtime.taskRun.name];
    });
    const branching = flow({ name: "branching" }, async () => {
      const called = Promise.all([who(1), who(2)]);
      const submitted = who.submit(3);
      return [...(await called), await submitted.result(), runtime.taskRun.name];
    });

    await expect(within(() => branching())).resolves.toEqual([
      ["who-1", "who-1"],
      ["who-2", "who-2"],
      ["who-3", "who-3"],
      null,
    ]);
  });

  it("are limited by maxConcurrentTasks, without a deadlock of those that wait for others", async () => {
    let [running, most] = [0, 0];
    const busy = task({ name: "busy" }, async (n: number) => {
      running += 1;
      most = Math.max(most, running);
      await new Promise((resolve) => setImmediate(resolve));
      running -= 1;
      return n;
    });
    const limited = flow({ name: "limited", maxConcurrentTasks: 2 }, async () => {
      const first = busy.map([1, 2, 3, 4, 5]);
      const second = busy.map(first);
      return second.result();
    });

    await expect(within(() => limited())).resolves.toEqual([1, 2, 3, 4, 5]);
    expect(most).toBe(2);
  });

  it("do not deadlock when a limited task submits another one and waits for it", async () => {
    const outer = task({ name: "outer" }, (n: number) => add.submit(n).result());
    const nested = flow({ name: "limited-nested", maxConcurrentTasks: 1 }, () => outer.submit(1).result());

    await expect(within(() => nested())).resolves.toBe(2);
  });

  it("keep the states of each run in order in the store", async () => {
    const many = flow({ name: "many" }, async () => {
      await add.map(Array.from({ length: 50 }, (_, n) => n)).wait();
    });

    await within(() => many());

    const runs = await test.stored.taskRuns("many");
    const names: string[] = [];
    for (const { id } of runs) {
      const states = await test.hub.engine.runs.listStates({ taskRunId: id });
      names.push(states.map(({ state }) => state.name).join(" "));
    }
    expect(new Set(names)).toEqual(new Set(["Pending Running Completed"]));
    expect(names).toHaveLength(50);
  });
});
