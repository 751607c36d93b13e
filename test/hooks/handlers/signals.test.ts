import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { StateHandler } from "../../../src/engine/definition.ts";
import { resumeFlowRun } from "../../../src/engine/resume.ts";
import { runtime } from "../../../src/engine/runtime.ts";
import { flow } from "../../../src/flow.ts";
import { Completed } from "../../../src/states/constructors.ts";
import { isSignal, signals } from "../../../src/states/signals.ts";
import type { State } from "../../../src/states/state.ts";
import { task } from "../../../src/task.ts";
import { boom, openTimedRuns, type TimedRuns } from "./timed-runs.ts";

let test: TimedRuns;
beforeEach(async () => {
  test = await openTimedRuns();
});
afterEach(() => test[Symbol.asyncDispose]());

const done = <T>(fn: () => Promise<T>): Promise<T> => test.done(fn);
const raise = (signal: Error): never => {
  throw signal;
};
const recorder =
  (calls: string[]): StateHandler =>
  (_obj, old, next) =>
    void calls.push(`${old.name}→${next.name}`);

describe("FAIL", () => {
  it.each(["FAIL", "TRIGGERFAIL", "VALIDATIONFAIL"] as const)(
    "%s fails the run in its state after the retries, and the caller gets the signal",
    async (kind) => {
      let bodies = 0;
      const hooked: State[] = [];
      const thrown: Error[] = [];
      const failing = task(
        { name: "failing", retries: 1, onFailure: [(_t, _run, state) => void hooked.push(state)] },
        () => {
          bodies += 1;
          const signal = new signals[kind]("too few");
          thrown.push(signal);
          throw signal;
        },
      );

      const error = await done(() => failing().catch((error: unknown) => error));

      expect(error).toBe(thrown[1]);
      expect(bodies).toBe(2);
      const name = new signals[kind]().toState({ nowMs: 0, runCount: 1 }).name;
      expect(hooked.map((state) => `${state.name}: ${state.message}`)).toEqual([`${name}: too few`]);
    },
  );

  it("carries what was put on it to handlers, hooks and callers", async () => {
    const seen: unknown[] = [];
    const look = (state: State): void => void (state.isFailed() && seen.push(state.peek()));
    const signal = Object.assign(new signals.FAIL("a equaled b!"), { flag: true, value: 1 });
    const failing = task(
      {
        name: "failing",
        stateHandlers: [(_obj, _old, next) => look(next)],
        onFailure: [(_t, _run, state) => look(state)],
      },
      () => raise(signal),
    );

    const state = await done(() => failing.run([], { returnState: true }));
    look(state);

    expect(seen).toEqual([signal, signal, signal]);
    expect(seen[0]).toMatchObject({ flag: true, value: 1 });
  });

  it("ends a flow as Failed as well", async () => {
    const failing = flow({ name: "failing" }, () => raise(new signals.FAIL("no")));

    await expect(done(() => failing())).rejects.toThrow(signals.FAIL);
    expect((await test.stored.flowRun("failing")).state.message).toBe("no");
  });
});

describe("SUCCESS", () => {
  it("completes the run with its result as the value, in tasks and flows", async () => {
    const body = () => raise(new signals.SUCCESS("early", { result: 42 }));
    const early = task({ name: "early" }, body);
    const earlyFlow = flow({ name: "early" }, body);

    expect(await done(() => early())).toBe(42);
    expect(await done(() => earlyFlow())).toBe(42);
    expect((await test.stored.flowRun("early")).state).toMatchObject({ type: "COMPLETED", message: "early" });
  });

  it("is its own value when no result is given", async () => {
    const signal = new signals.SUCCESS("early");
    const early = task({ name: "early" }, () => raise(signal));

    expect(await done<unknown>(() => early())).toBe(signal);
  });
});

