import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { BellhopError } from "../../src/base/errors.ts";
import { openRuns as activeRuns } from "../../src/engine/active-runs.ts";
import type { AnyFlow, AnyTask } from "../../src/engine/definition.ts";
import { SystemExit } from "../../src/engine/interruption.ts";
import { pauseFlowRun } from "../../src/engine/pause.ts";
import { getRunContext } from "../../src/engine/run-context.ts";
import { flow } from "../../src/flow.ts";
import type { RunChange } from "../../src/runs/run-store.ts";
import {
  AwaitingRetry,
  Cancelled,
  Cancelling,
  Completed,
  Crashed,
  Failed,
  Paused,
  Pending,
  Running,
  Scheduled,
  state as makeState,
} from "../../src/states/constructors.ts";
import { signals } from "../../src/states/signals.ts";
import type { State } from "../../src/states/state.ts";
import { task } from "../../src/task.ts";
import { transaction } from "../../src/transactions/run-transaction.ts";
import { ManualClock } from "../support/manual-clock.ts";
import { openRuns } from "../support/runs.ts";
import { watch } from "../support/two-hubs.ts";

let test: Awaited<ReturnType<typeof openRuns>>;
let clock: ManualClock;
beforeEach(async () => {
  clock = new ManualClock();
  test = await openRuns({}, { clock, random: () => 0.5 });
});
afterEach(async () => {
  // Whatever happened, the process holds no run any more.
  expect(activeRuns().map(({ record }) => record.name)).toEqual([]);
  await test[Symbol.asyncDispose]();
});

const within = <T>(fn: () => T): T => test.within(fn);
const never = (): Promise<never> => new Promise(() => undefined);
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
const STOP = new Error("stop");

/** Lets things happen until it is done, or nothing happens any more. */
async function quiet(seen: { readonly isDone: boolean }): Promise<void> {
  for (let turns = 0; turns < 200 && !seen.isDone; turns += 1) await clock.settle(1);
}

type Seen = ReturnType<typeof watch>;

/** How it ends once it is aborted; fails when it does not. */
async function aborted(start: (signal: AbortSignal) => Promise<unknown>): Promise<Seen> {
  const abort = new AbortController();
  const seen = watch(within(() => start(abort.signal)));
  await clock.settle(40);
  expect(seen.isDone).toBe(false);
  abort.abort(STOP);
  abort.abort(new Error("a second time"));
  await clock.settle(40);
  return seen;
}

describe("a run that is tried for ever", () => {
  const TOO_OFTEN = 50_000;
  let calls = 0;
  beforeEach(() => (calls = 0));
  const counted = (then: () => unknown) => () => {
    calls += 1;
    if (calls > TOO_OFTEN) return "nobody else got a turn";
    return then();
  };
  const throwing = (make: () => unknown) =>
    counted(() => {
      throw make();
    });

  it.each<[what: string, make: () => AnyTask | AnyFlow]>([
    [
      "a task that throws RETRY",
      () =>
        task(
          { name: "t" },
          throwing(() => new signals.RETRY()),
        ),
    ],
    [
      "a task that throws LOOP",
      () =>
        task(
          { name: "t" },
          throwing(() => new signals.LOOP()),
        ),
    ],
    [
      "a flow that throws RETRY",
      () =>
        flow(
          { name: "f" },
          throwing(() => new signals.RETRY()),
        ),
    ],
    [
      "a flow that throws LOOP",
      () =>
        flow(
          { name: "f" },
          throwing(() => new signals.LOOP()),
        ),
    ],
    [
      "retries without an end",
      () =>
        task(
          { name: "t", retries: 1e9 },
          throwing(() => STOP),
        ),
    ],
    [
      "a handler that makes Completed Running",
      () =>
        task(
          { name: "t", stateHandlers: [(_t, _o, next) => (next.isCompleted() ? Running() : next)] },
          counted(() => 1),
        ),
    ],
    [
      "a handler that makes Failed AwaitingRetry",
      () =>
        task(
          { name: "t", stateHandlers: [(_t, _o, next) => (next.isFailed() ? AwaitingRetry() : next)] },
          throwing(() => STOP),
        ),
    ],
    [
      "a handler that makes Running Looped",
      () =>
        task(
          {
            name: "t",
            stateHandlers: [counted(() => makeState({ type: "RUNNING", name: "Looped" })) as () => State],
          },
          () => 1,
        ),
    ],
    [
      "a generator without an end",
      () =>
        task({ name: "t" }, function* () {
          for (; calls < TOO_OFTEN; calls += 1) yield calls;
        }),
    ],
  ])("lets others have their turn, so that it can be ended: %s", async (_what, make) => {
    const abort = new AbortController();
    // The type erased by the table; both are run in the same way.
    const object = make() as ReturnType<typeof task<[], unknown>>;
    const seen = watch(within(() => object.run([], { signal: abort.signal })));
    for (let turns = 0; turns < 10; turns += 1) await turn();
    abort.abort(STOP);
    await clock.until(() => seen.isDone);
    expect(seen.error).toBe(STOP);
    expect(calls).toBeLessThan(TOO_OFTEN);
  });

  it("is left alone by a generator that nobody waits for any more", async () => {
    let given = 0;
    let closed = false;
    const yielding = flow({ name: "yielding", timeoutSeconds: 1 }, async function* () {
      try {
        for (;;) {
          await turn();
          yield (given += 1);
        }
      } finally {
        closed = true;
      }
    });
    const seen = watch(within(() => yielding.run([], { returnState: true })));
    await clock.advanceUntil(() => seen.isDone);
    await clock.until(() => closed);
    expect(seen.value).toMatchObject({ name: "TimedOut" });
  });
});

