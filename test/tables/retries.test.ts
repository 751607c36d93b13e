// The table of retries and the rules below it: one `describe` for each row.
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { z } from "zod";
import {
  Cancelled,
  Crashed,
  exponentialBackoff,
  Failed,
  flow,
  type FlowOptions,
  type RetryDelay,
  runtime,
  signals,
  SystemExit,
  task,
  type TaskOptions,
} from "../../src/index.ts";
import { boom, names, openTables, type Tables, untyped } from "./kit.ts";

let test: Tables;
beforeEach(async () => {
  test = await openTables();
});
afterEach(() => test[Symbol.asyncDispose]());

type Kind = "flow" | "task";
const KINDS = ["flow", "task"] as const;

interface Seen {
  /** Milliseconds after the first attempt. */
  readonly at: number[];
  readonly states: string[];
  readonly outcome: PromiseSettledResult<unknown>;
}

/** Options that flows and tasks have alike; what differs are the types of what functions get. */
type Options = Partial<Record<keyof FlowOptions & keyof TaskOptions, unknown>>;

/** Runs a flow, or a task inside a flow, and says when its body was called and which states are stored. */
async function run(kind: Kind, options: Options, body: (attempt: number) => unknown = boom): Promise<Seen> {
  const times: number[] = [];
  const counted = (): unknown => {
    times.push(test.clock.now());
    return body(times.length);
  };
  const outer =
    kind === "flow"
      ? flow<[], unknown>(untyped({ ...options, name: "retried" }), counted)
      : flow({ name: "retried" }, () => task(untyped({ ...options, name: "step" }), counted)());
  const outcome = await test.finish(test.within(() => outer()));
  const states =
    kind === "flow" ? await test.stored.flowStates("retried") : ((await test.statesOfTask("retried", "step"))[0] ?? []);
  return { at: times.map((time) => time - (times[0] ?? 0)), states, outcome };
}

describe("attempts", () => {
  it.each(KINDS)("of a %s are one more than its retries", async (kind) => {
    expect((await run(kind, { retries: 0 })).at).toHaveLength(1);
    expect((await run(kind, { retries: 3 })).at).toHaveLength(4);
  });

  it.each(KINDS)("of a %s end with the first one that succeeds", async (kind) => {
    const { at, outcome } = await run(kind, { retries: 5 }, (attempt) => (attempt < 3 ? boom() : "done"));

    expect(at).toHaveLength(3);
    expect(outcome).toEqual({ status: "fulfilled", value: "done" });
  });
});

describe("who decides", () => {
  it("are the rules for a flow: a failure that says it is not retriable is final", async () => {
    const { at } = await run("flow", { retries: 2 }, () => Failed({ stateDetails: { retriable: false } }));

    expect(at).toHaveLength(1);
  });

  it("is a counter of the call for a task: the signal RETRY uses up none of its retries", async () => {
    const { at, states } = await run("task", { retries: 1 }, (attempt) => {
      if (attempt === 1) throw new signals.RETRY("not yet");
      return boom();
    });

    expect(at).toHaveLength(3);
    expect(states.at(-1)).toBe("Failed");
  });
});

describe("the stored sequence of states", () => {
  it("of a flow has AwaitingRetry before every Retrying, without a delay", async () => {
    expect((await run("flow", { retries: 2 })).states).toEqual(
      names("Pending Running AwaitingRetry Retrying AwaitingRetry Retrying Failed"),
    );
  });

  it("of a flow is the same with a delay", async () => {
    expect((await run("flow", { retries: 2, retryDelaySeconds: 5 })).states).toEqual(
      names("Pending Running AwaitingRetry Retrying AwaitingRetry Retrying Failed"),
    );
  });

  it("of a task without a delay has no AwaitingRetry", async () => {
    expect((await run("task", { retries: 2 })).states).toEqual([
      "Pending",
      "Running",
      "Retrying",
      "Retrying",
      "Failed",
    ]);
  });

  it("of a task with a delay has AwaitingRetry before every Retrying", async () => {
    expect((await run("task", { retries: 2, retryDelaySeconds: 5 })).states).toEqual(
      names("Pending Running AwaitingRetry Retrying AwaitingRetry Retrying Failed"),
    );
  });

  it("of a task has AwaitingRetry only where the list of delays says to wait", async () => {
    expect((await run("task", { retries: 2, retryDelaySeconds: [0, 5] })).states).toEqual(
      names("Pending Running Retrying AwaitingRetry Retrying Failed"),
    );
  });
});