describe("SKIP", () => {
  const skipped = task({ name: "skipped" }, () => raise(new signals.SKIP("nothing new")));

  it("completes the run as Skipped", async () => {
    const state = await done(() => skipped.run([], { returnState: true }));

    expect(state.isSkipped()).toBe(true);
    expect(state.message).toBe("nothing new");
  });

  it("skips a task that waits for a skipped one, and those behind it", async () => {
    let bodies = 0;
    const next = task({ name: "next" }, () => (bodies += 1));
    const outer = flow({ name: "outer" }, async () => {
      const first = await skipped.run([], { returnState: true });
      const second = await next.run([], { returnState: true, waitFor: [first] });
      const third = await next.run([], { returnState: true, waitFor: [second] });
      return [first.name, second.name, third.name];
    });

    expect(await done(() => outer())).toEqual(["Skipped", "Skipped", "Skipped"]);
    expect(bodies).toBe(0);
  });

  it("skips a task that is given a skipped one's future", async () => {
    let bodies = 0;
    const next = task({ name: "next" }, (_value: unknown) => (bodies += 1));
    const outer = flow({ name: "outer" }, async () => {
      const first = skipped.submit();
      return (await next.run([first], { returnState: true })).name;
    });

    expect(await done(() => outer())).toBe("Skipped");
    expect(bodies).toBe(0);
  });

  it("does not skip a task that asks to run in any case", async () => {
    let bodies = 0;
    const next = task({ name: "next", skipOnUpstreamSkip: false }, () => (bodies += 1));
    const outer = flow({ name: "outer" }, async () => {
      const first = await skipped.run([], { returnState: true });
      return (await next.run([], { returnState: true, waitFor: [first] })).name;
    });

    expect(await done(() => outer())).toBe("Completed");
    expect(bodies).toBe(1);
  });
});

describe("RETRY", () => {
  it("runs the body again as often as it is thrown, whatever retries says", async () => {
    const calls: string[] = [];
    let bodies = 0;
    const again = task({ name: "again", retries: 0, stateHandlers: [recorder(calls)] }, () => {
      bodies += 1;
      return bodies < 4 ? raise(new signals.RETRY("not yet")) : bodies;
    });

    expect(await done(() => again())).toBe(4);
    expect(calls.slice(0, 3)).toEqual(["Pending→Running", "Running→AwaitingRetry", "AwaitingRetry→Retrying"]);
    expect(calls.at(-1)).toBe("Retrying→Completed");
  });

  it("waits until its start time", async () => {
    const times: number[] = [];
    const startTime = new Date(test.clock.now() + 90_000);
    const again = task({ name: "again" }, () => {
      times.push(test.clock.now());
      return times.length < 2 ? raise(new signals.RETRY("later", { startTime })) : 1;
    });
    const outer = flow({ name: "waiting" }, () => again());

    await done(() => outer());

    expect(times[1]).toBeGreaterThanOrEqual(startTime.getTime());
    expect(await test.stored.taskStates("waiting")).toEqual([
      "Pending",
      "Running",
      "AwaitingRetry",
      "Retrying",
      "Completed",
    ]);
  });

  it("counts the next attempt from the current count, or from the count that it is given", async () => {
    const counts: number[] = [];
    const again = task({ name: "again" }, () => {
      counts.push(runtime.taskRun.runCount);
      if (counts.length === 1) raise(new signals.RETRY("again"));
      if (counts.length === 2) raise(new signals.RETRY("again", { runCount: 6 }));
      return 1;
    });

    await done(() => again());

    expect(counts).toEqual([1, 2, 7]);
  });

  it("retries a flow as well", async () => {
    let bodies = 0;
    const again = flow({ name: "again" }, () => ((bodies += 1) < 3 ? raise(new signals.RETRY("not yet")) : bodies));

    expect(await done(() => again())).toBe(3);
    expect(await test.stored.flowStates("again")).toEqual([
      "Pending",
      "Running",
      "AwaitingRetry",
      "Retrying",
      "AwaitingRetry",
      "Retrying",
      "Completed",
    ]);
  });
});