describe("an attempt that timed out", () => {
  it("is retried after its delay, also when its code asked for the signal", async () => {
    const signalsSeen: AbortSignal[] = [];
    const late = Promise.withResolvers<AbortSignal>();
    const slow = task({ name: "slow", retries: 1, retryDelaySeconds: 5, timeoutSeconds: 1 }, async () => {
      signalsSeen.push(getRunContext().signal);
      if (signalsSeen.length === 2) return "second";
      await clock.sleep(3_000);
      late.resolve(getRunContext().signal);
      return never();
    });
    const around = flow({ name: "around" }, () => slow());
    const seen = watch(within(() => around()));
    await clock.advanceUntil(() => seen.isDone);

    expect(seen.value).toBe("second");
    expect(await test.stored.taskStates("around")).toEqual([
      "Pending",
      "Running",
      "AwaitingRetry",
      "Retrying",
      "Completed",
    ]);
    expect([...signalsSeen, await late.promise].map(({ aborted: isAborted }) => isAborted)).toEqual([
      true,
      false,
      true,
    ]);
  });

  it("does not hold up the wait of a flow for its next one", async () => {
    const inner = task({ name: "inner" }, never);
    const slow = flow({ name: "slow", retries: 1, retryDelaySeconds: 5, timeoutSeconds: 1 }, async () => {
      await inner.submit().wait();
    });
    const seen = watch(within(() => slow.run([], { returnState: true })));
    await clock.advanceUntil(() => seen.isDone);

    expect(await test.stored.flowStates("slow")).toEqual([
      "Pending",
      "Running",
      "AwaitingRetry",
      "Retrying",
      "TimedOut",
    ]);
  });

  it("ends a thousand runs inside it, each once", async () => {
    const leaf = task({ name: "leaf" }, (_item: number) => never());
    const inner = flow({ name: "inner" }, () => leaf.map(Array.from({ length: 1_000 }, (_, item) => item)).wait());
    const outer = flow({ name: "outer", timeoutSeconds: 1 }, () => inner());
    const seen = watch(within(() => outer.run([], { returnState: true })));
    await clock.advanceUntil(() => seen.isDone);

    const runs = await test.stored.taskRuns("inner");
    expect(runs).toHaveLength(1_000);
    expect(new Set(runs.map(({ state }) => state.type))).toEqual(new Set(["CRASHED"]));
    expect(await test.stored.flowStates("inner")).toEqual(["Pending", "Running", "Crashed"]);
    expect(await test.stored.flowStates("outer")).toEqual(["Pending", "Running", "TimedOut"]);
  });
});