describe("the delay", () => {
  const cases: readonly [what: string, delay: RetryDelay, at: readonly number[]][] = [
    ["a number, before every retry", 10, [0, 10_000, 20_000, 30_000]],
    ["a list, whose last entry repeats", [1, 4], [0, 1_000, 5_000, 9_000]],
    ["an empty list: none", [], [0, 0, 0, 0]],
    [
      "a function that gives a list",
      (retries) => Array.from({ length: retries }, (_, n) => n + 1),
      [0, 1_000, 3_000, 6_000],
    ],
    ["a function that gives a number", (retries) => retries, [0, 3_000, 6_000, 9_000]],
    ["a fraction, which is kept", 1.25, [0, 1_250, 2_500, 3_750]],
  ];

  it.each(cases.flatMap(([what, delay, at]) => KINDS.map((kind) => ({ what, delay, at, kind }))))(
    "of a $kind may be $what",
    async ({ kind, delay, at }) => {
      expect((await run(kind, { retries: 3, retryDelaySeconds: delay })).at).toEqual(at);
    },
  );

  it.each(KINDS)("of a %s may have 50 entries, and not 51", (kind) => {
    const define = (retryDelaySeconds: RetryDelay) => (): unknown =>
      kind === "flow" ? flow({ name: "f", retryDelaySeconds }, boom) : task({ name: "t", retryDelaySeconds }, boom);

    expect(define(Array.from({ length: 50 }, () => 1))).not.toThrow();
    expect(define(Array.from({ length: 51 }, () => 1))).toThrow(TypeError);
    expect(define(() => Array.from({ length: 51 }, () => 1))).toThrow(/at most 50 entries/);
  });
});

describe("the jitter", () => {
  /** Seconds between the attempts. */
  const waits = async (kind: Kind, options: Options): Promise<number[]> => {
    const { at } = await run(kind, options);
    return at.slice(1).map((time, index) => (time - (at[index] ?? 0)) / 1_000);
  };

  it.each(KINDS)("of a %s spreads the delays within their bounds, around the same mean", async (kind) => {
    const delays = await waits(kind, { retries: 40, retryDelaySeconds: 100, retryJitterFactor: 0.5 });
    const lowest = 100 * Math.log2(2 ** 1.5 / (2 ** 1.5 - 1));

    // Times of states are whole milliseconds.
    expect(Math.min(...delays)).toBeGreaterThanOrEqual(lowest - 0.002);
    expect(Math.max(...delays)).toBeLessThanOrEqual(150.002);
    expect(new Set(delays).size).toBeGreaterThan(5);
    const mean = delays.reduce((sum, each) => sum + each, 0) / delays.length;
    expect(mean).toBeGreaterThan(85);
    expect(mean).toBeLessThan(115);
  });

  it.each(KINDS)("of a %s may be as large as one likes", async (kind) => {
    const delays = await waits(kind, { retries: 40, retryDelaySeconds: 10, retryJitterFactor: 60 });

    expect(Math.min(...delays)).toBeGreaterThanOrEqual(0);
    expect(Math.max(...delays)).toBeLessThanOrEqual(610.002);
    expect(Math.min(...delays)).toBeLessThan(5);
  });

  it.each(KINDS)("of a %s changes no delay of zero, and none when it is zero itself", async (kind) => {
    expect(await waits(kind, { retries: 3, retryJitterFactor: 0.5 })).toEqual([0, 0, 0]);
    expect(await waits(kind, { retries: 2, retryDelaySeconds: 10, retryJitterFactor: 0 })).toEqual([10, 10]);
  });

  it.each([-0.1, Number.NaN, "0.5"])("is refused at definition when it is %s", (retryJitterFactor) => {
    expect(() => task(untyped({ name: "t", retryJitterFactor }), boom)).toThrow(/retryJitterFactor/);
    expect(() => flow(untyped({ name: "f", retryJitterFactor }), boom)).toThrow(TypeError);
  });
});

