import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { getRunContext } from "../../src/engine/run-context.ts";
import { flow } from "../../src/flow.ts";
import { task } from "../../src/task.ts";
import { ManualClock } from "../support/manual-clock.ts";
import { openRuns } from "../support/runs.ts";

let clock: ManualClock;
let test: Awaited<ReturnType<typeof openRuns>>;
beforeEach(async () => {
  clock = new ManualClock();
  test = await openRuns({}, { clock, random: () => 0.5 });
});
afterEach(() => test[Symbol.asyncDispose]());

const within = <T>(fn: () => T): T => test.within(fn);

/** A body that goes on until the test lets it. */
function gate(): {
  readonly entered: () => boolean;
  readonly open: (value?: unknown) => void;
  readonly body: () => Promise<unknown>;
} {
  let open: (value?: unknown) => void = () => undefined;
  let entered = false;
  const wait = new Promise<unknown>((resolve) => (open = resolve));
  return { entered: () => entered, open: (value) => open(value), body: () => ((entered = true), wait) };
}

/** Runs to the end while time stands still. */
const settled = async <T>(promise: Promise<T>): Promise<PromiseSettledResult<T>> =>
  (await Promise.allSettled([promise]))[0];

describe("timeouts", () => {
  it("end the run as TimedOut with the limit in the message, and throw TimeoutError", async () => {
    const { body, entered } = gate();
    const slow = flow({ name: "slow", timeoutSeconds: 0.1 }, body);

    const run = settled(within(() => slow()));
    await clock.until(entered);
    await clock.advance(100);

    expect(await run).toMatchObject({ status: "rejected", reason: { name: "TimeoutError", code: "run_timeout" } });
    expect((await test.stored.flowRun("slow")).state).toMatchObject({
      type: "FAILED",
      name: "TimedOut",
      message: expect.stringContaining("0.1 second(s)"),
    });
  });

  it("do not end a run that is done a moment earlier", async () => {
    const { body, entered, open } = gate();
    const quick = flow({ name: "quick", timeoutSeconds: 1 }, body);

    const run = within(() => quick());
    await clock.until(entered);
    await clock.advance(999);
    open("made it");

    await expect(run).resolves.toBe("made it");
    expect(clock.pending.keepAlive).toBe(0);
  });

  it("are noticed after a body that blocked the process, and its value is dropped", async () => {
    const blocking = task({ name: "blocking", timeoutSeconds: 60 }, async () => {
      // Time passes while no timer can fire: the clock is moved, but the timer of the limit is not run.
      Reflect.set(clock, "monotonic", () => 60_000);
      return "too late";
    });

    expect(await settled(within(() => blocking()))).toMatchObject({
      status: "rejected",
      reason: { code: "run_timeout" },
    });
  });

  it("are noticed after a synchronous body as well", async () => {
    const blocking = task({ name: "sync-blocking", timeoutSeconds: 1 }, () => {
      Reflect.set(clock, "monotonic", () => 1_000);
      return "too late";
    });

    expect(await settled(within(() => blocking()))).toMatchObject({
      status: "rejected",
      reason: { code: "run_timeout" },
    });
  });

  it("are none at zero", async () => {
    const { body, entered, open } = gate();
    const patient = flow({ name: "patient", timeoutSeconds: 5 }, body).withOptions({ timeoutSeconds: 0 });

    const run = within(() => patient());
    await clock.until(entered);
    await clock.advance(60_000);
    open("in the end");

    await expect(run).resolves.toBe("in the end");
  });

  it("stop the orphaned body at its next task call and abort its signal", async () => {
    const { body, entered, open } = gate();
    let reached = false;
    let late: unknown;
    let aborted: unknown;
    const step = task({ name: "step" }, () => {
      reached = true;
    });
    let done: () => void = () => undefined;
    const orphanDone = new Promise<void>((resolve) => (done = resolve));
    const slow = flow({ name: "orphan", timeoutSeconds: 1 }, async () => {
      const { signal } = getRunContext();
      await body();
      aborted = signal.reason;
      late = await step().catch((error: unknown) => error);
      done();
    });

    const run = settled(within(() => slow()));
    await clock.until(entered);
    await clock.advance(1_000);
    await run;
    open();
    await orphanDone;

    expect(reached).toBe(false);
    expect(late).toMatchObject({ code: "run_over" });
    expect(aborted).toMatchObject({ code: "run_timeout" });
    expect(await test.stored.flowStates("orphan")).toEqual(["Pending", "Running", "TimedOut"]);
  });

  it("crash the runs inside that are still under way, before the flow ends", async () => {
    const { body, entered } = gate();
    const inner = task({ name: "inner" }, body);
    const outer = flow({ name: "outer-timeout", timeoutSeconds: 1 }, () => inner());

    const run = settled(within(() => outer()));
    await clock.until(entered);
    await clock.advance(1_000);

    expect(await run).toMatchObject({ reason: { code: "run_timeout" } });
    expect(await test.stored.taskStates("outer-timeout")).toEqual(["Pending", "Running", "Crashed"]);
  });

  it("count as failures for retries, and a new attempt has the whole time again", async () => {
    const gates = [gate(), gate()];
    let attempt = 0;
    const slow = flow({ name: "retry-timeout", timeoutSeconds: 1, retries: 1 }, () => gates[attempt++]?.body());

    const run = within(() => slow());
    await clock.until(() => gates[0]?.entered() === true);
    await clock.advance(1_000);
    await clock.until(() => gates[1]?.entered() === true);
    await clock.advance(900);
    gates[1]?.open("second");

    await expect(run).resolves.toBe("second");
    expect(await test.stored.flowStates("retry-timeout")).toEqual([
      "Pending",
      "Running",
      "AwaitingRetry",
      "Retrying",
      "Completed",
    ]);
  });

  it("that user code throws itself end the run as TimedOut as well", async () => {
    const own = flow({ name: "own-timeout" }, () => {
      throw new DOMException("took too long", "TimeoutError");
    });

    const state = await within(() => own.run([], { returnState: true }));

    expect(state).toMatchObject({
      type: "FAILED",
      name: "TimedOut",
      message: "Flow run timed out with TimeoutError: took too long",
    });
  });
});