describe("an exit", () => {
  it.each([
    ["submitted", (t: () => Promise<unknown>, submit: () => unknown) => void submit()],
    ["called", (t: () => Promise<unknown>) => void t().catch(() => undefined)],
  ])("of a flow ends what was %s in it", async (_how, begin) => {
    const open = task({ name: "open" }, never);
    const leaving = flow({ name: "leaving" }, async () => {
      begin(open, () => open.submit());
      await turn();
      throw new SystemExit("bye");
    });
    const seen = watch(within(() => leaving()));
    await clock.settle(40);

    expect(seen.error).toBeInstanceOf(SystemExit);
    expect(await test.stored.taskStates("leaving")).toEqual(["Pending", "Running", "Crashed"]);
  });

  it("asked for by a handler rolls back what the task's body had done", async () => {
    const log: string[] = [];
    const inner = task({ name: "inner", onRollback: [() => void log.push("undone")] }, () => 1);
    const outer = task(
      {
        name: "outer",
        stateHandlers: [
          (_t, _o, next) => {
            if (next.isCompleted()) throw new SystemExit("from a handler");
            return next;
          },
        ],
      },
      () => inner(),
    );

    await expect(within(() => outer())).rejects.toBeInstanceOf(SystemExit);
    expect(log).toEqual(["undone"]);
  });

  it("asked for by retryConditionFn is an error like any other: no retry", async () => {
    const refusing = task(
      {
        name: "refusing",
        retries: 1,
        retryConditionFn: () => {
          throw new SystemExit("from a condition");
        },
      },
      () => {
        throw STOP;
      },
    );

    await expect(within(() => refusing())).rejects.toBe(STOP);
  });

  it("in a generator crashes its run", async () => {
    const yielding = flow({ name: "yielding" }, function* () {
      yield 1;
      throw new SystemExit("from a generator");
    });

    await expect(within(() => yielding())).rejects.toBeInstanceOf(SystemExit);
    expect(await test.stored.flowStates("yielding")).toEqual(["Pending", "Running", "Crashed"]);
  });

  it("in a commit hook undoes the task and changes nothing else", async () => {
    const work = task(
      {
        name: "work",
        onCommit: [
          () => {
            throw new SystemExit("from a hook");
          },
        ],
      },
      () => 1,
    );
    const around = flow({ name: "around" }, () => work());

    expect(await within(() => around())).toBe(1);
    expect(await test.stored.taskStates("around")).toEqual(["Pending", "Running", "Completed", "RolledBack"]);
  });
});

describe("an abort", () => {
  const run = (object: { run(args: [], options: { signal: AbortSignal }): Promise<unknown> }) =>
    aborted((signal) => object.run([], { signal }));
  const onRunning = (_object: unknown, _old: State, next: State) => (next.isRunning() ? never() : next);
  const failing = () => {
    throw new Error("failed");
  };

  it.each<[where: string, make: () => { run(args: [], options: { signal: AbortSignal }): Promise<unknown> }]>([
    ["the body of a flow", () => flow({ name: "f" }, never)],
    ["the body of a task", () => task({ name: "t" }, never)],
    ["a function that names a flow run", () => flow({ name: "f", flowRunName: never }, () => 1)],
    ["a function that names a task run", () => task({ name: "t", taskRunName: never }, () => 1)],
    ["retryConditionFn", () => task({ name: "t", retries: 1, retryConditionFn: never }, failing)],
    ["a state handler of a flow", () => flow({ name: "f", stateHandlers: [onRunning] }, () => 1)],
    ["a state handler of a task", () => task({ name: "t", stateHandlers: [onRunning] }, () => 1)],
    ["the handler of a flow's final state", () => flow({ name: "f", terminalStateHandler: never }, () => 1)],
    ["the wait before a retry", () => task({ name: "t", retries: 1, retryDelaySeconds: 60 }, failing)],
    ["the wait before a flow's retry", () => flow({ name: "f", retries: 1, retryDelaySeconds: 60 }, failing)],
    ["a pause", () => flow({ name: "f" }, () => pauseFlowRun())],
    [
      "the line for a slot",
      () => {
        const open = task({ name: "t" }, never);
        return flow({ name: "f", maxConcurrentTasks: 1 }, async () => {
          const submitted = [open.submit(), open.submit()];
          await submitted[1]?.wait();
        });
      },
    ],
  ])("reaches a run in %s", async (_where, make) => {
    const seen = await run(make());

    expect(seen.error).toBe(STOP);
    for (const { state } of await test.hub.engine.runs.listFlowRuns()) expect(state.type).toBe("CRASHED");
  });

  it.each(["flow", "task"] as const)("reaches a %s that waits for what it was given", async (kind) => {
    const open = task({ name: "open" }, never);
    const openUntil = new AbortController();
    const body = (_given: unknown): number => 1;
    const waiting = kind === "flow" ? flow({ name: "waiting" }, body) : task({ name: "waiting" }, body);
    const seen = await aborted((signal) => waiting.run([open.submitWith({ signal: openUntil.signal })], { signal }));
    openUntil.abort(STOP);
    await clock.settle(40);

    expect(seen.error).toBe(STOP);
    if (kind === "flow") expect(await test.stored.flowStates("waiting")).toEqual(["Pending", "Crashed"]);
  });

  it("is stored although a handler of it never answers", async () => {
    const deaf = flow({ name: "deaf", stateHandlers: [never] }, () => 1);
    const abort = new AbortController();
    const seen = watch(within(() => deaf.run([], { signal: abort.signal })));
    await clock.settle(40);
    abort.abort(STOP);
    await clock.advance(10_000);

    expect(seen.error).toBe(STOP);
    expect(await test.stored.flowStates("deaf")).toEqual(["Pending", "Crashed"]);
  });
});