describe("exponentialBackoff", () => {
  it("doubles from the factor on, once for each retry", async () => {
    expect(exponentialBackoff(10)(4)).toEqual([10, 20, 40, 80]);
    expect((await run("task", { retries: 3, retryDelaySeconds: exponentialBackoff(1) })).at).toEqual([
      0, 1_000, 3_000, 7_000,
    ]);
    expect((await run("flow", { retries: 3, retryDelaySeconds: exponentialBackoff(0.5) })).at).toEqual([
      0, 500, 1_500, 3_500,
    ]);
  });

  it("gives 50 entries at most, so that any number of retries is fine", () => {
    expect(exponentialBackoff(1)(60)).toHaveLength(50);
    expect(() => task({ name: "t", retries: 60, retryDelaySeconds: exponentialBackoff(1) }, boom)).not.toThrow();
  });

  it("refuses a negative factor", () => {
    expect(() => exponentialBackoff(-1)).toThrow(TypeError);
  });
});

describe("retryConditionFn", () => {
  const answers: readonly [what: string, retryConditionFn: () => boolean | Promise<boolean>, attempts: number][] = [
    ["yes", () => true, 3],
    ["no", () => false, 1],
    ["yes, later", async () => true, 3],
    ["no, later", async () => false, 1],
    ["an error", boom, 1],
    ["a rejection", async () => boom(), 1],
  ];
  it.each(
    answers.flatMap(([what, retryConditionFn, attempts]) =>
      KINDS.map((kind) => ({ what, retryConditionFn, attempts, kind })),
    ),
  )("of a $kind that answers $what leads to $attempts attempts", async ({ kind, retryConditionFn, attempts }) => {
    const { at, outcome, states } = await run(kind, { retries: 2, retryConditionFn });

    expect(at).toHaveLength(attempts);
    expect(outcome).toMatchObject({ status: "rejected", reason: { message: "oops!" } });
    expect(states.at(-1)).toBe("Failed");
  });

  it.each(KINDS)("of a %s that throws is logged", async (kind) => {
    await run(kind, { retries: 2, retryConditionFn: boom });

    expect(test.log.lines).toContainEqual(
      expect.objectContaining({ level: "error", message: expect.stringContaining("retryConditionFn failed") }),
    );
  });

  it.each(KINDS)("of a %s gets the object, its run and a Failed that carries the error", async (kind) => {
    const asked: unknown[] = [];
    const retryConditionFn = (
      object: { readonly name: string },
      { stateName }: { readonly stateName: string },
      state: unknown,
    ): boolean => {
      asked.push(object.name, stateName, state);
      return false;
    };
    const error = new Error("mine");
    await run(kind, { retries: 1, retryConditionFn }, () => {
      throw error;
    });

    expect(asked.slice(0, 2)).toEqual([kind === "flow" ? "retried" : "step", "Running"]);
    expect(asked[2]).toMatchObject({ type: "FAILED", name: "Failed" });
    expect((asked[2] as ReturnType<typeof Failed>).peek()).toBe(error);
  });

  it("gets the very state that the body returned", async () => {
    const returned = Failed({ message: "by hand" });
    let asked: unknown;
    const retryConditionFn = (_task: unknown, _run: unknown, state: unknown): boolean => {
      asked = state;
      return false;
    };
    await run("task", { retries: 1, retryConditionFn }, () => returned);

    expect(asked).toBe(returned);
  });

  it("is not asked when there is no retry to decide about", async () => {
    let asked = 0;
    const retryConditionFn = (): boolean => ((asked += 1), true);
    await run("task", { retries: 0, retryConditionFn });
    await run("flow", { retries: 0, retryConditionFn });
    await run("task", { retries: 2, retryConditionFn });

    expect(asked).toBe(2);
  });

  it.each(KINDS)("of a %s that is no function is refused at definition", (kind) => {
    const options = untyped({ name: "x", retryConditionFn: "not a function" });

    expect(() => (kind === "flow" ? flow(options, boom) : task(options, boom))).toThrow(TypeError);
    expect(() => (kind === "flow" ? flow(options, boom) : task(options, boom))).toThrow(/retryConditionFn/);
  });
});