describe("delays before retries", () => {
  it("of a task show as AwaitingRetry with the time of the next attempt, fractions kept", async () => {
    let calls = 0;
    const seen: unknown[] = [];
    const bad = task(
      {
        name: "delayed",
        retries: 2,
        retryDelaySeconds: [1.5, 4],
        onRetry: [(_t, _r, state) => void seen.push(state.startTime?.getTime(), state.message)],
      },
      () => {
        calls += 1;
        throw new Error(`attempt ${calls}`);
      },
    );
    const outer = flow({ name: "delayed-flow" }, () => bad.run([], { returnState: true }).then(String));

    const start = clock.now();
    const run = within(() => outer());
    await clock.until(() => calls === 1 && clock.nextDueMs !== null && clock.nextDueMs <= 1_500);
    await clock.advance(1_499);
    expect(calls).toBe(1);
    await clock.advance(1);
    await clock.until(() => seen.length === 4);
    await clock.advance(4_000);

    await expect(run).resolves.toBe("Failed('Task run failed with Error: attempt 3')");
    expect(await test.stored.taskStates("delayed-flow")).toEqual([
      "Pending",
      "Running",
      "AwaitingRetry",
      "Retrying",
      "AwaitingRetry",
      "Retrying",
      "Failed",
    ]);
    expect(seen).toEqual([
      start + 1_500,
      "Task run failed with Error: attempt 1",
      start + 5_500,
      "Task run failed with Error: attempt 2",
    ]);
    const [stored] = await test.stored.taskRuns("delayed-flow");
    expect((stored?.endMicros ?? 0) - (stored?.startMicros ?? 0)).toBeGreaterThan(5_499_000);
    expect(stored?.totalRunTimeMicros).toBeLessThan(100_000);
  });

  it("of a flow hold the next attempt back", async () => {
    let calls = 0;
    const flaky = flow({ name: "delayed-retry", retries: 1, retryDelaySeconds: 10 }, () => {
      calls += 1;
      if (calls === 1) throw new Error("first");
      return calls;
    });

    const run = within(() => flaky());
    await clock.until(() => calls === 1);
    await clock.settle(50);
    await clock.advance(9_999);
    expect(calls).toBe(1);
    await clock.advance(1);

    await expect(run).resolves.toBe(2);
  });

  it("end at once when the caller's signal is aborted", async () => {
    const controller = new AbortController();
    const reason = new Error("not needed any more");
    let calls = 0;
    const bad = flow({ name: "abort-delay", retries: 1, retryDelaySeconds: 3_600 }, () => {
      calls += 1;
      throw new Error("e");
    });

    const run = settled(within(() => bad.run([], { signal: controller.signal })));
    await clock.until(() => calls === 1);
    await clock.settle(50);
    controller.abort(reason);

    expect(await run).toEqual({ status: "rejected", reason });
    expect(await test.stored.flowStates("abort-delay")).toEqual(["Pending", "Running", "AwaitingRetry", "Crashed"]);
    expect(calls).toBe(1);
  });
});

describe("time limits of hooks", () => {
  it("let the next hook and the caller go on, and are recorded", async () => {
    const order: string[] = [];
    const { body, entered } = gate();
    const hanging = flow(
      { name: "hanging-hook", hookTimeoutSeconds: 5, onCompletion: [() => body(), () => void order.push("next")] },
      () => 1,
    );

    const run = within(() => hanging());
    await clock.until(entered);
    await clock.advance(5_000);

    await expect(run).resolves.toBe(1);
    expect(order).toEqual(["next"]);
    expect((await test.stored.hooks("hanging-hook"))[0]).toMatchObject({
      status: "failed",
      durationMicros: 5_000_000,
      error: { name: "HookTimeoutError" },
    });
  });
});