describe("PAUSE", () => {
  const paused = async (flowName: string): Promise<string> => {
    let id: string | undefined;
    while (id === undefined) {
      await test.clock.settle();
      const [run] = await test.hub.engine.runs.listFlowRuns({ flowName });
      if (run?.state.isPaused() === true) ({ id } = run);
    }
    return id;
  };

  it("pauses the task run and its flow run until somebody resumes it, then runs the body again", async () => {
    const calls: string[] = [];
    const resumed: boolean[] = [];
    const waiting = task({ name: "waiting", stateHandlers: [recorder(calls)] }, () => {
      resumed.push(runtime.taskRun.resumed);
      return runtime.taskRun.resumed ? "went on" : raise(new signals.PAUSE("approve me"));
    });
    const outer = flow({ name: "paused" }, () => waiting());

    const run = test.within(() => outer());
    const id = await paused("paused");
    expect((await test.stored.taskStates("paused")).at(-1)).toBe("Paused");
    await test.within(() => resumeFlowRun(test.hub.engine, id));

    expect(await done(() => run)).toBe("went on");
    expect(resumed).toEqual([false, true]);
    expect(calls).toEqual(["Pending→Running", "Running→Paused", "Paused→Running", "Running→Completed"]);
    expect(await test.stored.flowStates("paused")).toEqual(["Pending", "Running", "Paused", "Running", "Completed"]);
  });

  it("goes on by itself at its start time", async () => {
    const startTime = new Date(test.clock.now() + 60_000);
    const waiting = task({ name: "waiting" }, () =>
      runtime.taskRun.resumed ? test.clock.now() : raise(new signals.PAUSE("later", { startTime })),
    );
    const outer = flow({ name: "later" }, () => waiting());

    expect(await done(() => outer())).toBeGreaterThanOrEqual(startTime.getTime());
  });

  it("spends no retry", async () => {
    const startTime = new Date(test.clock.now() + 1_000);
    let bodies = 0;
    const waiting = task({ name: "waiting", retries: 1 }, () => {
      bodies += 1;
      if (bodies === 1) raise(new signals.PAUSE("later", { startTime }));
      return bodies === 2 ? boom() : "done";
    });
    const outer = flow({ name: "outer" }, () => waiting());

    expect(await done(() => outer())).toBe("done");
  });

  it("pauses a flow that throws it", async () => {
    let bodies = 0;
    const outer = flow({ name: "itself" }, () =>
      (bodies += 1) === 1 ? raise(new signals.PAUSE("approve me")) : bodies,
    );

    const run = test.within(() => outer());
    const id = await paused("itself");
    await test.within(() => resumeFlowRun(test.hub.engine, id));

    expect(await done(() => run)).toBe(2);
  });

  it("thrown by a handler on the way into Running pauses before the body runs", async () => {
    let bodies = 0;
    let asked = 0;
    const gate: StateHandler = (_obj, _old, next) => {
      if (next.isRunning() && (asked += 1) === 1) throw new signals.PAUSE("approve me");
    };
    const waiting = task({ name: "waiting", stateHandlers: [gate] }, () => (bodies += 1));
    const outer = flow({ name: "gated" }, () => waiting());

    const run = test.within(() => outer());
    const id = await paused("gated");
    expect(bodies).toBe(0);
    await test.within(() => resumeFlowRun(test.hub.engine, id));

    expect(await done(() => run)).toBe(1);
  });
});