describe("retried are", () => {
  it.each(KINDS)("a thrown error, a timeout and a returned Failed of a %s", async (kind) => {
    const timedOut = await run(kind, { retries: 1, timeoutSeconds: 1 }, () => new Promise(() => undefined));
    const returned = await run(kind, { retries: 1 }, () => Failed());
    const named = await run(kind, { retries: 1 }, () => {
      throw Object.assign(new Error("slow"), { name: "TimeoutError" });
    });

    expect(timedOut.at).toHaveLength(2);
    expect(timedOut.states.at(-1)).toBe("TimedOut");
    expect(returned.at).toHaveLength(2);
    expect(returned.states.at(-1)).toBe("Failed");
    expect(named.at).toHaveLength(2);
    expect(named.states.at(-1)).toBe("TimedOut");
  });
});

describe("not retried is", () => {
  it.each(KINDS)("a crash of a %s", async (kind) => {
    const { at, states } = await run(kind, { retries: 2 }, () => {
      throw new SystemExit("stop");
    });

    expect(at).toHaveLength(1);
    expect(states).toEqual(["Pending", "Running", "Crashed"]);
  });

  it.each(KINDS)("a %s that returns Crashed or Cancelled", async (kind) => {
    expect((await run(kind, { retries: 2 }, () => Crashed())).at).toHaveLength(1);
    expect((await run(kind, { retries: 2 }, () => Cancelled())).at).toHaveLength(1);
  });

  it("a run of which an upstream failed", async () => {
    let calls = 0;
    const bad = task({ name: "bad" }, boom);
    const after = task({ name: "after", retries: 2 }, () => (calls += 1));
    const inner = flow({ name: "inner", retries: 2 }, () => (calls += 1));
    const outer = flow({ name: "not-ready" }, async () => {
      const upstream = bad.submit();
      await after.run([], { returnState: true, waitFor: [upstream] });
      await inner.run([], { returnState: true, waitFor: [upstream] });
    });
    await test.finish(test.within(() => outer()));

    expect(calls).toBe(0);
    expect(await test.statesOfTask("not-ready", "after")).toEqual([["Pending", "NotReady"]]);
    expect(await test.stored.flowStates("inner")).toEqual(["Pending", "NotReady"]);
  });

  it("a flow with bad parameters", async () => {
    const strict = flow({ name: "strict", retries: 3, parameters: z.object({ x: z.number() }) }, () => 1);
    await test.finish(test.within(() => strict(untyped({ x: "text" }))));

    expect(await test.stored.flowStates("strict")).toEqual(["Pending", "Failed"]);
  });
});