describe("a pause that nobody ends", () => {
  it("fails the flow, and the tasks that it held back do not crash it", async () => {
    const held = task({ name: "held" }, () => 1);
    const pausing = flow({ name: "pausing" }, async () => {
      const pause = pauseFlowRun({ timeout: 1, pollInterval: 0.25 });
      await clock.until(() => getRunContext().flowRun?.state.isPaused() === true);
      held.submit();
      await pause;
    });
    const seen = watch(within(() => pausing()));
    await clock.advanceUntil(() => seen.isDone);

    expect(seen.error).toMatchObject({ code: "pause_timeout" });
    expect(await test.stored.flowStates("pausing")).toEqual(["Pending", "Running", "Paused", "Failed"]);
    expect(await test.stored.taskStates("pausing")).toEqual(["Pending", "NotReady", "Crashed"]);
  });
});

describe("code that goes on after its run has ended", () => {
  it("cannot call, submit or map a task, nor begin a transaction", async () => {
    const seen: unknown[] = [];
    const over = Promise.withResolvers<void>();
    const done = Promise.withResolvers<void>();
    const noop = task({ name: "noop" }, (_item: number) => 1);
    const codeOf = async (start: () => unknown): Promise<void> => {
      try {
        await start();
        seen.push("went on");
      } catch (error) {
        seen.push(BellhopError.is(error) ? error.code : error);
      }
    };
    const stray = async (): Promise<void> => {
      await over.promise;
      await codeOf(() => noop(1));
      await codeOf(() => noop.submit(1));
      await codeOf(() => noop.map([1]));
      await codeOf(() => transaction(() => 1));
      done.resolve();
    };
    const ending = flow({ name: "ending" }, () => void stray());

    await within(() => ending());
    over.resolve();
    await done.promise;

    expect(seen).toEqual(["run_over", "run_over", "run_over", "run_over"]);
    expect(await test.stored.taskRuns("ending")).toEqual([]);
  });
});

describe("a body that returns something strange", () => {
  const throwing = (): never => {
    throw STOP;
  };
  /* oxlint-disable unicorn/no-thenable -- this is what is under test */
  it.each([
    ["whose then throws", () => ({ then: throwing })],
    ["whose then cannot be read", () => Object.defineProperty({}, "then", { get: throwing })],
  ])("fails when it is a thenable %s", async (_what, make) => {
    const strange = flow({ name: "strange" }, () => make() as unknown);

    await expect(within(() => strange())).rejects.toBe(STOP);
    expect(await test.stored.flowStates("strange")).toEqual(["Pending", "Running", "Failed"]);
  });
  /* oxlint-enable unicorn/no-thenable */
});

/** Columns that the table of the rules does not write, by the state before. Force is not used here. */
const REFUSED: Readonly<Record<string, readonly string[]>> = {
  SCHEDULED: ["PAUSED"],
  PENDING: ["PAUSED"],
  RUNNING: ["PENDING"],
  PAUSED: ["PENDING", "PAUSED"],
  CANCELLING: ["SCHEDULED", "PENDING", "RUNNING", "PAUSED", "CANCELLING", "COMPLETED", "FAILED", "CRASHED"],
  CANCELLED: ["SCHEDULED", "PENDING", "RUNNING", "PAUSED", "CANCELLING", "CANCELLED", "COMPLETED", "FAILED", "CRASHED"],
  COMPLETED: ["SCHEDULED", "PENDING", "RUNNING", "PAUSED", "CANCELLING", "CANCELLED", "COMPLETED", "FAILED", "CRASHED"],
  FAILED: ["SCHEDULED", "PENDING", "RUNNING", "PAUSED", "CANCELLING", "CANCELLED", "COMPLETED", "FAILED", "CRASHED"],
  CRASHED: ["SCHEDULED", "PENDING", "RUNNING", "PAUSED", "CANCELLING", "CANCELLED", "COMPLETED", "FAILED", "CRASHED"],
};