describe("LOOP", () => {
  it("runs the body again in the same run with count and result, and only handlers see it", async () => {
    const calls: string[] = [];
    const seen: unknown[] = [];
    const hooks: string[] = [];
    const looping = task(
      {
        name: "looping",
        stateHandlers: [recorder(calls)],
        onRunning: [(_t, _run, state) => void hooks.push(state.name)],
        onCompletion: [(_t, _run, state) => void hooks.push(state.name)],
      },
      () => {
        const { loopCount, loopResult } = runtime.taskRun;
        seen.push([loopCount, loopResult]);
        return loopCount < 3 ? raise(new signals.LOOP("on", { result: loopCount * 10 })) : "done";
      },
    );
    const outer = flow({ name: "loops" }, () => looping());

    expect(await done(() => outer())).toBe("done");
    expect(seen).toEqual([
      [1, null],
      [2, 10],
      [3, 20],
    ]);
    expect(calls).toEqual([
      "Pending→Running",
      "Running→Looped",
      "Pending→Running",
      "Running→Looped",
      "Pending→Running",
      "Running→Completed",
    ]);
    expect(hooks).toEqual(["Running", "Completed"]);
    expect(await test.stored.taskStates("loops")).toEqual(["Pending", "Running", "Completed"]);
  });

  it("spends no retry", async () => {
    let failed = 0;
    const looping = task({ name: "looping", retries: 1 }, () => {
      if (runtime.taskRun.loopCount < 4) raise(new signals.LOOP("on"));
      return (failed += 1) === 1 ? boom() : "done";
    });

    expect(await done(() => looping())).toBe("done");
  });
});

describe("a signal that a handler throws", () => {
  const when =
    (name: string, signal: () => Error): StateHandler =>
    (_obj, _old, next) => {
      if (next.name === name) throw signal();
    };

  it("puts its state in place of a failure and skips the handlers behind it", async () => {
    let others = 0;
    const rescue = when("Failed", () => new signals.SUCCESS("good enough", { result: 7 }));
    const count: StateHandler = (_obj, _old, next) => void (next.isRunning() || (others += 1));
    const failing = task({ name: "failing", stateHandlers: [rescue, count] }, boom);

    expect(await done(() => failing())).toBe(7);
    expect(others).toBe(0);
  });

  it("may fail a success, with retries", async () => {
    let bodies = 0;
    const strict = when("Completed", () => new signals.FAIL("too few"));
    const short = task({ name: "short", retries: 2, stateHandlers: [strict] }, () => (bodies += 1));

    await expect(done(() => short())).rejects.toThrow("too few");
    expect(bodies).toBe(3);
  });

  it("may skip the body on the way into Running", async () => {
    let bodies = 0;
    const skip = when("Running", () => new signals.SKIP("not today"));
    const subject = task({ name: "subject", stateHandlers: [skip] }, () => (bodies += 1));
    const outer = flow({ name: "outer", stateHandlers: [skip] }, () => (bodies += 1));

    expect((await done(() => subject.run([], { returnState: true }))).isSkipped()).toBe(true);
    expect((await done(() => outer.run([], { returnState: true }))).isSkipped()).toBe(true);
    expect(bodies).toBe(0);
  });

  it("may retry beyond the retries", async () => {
    let bodies = 0;
    const persist: StateHandler = (_obj, _old, next) => {
      if (next.isFailed() && bodies < 3) throw new signals.RETRY("once more");
    };
    const failing = task({ name: "failing", stateHandlers: [persist] }, () => ((bodies += 1) < 3 ? boom() : bodies));

    expect(await done(() => failing())).toBe(3);
  });
});

describe("a signal in user code", () => {
  it("that is swallowed has no effect, and is known by isSignal", async () => {
    let known = false;
    const swallowing = task({ name: "swallowing" }, () => {
      try {
        raise(new signals.FAIL("no"));
      } catch (error) {
        known = isSignal(error);
      }
      return "went on";
    });

    expect(await done(() => swallowing())).toBe("went on");
    expect(known).toBe(true);
  });

  it("in a hook changes nothing", async () => {
    const subject = task({ name: "subject", onCompletion: [() => raise(new signals.FAIL("no"))] }, () => 1);

    expect(await done(() => subject())).toBe(1);
  });

  it("that leaves a task goes on through its flow unless it is caught there", async () => {
    const inner = task({ name: "inner" }, () => raise(new signals.FAIL("inner said no")));
    const outer = flow({ name: "outer" }, async () => {
      await inner();
      return Completed();
    });

    await expect(done(() => outer())).rejects.toThrow("inner said no");
  });
});