describe("the defaults", () => {
  const VARIABLES = ["FLOWS", "TASKS"].flatMap((kind) =>
    ["RETRIES", "RETRY_DELAY_SECONDS"].map((name) => `BELLHOP_${kind}_DEFAULT_${name}`),
  );
  afterEach(() => {
    for (const name of VARIABLES) delete process.env[name];
  });

  it.each([flow({ name: "f" }, boom), task({ name: "t" }, boom)])("of %s are no retries and no delay", (object) => {
    expect([object.retries, object.retryDelaySeconds]).toEqual([0, [0]]);
  });

  it.each([
    ["flow", "FLOWS"],
    ["task", "TASKS"],
  ] as const)("of a %s come from the settings, and what the object says goes before", async (kind, name) => {
    process.env[`BELLHOP_${name}_DEFAULT_RETRIES`] = "2";
    process.env[`BELLHOP_${name}_DEFAULT_RETRY_DELAY_SECONDS`] = "1.5";

    expect((await run(kind, {})).at).toEqual([0, 1_500, 3_000]);
    expect((await run(kind, { retries: 0 })).at).toEqual([0]);
    expect((await run(kind, { retries: 1, retryDelaySeconds: 0 })).at).toEqual([0, 0]);
  });

  it("are refused by name when they are no numbers", () => {
    process.env["BELLHOP_TASKS_DEFAULT_RETRIES"] = "many";

    expect(() => task({ name: "t" }, boom)).toThrow(/BELLHOP_TASKS_DEFAULT_RETRIES/);
  });
});

describe("AwaitingRetry", () => {
  it.each(KINDS)("of a %s keeps the message and the data of the failure", async (kind) => {
    const error = new Error("kept");
    const seen: unknown[] = [];
    await run(
      kind,
      {
        retries: 1,
        retryDelaySeconds: 5,
        onRetry: [
          (_object: unknown, _run: unknown, state: ReturnType<typeof Failed>) =>
            void seen.push(state.name, state.message, state.peek(), state.startTime?.getTime()),
        ],
      },
      () => {
        throw error;
      },
    );

    const label = kind === "flow" ? "Flow run" : "Task run";
    expect(seen).toEqual(["AwaitingRetry", `${label} failed with Error: kept`, error, expect.any(Number)]);
  });

  it("of a flow notes how it is retried, and nothing of that is left once the retries are used up", async () => {
    const policies: unknown[] = [];
    const noted = flow(
      {
        name: "noted",
        retries: 1,
        onRetry: [(_flow, { empiricalPolicy }) => void policies.push(empiricalPolicy["retry_type"])],
        onFailure: [(_flow, { empiricalPolicy }) => void policies.push(empiricalPolicy["retry_type"])],
      },
      boom,
    );
    await test.finish(test.within(() => noted()));

    expect(policies).toEqual(["in_process", null]);
    expect((await test.stored.flowRun("noted")).empiricalPolicy["retry_type"]).toBeNull();
  });
});