describe("a handler that answers with any state at any transition", () => {
  const ANSWERS: Record<string, () => unknown> = {
    Scheduled: () => Scheduled(),
    Pending: () => Pending(),
    Running: () => Running(),
    Paused: () => Paused(),
    Cancelling: () => Cancelling(),
    Cancelled: () => Cancelled(),
    Completed: () => Completed(),
    Failed: () => Failed(),
    Crashed: () => Crashed(),
    AwaitingRetry: () => AwaitingRetry(),
    Looped: () => makeState({ type: "RUNNING", name: "Looped" }),
    nonsense: () => "no state",
  };
  for (const name of ["FAIL", "SUCCESS", "SKIP", "RETRY", "PAUSE", "LOOP"] as const)
    ANSWERS[`signal ${name}`] = () => {
      throw new signals[name]();
    };
  ANSWERS["an error"] = () => {
    throw STOP;
  };
  ANSWERS["an exit"] = () => {
    throw new SystemExit("from a handler");
  };
  const cases = Object.keys(ANSWERS).flatMap((answer) =>
    (["flow", "task"] as const).flatMap((kind) => [0, 1, 2, 3].map((at) => ({ answer, kind, at }))),
  );

  it.each(cases)(
    "$answer, $kind, call $at: the run ends, in a history that the rules allow",
    async ({ answer, kind, at }) => {
      let calls = -1;
      let attempts = 0;
      const handler = (_object: unknown, _old: State, next: State): State => {
        calls += 1;
        // What the table gives is a state, or the mistake that is tested.
        return calls === at ? (ANSWERS[answer]?.() as State) : next;
      };
      const body = (): number => {
        attempts += 1;
        if (attempts === 1) throw new Error("first attempt");
        return attempts;
      };
      const options = { name: "judged", retries: 1, stateHandlers: [handler] };
      const inner = kind === "flow" ? flow(options, body) : task(options, body);
      const outer = flow({ name: "outer" }, async () => (await inner.run([], { returnState: true })).name);
      const abort = new AbortController();
      const seen = watch(within(() => outer.run([], { signal: abort.signal })));
      await quiet(seen);
      // A pause has no end of its own.
      if (!seen.isDone) abort.abort(STOP);
      await quiet(seen);

      expect(seen.isDone).toBe(true);
      const { runs } = test.hub.engine;
      for (const { id } of await runs.listFlowRuns()) {
        const types = (await runs.listStates({ flowRunId: id })).map(({ state }) => state.type);
        expect(types.filter((type, index) => index > 0 && REFUSED[types[index - 1] ?? ""]?.includes(type))).toEqual([]);
      }
    },
  );
});

describe("a store that refuses", () => {
  const CODES = ["store_full", "store_busy", "run_superseded", "run_moved"] as const;
  const errorOf = (code: (typeof CODES)[number], change: RunChange): BellhopError => {
    const { name: run, state } = change.run;
    switch (code) {
      case "store_full":
        return new BellhopError(code, { path: "db" });
      case "store_busy":
        return new BellhopError(code, { path: "db", waitedMs: 1 });
      case "run_superseded":
        return new BellhopError(code, { run, state: state.name });
      case "run_moved":
        return new BellhopError(code, { run, state: state.name, current: Running().toWire() });
    }
  };
  const cases = CODES.flatMap((code) =>
    (["Pending", "Running", "AwaitingRetry", "Retrying", "Completed"] as const).flatMap((at) =>
      ([1, Number.POSITIVE_INFINITY] as const).map((times) => ({ code, at, times })),
    ),
  );

  it.each(cases)("$code at $at, $times times: the run ends and nothing stays behind", async ({ code, at, times }) => {
    const { runs } = test.hub.engine;
    const { commit } = runs;
    let left: number = times;
    let attempts = 0;
    const unhandled: unknown[] = [];
    const onUnhandled = (error: unknown): void => void unhandled.push(error);
    process.on("unhandledRejection", onUnhandled);
    const listeners = ["SIGINT", "SIGTERM", "exit", "beforeExit", "uncaughtException"].map((event) =>
      process.listenerCount(event),
    );
    const inner = flow({ name: "refused", retries: 1 }, () => {
      attempts += 1;
      if (attempts === 1) throw new Error("first attempt");
    });
    Object.assign(runs, {
      commit: (change: RunChange) => {
        const isFlow = change.run.kind === "flow-run" && change.run.flowName === "refused";
        if (!isFlow || (left === times && change.state.name !== at) || left <= 0) return commit(change);
        left -= 1;
        return Promise.reject(errorOf(code, change));
      },
    });
    const seen = watch(within(() => inner.run([], { returnState: true })));
    await quiet(seen);
    Object.assign(runs, { commit });
    process.off("unhandledRejection", onUnhandled);
    await clock.settle();

    expect(seen.isDone).toBe(true);
    expect(unhandled).toEqual([]);
    expect(
      ["SIGINT", "SIGTERM", "exit", "beforeExit", "uncaughtException"].map((event) => process.listenerCount(event)),
    ).toEqual(listeners);
  });
});
