import { inspect } from "node:util";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { asCompleted, Future, wait } from "../../src/engine/future.ts";
import { futureList } from "../../src/engine/future-list.ts";
import { Cancelled, Crashed, Failed, Paused, Pending } from "../../src/states/constructors.ts";
import { rejected } from "../support/coded.ts";
import { completed, ended, failed, Handle } from "../support/futures.ts";
import { ManualClock } from "../support/manual-clock.ts";

const unhandled: unknown[] = [];
const onUnhandled = (reason: unknown): void => void unhandled.push(reason);
beforeEach(() => {
  unhandled.length = 0;
  process.on("unhandledRejection", onUnhandled);
});
afterEach(() => void process.off("unhandledRejection", onUnhandled));

const clock = new ManualClock();
const settle = () => clock.settle();

describe("a future", () => {
  it("shows the state of its run from start to end", async () => {
    const handle = new Handle();

    const before = { name: handle.future.state.name, isDone: handle.future.isDone };
    await handle.complete(7);

    expect(before).toEqual({ name: "Running", isDone: false });
    expect(handle.future).toMatchObject({ isDone: true, taskRunId: handle.id, id: handle.id });
    expect(handle.future.state).toMatchObject({ type: "COMPLETED" });
  });

  it("is no promise: awaiting it gives the future itself", async () => {
    const { future } = new Handle();

    const awaited = await Promise.resolve(future);

    expect(awaited).toBe(future);
    expect("then" in future).toBe(false);
  });

  it("waits for the last state, also of a failure, without throwing", async () => {
    const handle = new Handle();
    const waiting = handle.future.wait();

    await handle.fail(new Error("boom"));

    await expect(waiting).resolves.toMatchObject({ type: "FAILED" });
  });

  it("gives undefined when the time for the wait is over, and leaves no timer behind", async () => {
    const manual = new ManualClock();
    const handle = new Handle({ clock: manual });

    const early = handle.future.wait({ timeout: 2 });
    await manual.advance(2_000);
    const late = handle.future.wait({ timeout: 2 });
    await handle.complete(1);

    await expect(early).resolves.toBeUndefined();
    await expect(late).resolves.toMatchObject({ type: "COMPLETED" });
    expect(manual.pending.all).toBe(0);
  });

  it("only looks when the time for the wait is 0", async () => {
    const handle = new Handle();

    await expect(handle.future.wait({ timeout: 0 })).resolves.toBeUndefined();
    await handle.complete(1);
    await expect(handle.future.wait({ timeout: 0 })).resolves.toMatchObject({ type: "COMPLETED" });
  });

  it.each([-1, Number.NaN, "5"])("refuses %s as the time for a wait", async (timeout) => {
    const { future } = new Handle();
    // As a caller without types would give it.
    const options = { timeout: timeout as number };

    await expect(future.wait(options)).rejects.toThrow(TypeError);
    await expect(future.result(options)).rejects.toThrow(TypeError);
    await expect(wait([future], options)).rejects.toThrow(TypeError);
    await expect(wait([], options)).rejects.toThrow(TypeError);
    await expect(asCompleted([future], options).next()).rejects.toThrow(TypeError);
  });

  it("gives the value, also when it is nothing", async () => {
    const [seven, nothing] = [await completed(7), await completed(undefined)];

    await expect(seven.result()).resolves.toBe(7);
    await expect(nothing.result()).resolves.toBeUndefined();
  });

  it("throws the very value that the run threw, also one that is no error", async () => {
    const error = new Error("boom");

    await expect((await failed(error)).result()).rejects.toBe(error);
    await expect((await failed("text")).result()).rejects.toBe("text");
  });

  it("gives the error as the value when failures are not to be raised", async () => {
    const error = new Error("boom");

    await expect((await failed(error)).result({ raiseOnFailure: false })).resolves.toBe(error);
  });

  it("throws for a run that returned a failed state by hand", async () => {
    const handle = new Handle();
    const state = Failed({ message: "by hand" });
    await handle.end(state, { returned: { value: state } });

    expect(await rejected(handle.future.result())).toMatchObject({ code: "failed_run", message: "by hand" });
  });

  it.each([
    [Paused(), "paused_run"],
    [Pending({ name: "NotReady" }), "unfinished_run"],
    [Cancelled(), "cancelled_run"],
  ] as const)("has no value to give in the state %s", async (state, code) => {
    expect(await rejected((await ended(state)).result())).toMatchObject({ code });
  });

  it("throws a TimeoutError of its own when the time for the result is over", async () => {
    const manual = new ManualClock();
    const { future } = new Handle({ clock: manual });

    const result = rejected(future.result({ timeout: 1.5 }));
    await manual.advance(1_500);

    expect(await result).toMatchObject({
      code: "wait_timeout",
      name: "TimeoutError",
      message: "Future(load-1a2, Running) did not end within 1.5 second(s).",
    });
  });

  it("gives the state of a run that was interrupted, and throws the interruption for its value", async () => {
    const handle = new Handle();
    const error = new Error("stop");
    await handle.interrupt(error, Crashed());

    await expect(handle.future.wait()).resolves.toMatchObject({ type: "CRASHED" });
    await expect(handle.future.result()).rejects.toBe(error);
    await expect(handle.future.result({ raiseOnFailure: false })).rejects.toBe(error);
  });

  it("lets a failure that nobody looks at pass without an unhandled rejection", async () => {
    await new Handle().fail(new Error("nobody cares"));
    await new Handle().interrupt(new Error("nor here"), Crashed());
    await settle();

    expect(unhandled).toEqual([]);
  });

  it("prints its name and state", async () => {
    const { future } = new Handle({ name: () => "computed" });

    expect(String(future)).toBe("Future(computed, Running)");
    expect(inspect([future])).toBe("[ Future(computed, Running) ]");
  });

  it("names the task run that stands for a child flow run", () => {
    const child = new Handle({ kind: "flow", trackingTaskRunId: () => "tracking" }).future;
    const top = new Handle({ kind: "flow" }).future;

    expect(child).toMatchObject({ kind: "flow", taskRunId: "tracking" });
    expect(top.taskRunId).toBeNull();
  });

  it("is told apart from what only looks like it", () => {
    expect(Future.is(new Handle().future)).toBe(true);
    expect([null, undefined, 1, {}, Promise.resolve()].some(Future.is)).toBe(false);
  });
});