describe("a retried flow", () => {
  it("runs its whole body again, in the same process and under the same id", async () => {
    const ids: unknown[] = [];
    const again = flow({ name: "again", retries: 2 }, () => {
      ids.push(runtime.flowRun.id, process.pid);
      return boom();
    });
    await test.finish(test.within(() => again()));

    expect(ids).toHaveLength(6);
    expect(new Set(ids).size).toBe(2);
    expect(await test.runsOf("again")).toHaveLength(1);
  });

  it("gets kept results of its tasks as Cached, and runs those again whose results are not kept", async () => {
    const calls: string[] = [];
    const kept = task({ name: "kept", persistResult: true }, (x: number) => (calls.push(`kept ${x}`), x));
    const lost = task({ name: "lost" }, () => calls.push("lost"));
    const again = flow({ name: "cached-again", retries: 1 }, async () => {
      await kept(1);
      await lost();
      if (runtime.flowRun.runCount === 1) boom();
      return kept(2);
    });
    expect(await test.finish(test.within(() => again()))).toEqual({ status: "fulfilled", value: 2 });

    expect(calls).toEqual(["kept 1", "lost", "lost", "kept 2"]);
    expect((await test.statesOfTask("cached-again", "kept")).map((states) => states.at(-1))).toEqual(
      names("Completed Cached Completed"),
    );
  });

  it("gives its failed tasks their full budget each time: 2 × 3 attempts", async () => {
    let calls = 0;
    const failing = task({ name: "failing", retries: 2 }, () => {
      calls += 1;
      return boom();
    });
    const again = flow({ name: "budget", retries: 1 }, () => failing());
    await test.finish(test.within(() => again()));

    expect(calls).toBe(6);
    expect(await test.statesOfTask("budget", "failing")).toEqual([
      ["Pending", "Running", "Retrying", "Retrying", "Failed"],
      ["Pending", "Running", "Retrying", "Retrying", "Failed"],
    ]);
  });

  it("does not run a child flow again that has completed and kept its result", async () => {
    let calls = 0;
    const child = flow({ name: "kept-child", persistResult: true }, () => (calls += 1));
    const again = flow({ name: "kept-parent", retries: 1 }, async () => {
      const value = await child();
      return runtime.flowRun.runCount === 1 ? boom() : value;
    });

    expect(await test.finish(test.within(() => again()))).toEqual({ status: "fulfilled", value: 1 });
    expect(await test.runsOf("kept-child")).toHaveLength(1);
  });

  it("runs a child flow again whose result was not kept", async () => {
    const child = flow({ name: "lost-child" }, () => 1);
    const again = flow({ name: "lost-parent", retries: 1 }, async () => {
      await child();
      if (runtime.flowRun.runCount === 1) boom();
    });
    await test.finish(test.within(() => again()));

    expect((await test.runsOf("lost-child")).map(({ state }) => state.name)).toEqual(["Completed", "Completed"]);
  });

  it("gets a new run of a child flow that failed, and the failed one stays", async () => {
    let calls = 0;
    const child = flow({ name: "failed-child", persistResult: true }, () => ((calls += 1) === 1 ? boom() : "fine"));
    const again = flow({ name: "failed-parent", retries: 1 }, () => child());

    expect(await test.finish(test.within(() => again()))).toEqual({ status: "fulfilled", value: "fine" });
    const runs = await test.runsOf("failed-child");
    expect(runs.map(({ state }) => state.name)).toEqual(["Failed", "Completed"]);
    expect(new Set(runs.map(({ id }) => id)).size).toBe(2);
  });
});

describe("the custom run name", () => {
  it("of a flow is computed once per run, and again for the next run", async () => {
    let computed = 0;
    const seen: unknown[] = [];
    const named = flow({ name: "named", retries: 2, flowRunName: () => `run ${(computed += 1)}` }, () => {
      seen.push(runtime.flowRun.name);
      return boom();
    });
    await test.finish(test.within(() => named()));
    await test.finish(test.within(() => named()));

    expect(computed).toBe(2);
    expect(seen).toEqual(["run 1", "run 1", "run 1", "run 2", "run 2", "run 2"]);
  });

  it("of a task is computed once per run, and again for the next run", async () => {
    let computed = 0;
    const seen: unknown[] = [];
    const named = task({ name: "named", retries: 1, taskRunName: () => `run ${(computed += 1)}` }, () => {
      seen.push(runtime.taskRun.name);
      return boom();
    });
    await test.finish(test.within(() => named()));
    await test.finish(test.within(() => named()));

    expect(computed).toBe(2);
    expect(seen).toEqual(["run 1", "run 1", "run 2", "run 2"]);
  });
});

describe("the log line about the last failure", () => {
  const lastError = (): string | undefined => test.log.lines.findLast(({ level }) => level === "error")?.message;

  it.each(KINDS)("of a %s with retries says that they are used up", async (kind) => {
    await run(kind, { retries: 1 });

    const lines = test.log.lines.filter(({ level }) => level === "error").map(({ message }) => message);
    expect(lines).toContainEqual(expect.stringMatching(/retries are used up/));
  });

  it.each(KINDS)("of a %s without retries says nothing about retries", async (kind) => {
    await run(kind, { retries: 0 });

    expect(lastError()).toBeDefined();
    expect(test.log.lines.filter(({ message }) => /retr/i.test(message))).toEqual([]);
  });
});