describe("wait", () => {
  it("tells the futures that are done from those that are not when the time is up", async () => {
    const manual = new ManualClock();
    const [fast, slow] = [new Handle({ clock: manual }), new Handle({ clock: manual })];

    const waiting = wait([fast.future, slow.future, fast.future], { timeout: 5 });
    await fast.fail(new Error("boom"));
    await manual.advance(5_000);

    expect(await waiting).toEqual({ done: [fast.future], notDone: [slow.future] });
  });

  it("waits for all of them without a time limit, and at once when there are none", async () => {
    const handle = new Handle();
    const waiting = wait([handle.future, await completed(1)]);
    await handle.complete(2);

    expect((await waiting).notDone).toEqual([]);
    expect(await wait([])).toEqual({ done: [], notDone: [] });
  });
});

describe("asCompleted", () => {
  it("gives the futures in the order in which they are done, each once", async () => {
    const [a, b, c] = [new Handle({ name: "a" }), new Handle({ name: "b" }), new Handle({ name: "c" })];
    await b.complete(1);
    const order: string[] = [];

    const collecting = (async () => {
      for await (const { name } of asCompleted([a.future, b.future, c.future, a.future])) order.push(name);
    })();
    await c.complete(2);
    await a.fail(new Error("boom"));
    await collecting;

    expect(order).toEqual(["b", "c", "a"]);
  });

  it("throws when the time is up, says how many are left, and leaves no timer behind", async () => {
    const manual = new ManualClock();
    const [done, open] = [new Handle({ clock: manual }), new Handle({ clock: manual })];
    await done.complete(1);
    const futures = asCompleted([done.future, open.future], { timeout: 3 });

    await futures.next();
    const next = rejected(futures.next());
    await manual.advance(3_000);

    expect(await next).toMatchObject({
      code: "wait_timeout",
      message: "1 of 2 futures did not end within 3 second(s).",
    });
    expect(manual.pending.all).toBe(0);
  });

  it("drops its timer when the loop is left early", async () => {
    const manual = new ManualClock();
    const [done, open] = [new Handle({ clock: manual }), new Handle({ clock: manual })];
    await done.complete(1);

    for await (const future of asCompleted([done.future, open.future], { timeout: 3 })) {
      expect(future).toBe(done.future);
      break;
    }

    expect(manual.pending.all).toBe(0);
  });

  it("ends at once without futures", async () => {
    expect(await asCompleted([]).next()).toMatchObject({ done: true });
  });
});

describe("a list of futures", () => {
  it("gives the values in its own order, whatever the order in which the runs end", async () => {
    const [a, b] = [new Handle<number>(), new Handle<number>()];
    const list = futureList([a.future, b.future, a.future]);
    const values = list.result();

    await b.complete(2);
    await a.complete(1);

    await expect(values).resolves.toEqual([1, 2, 1]);
  });

  it("throws the first failure in time although an earlier future still runs", async () => {
    const [running, failing] = [new Handle(), new Handle()];
    const values = futureList([running.future, failing.future]).result();
    const error = new Error("boom");

    await failing.fail(error);

    await expect(values).rejects.toBe(error);
    await running.complete(1);
  });

  it("puts errors in the place of values when failures are not to be raised", async () => {
    const error = new Error("boom");
    const list = futureList([await completed(1), await failed(error)]);

    await expect(list.result({ raiseOnFailure: false })).resolves.toEqual([1, error]);
  });

  it("throws when the time for all values is over", async () => {
    const manual = new ManualClock();
    const values = rejected(futureList([new Handle({ clock: manual }).future]).result({ timeout: 1 }));
    await manual.advance(1_000);

    expect(await values).toMatchObject({ code: "wait_timeout" });
  });

  it("is an array, shows its states, and waits without throwing", async () => {
    const list = futureList([await completed(1), await failed(new Error("boom"))]);

    expect(Array.isArray(list)).toBe(true);
    expect(Object.keys(list)).toEqual(["0", "1"]);
    expect(list.states.map(({ type }) => type)).toEqual(["COMPLETED", "FAILED"]);
    expect((await list.wait()).done).toHaveLength(2);
    await expect(futureList([]).result()).resolves.toEqual([]);
  });
});
