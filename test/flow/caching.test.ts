import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { flow } from "../../src/flow.ts";
import {
  cachePolicy,
  FLOW_PARAMETERS,
  INPUTS,
  NO_CACHE,
  RUN_ID,
  TASK_SOURCE,
} from "../../src/results/cache-policies.ts";
import type { CacheContext } from "../../src/results/options.ts";
import { type Task, task, type TaskOptions } from "../../src/task.ts";
import { ManualClock } from "../support/manual-clock.ts";
import { openWired, type Wired } from "../support/wired.ts";

let clock: ManualClock;
let wired: Wired;
/** Arguments of the calls of bodies, in order. */
let calls: unknown[][];
beforeEach(async () => {
  clock = new ManualClock();
  wired = await openWired({}, { clock });
  calls = [];
});
afterEach(() => wired[Symbol.asyncDispose]());

/** A task that notes its calls. */
const load = (options: TaskOptions): Task<unknown[], number> =>
  task({ name: "load", ...options }, async (...args: unknown[]) => {
    calls.push(args);
    return calls.length;
  });

type Call = readonly [called: Task<unknown[], number>, ...args: unknown[]];

let flows = 0;
/** Calls the tasks one after the other in a new flow run; gives the name of each last state. */
async function names(list: readonly Call[], ...flowArgs: unknown[]): Promise<string[]> {
  flows += 1;
  const around = flow({ name: `around ${flows}` }, async (..._args: unknown[]) => {
    const seen: string[] = [];
    for (const [called, ...args] of list) seen.push((await called.run(args, { returnState: true })).name);
    return seen;
  });
  return wired.within(() => around(...flowArgs));
}

describe("a persisted task", () => {
  it("is Cached the second time it is called with equal inputs in one flow run, and gives the same value", async () => {
    const persisted = load({ persistResult: true });
    const values: number[] = [];
    const around = flow({ name: "twice" }, async () => {
      values.push(await persisted({ day: 1 }), await persisted({ day: 1 }), await persisted({ day: 2 }));
    });

    await wired.within(() => around());

    expect(values).toEqual([1, 1, 2]);
    expect((await wired.taskRuns("twice")).map(({ state }) => [state.type, state.name])).toEqual([
      ["COMPLETED", "Completed"],
      ["COMPLETED", "Cached"],
      ["COMPLETED", "Completed"],
    ]);
    expect(await wired.history("twice", "load")).toEqual(["Pending", "Running", "Completed"]);
  });

  it("runs again in another flow run, with another code, and each time outside of flows", async () => {
    const persisted = load({ persistResult: true });
    const other = task({ name: "load", persistResult: true }, async (...args: unknown[]) => calls.push(args, []));

    expect(
      await names([
        [persisted, 1],
        [persisted, 1],
      ]),
    ).toEqual(["Completed", "Cached"]);
    expect(
      await names([
        [persisted, 1],
        [other, 1],
      ]),
    ).toEqual(["Completed", "Completed"]);
    const alone = await wired.within(() => persisted.run([1], { returnState: true }));
    expect([alone.name, (await wired.within(() => persisted.run([1], { returnState: true }))).name]).toEqual([
      "Completed",
      "Completed",
    ]);
  });

  it("is not what a task is by default", async () => {
    expect(
      await names([
        [load({}), 1],
        [load({}), 1],
      ]),
    ).toEqual(["Completed", "Completed"]);
  });

  it("is found although it was submitted or mapped", async () => {
    const persisted = load({ persistResult: true });
    const around = flow({ name: "submits" }, async () => {
      await persisted(1);
      const futures = [persisted.submit(1), ...persisted.map([1, 2])];
      await Promise.all(futures.map((future) => future.wait()));
      return futures.map((future) => future.state.name);
    });

    expect(await wired.within(() => around())).toEqual(["Cached", "Cached", "Completed"]);
  });

  it("is a hit also when it gave null or nothing", async () => {
    for (const value of [null, undefined]) {
      const gives = task({ name: "gives", persistResult: true }, (...args: unknown[]) => {
        calls.push(args);
        return value;
      });
      const around = flow({ name: "null" }, async () => {
        await gives();
        return gives.run([], { returnState: true });
      });
      const state = await wired.within(() => around.run([], { returnState: true }));
      expect(state.isCompleted()).toBe(true);
      expect((await wired.taskRuns("null")).map((run) => run.state.name)).toEqual(["Completed", "Cached"]);
    }
    expect(calls).toHaveLength(2);
  });
});

describe("a flow that is retried", () => {
  it("takes persisted results over, and runs again what was not persisted and what failed, with all its retries", async () => {
    const ran: string[] = [];
    const note = (name: string, options: TaskOptions) =>
      task({ ...options, name }, async () => {
        ran.push(name);
        return ran.length;
      });
    const [kept, lost] = [note("kept", { persistResult: true }), note("lost", {})];
    const fails = task({ name: "fails", retries: 2, persistResult: true }, async () => {
      ran.push("fails");
      if (ran.filter((name) => name === "fails").length < 6) throw new Error("not yet");
    });
    const around = flow({ name: "retried", retries: 1 }, async () => {
      const values = [await kept(), await lost()];
      await fails();
      return values;
    });

    expect(await wired.within(() => around())).toEqual([1, 6]);
    expect(ran).toEqual(["kept", "lost", "fails", "fails", "fails", "lost", "fails", "fails", "fails"]);
    expect((await wired.taskRuns("retried")).map((run) => `${run.taskName} ${run.state.name}`)).toEqual([
      "kept Completed",
      "lost Completed",
      "fails Failed",
      "kept Cached",
      "lost Completed",
      "fails Completed",
    ]);
  });

  it("takes over a persisted child flow, and gives a failed one a new run", async () => {
    const ran: string[] = [];
    const kept = flow({ name: "kept-child", persistResult: true }, () => ran.push("kept"));
    const fails = flow({ name: "failing-child", persistResult: true }, () => {
      ran.push("fails");
      if (ran.length < 3) throw new Error("not yet");
      return "at last";
    });
    const around = flow({ name: "parent", retries: 1 }, async () => [await kept(), await fails()]);

    expect(await wired.within(() => around())).toEqual([1, "at last"]);
    expect(ran).toEqual(["kept", "fails", "fails"]);
    const runsOf = async (flowName: string) =>
      (await wired.hub.runs.listFlowRuns({ flowName })).map(({ state }) => state.name);
    expect(await runsOf("kept-child")).toEqual(["Completed"]);
    expect(await runsOf("failing-child")).toEqual(["Completed", "Failed"]);
  });
});

describe("the key of a task", () => {
  it("is what cacheKeyFn gives, before what the policy says, with one warning", async () => {
    const contexts: CacheContext[] = [];
    const keyed = load({
      cachePolicy: NO_CACHE.plus(INPUTS),
      cacheKeyFn: (context, parameters) => {
        contexts.push(context);
        return `day ${String(parameters["day"])}`;
      },
    });

    expect(
      await names(
        [
          [keyed, { day: 1, x: 1 }],
          [keyed, { day: 1, x: 2 }],
        ],
        "flow argument",
      ),
    ).toEqual(["Completed", "Cached"]);
    expect(
      await names([
        [keyed, { day: 1 }],
        [keyed, { day: 2 }],
      ]),
    ).toEqual(["Cached", "Completed"]);
    expect(contexts[0]).toMatchObject({
      task: { name: "load", source: expect.stringContaining("calls.push") },
      flowRunId: expect.any(String),
      flowParameters: { arg0: "flow argument" },
    });
    expect(wired.messages("warn")).toEqual(["cacheKeyFn and cachePolicy are both given; cacheKeyFn is used"]);
  });

  it("is none when cacheKeyFn gives none, and then the task runs, and its result is kept all the same", async () => {
    const keyed = load({ cacheKeyFn: () => null });

    expect(await names([[keyed], [keyed]])).toEqual(["Completed", "Completed"]);
    const run = (await wired.taskRuns(`around ${flows}`))[0];
    const fresh = run === undefined ? null : await wired.hub.runs.readTaskRun(run.id);
    expect(await fresh?.state.result()).toBe(1);
  });

  it.each([
    ["a policy cannot make it", load({ cachePolicy: INPUTS }), [() => 1]],
    ["a function throws", load({ cacheKeyFn: () => JSON.parse("{") as string }), []],
    ["a function gives something else", load({ cacheKeyFn: () => 5 as never }), []],
    ["a template names what is not there", load({ resultStorageKey: "of {parameters.nobody}" }), []],
  ])("is none when %s, which is logged, and the task runs", async (_case, keyed, args) => {
    expect(
      await names([
        [keyed, ...args],
        [keyed, ...args],
      ]),
    ).toEqual(["Completed", "Completed"]);
    expect(wired.messages("error")).toEqual(Array(2).fill("no cache key could be made, so the task runs"));
  });

  it("is the one given as resultStorageKey, filled in, for all flow runs and tasks", async () => {
    const daily = load({ resultStorageKey: "report-{parameters.day}" });
    const another = load({ name: "another", resultStorageKey: "report-{parameters.day}" });

    expect(
      await names([
        [daily, { day: 1 }],
        [daily, { day: 2 }],
      ]),
    ).toEqual(["Completed", "Completed"]);
    expect(
      await names([
        [daily, { day: 1 }],
        [another, { day: 2 }],
      ]),
    ).toEqual(["Cached", "Cached"]);
    expect(await wired.hub.results.open(null, null).store.read("report-1")).toEqual({ value: 1, expiresAtMs: null });
  });

  it("is composed of policies", async () => {
    const byInputs = load({ cachePolicy: INPUTS.minus("debug") });
    expect(
      await names([
        [byInputs, { a: 1, debug: true }],
        [byInputs, { a: 1, debug: false }],
      ]),
    ).toEqual(["Completed", "Cached"]);
    expect(
      await names([
        [byInputs, { a: 1 }],
        [byInputs, { a: 2 }],
      ]),
    ).toEqual(["Cached", "Completed"]);

    const bySource = { cachePolicy: INPUTS.plus(TASK_SOURCE) };
    const other = task({ name: "other", ...bySource }, async (...args: unknown[]) => calls.push(args) + 1_000);
    expect(
      await names([
        [load(bySource), 3],
        [load(bySource), 3],
        [other, 3],
      ]),
    ).toEqual(["Completed", "Cached", "Completed"]);

    const perRun = load({ cachePolicy: RUN_ID });
    expect(
      await names([
        [perRun, 4],
        [perRun, 5],
      ]),
    ).toEqual(["Completed", "Cached"]);
    expect(await names([[perRun, 4]])).toEqual(["Completed"]);

    const perFlowParameters = load({ cachePolicy: FLOW_PARAMETERS.plus(TASK_SOURCE) });
    expect(await names([[perFlowParameters, 6]], "monday")).toEqual(["Completed"]);
    expect(await names([[perFlowParameters, 7]], "monday")).toEqual(["Cached"]);
    expect(await names([[perFlowParameters, 7]], "tuesday")).toEqual(["Completed"]);

    const own = load({ cachePolicy: cachePolicy(async (_context, { day }) => `day ${String(day)}`).plus(RUN_ID) });
    expect(
      await names([
        [own, { day: 1, x: 1 }],
        [own, { day: 1, x: 2 }],
        [own, { day: 2 }],
      ]),
    ).toEqual(["Completed", "Cached", "Completed"]);

    const never = load({ persistResult: true, cachePolicy: NO_CACHE });
    expect(
      await names([
        [never, 8],
        [never, 8],
      ]),
    ).toEqual(["Completed", "Completed"]);
  });
});

describe("a kept result", () => {
  const fixed: TaskOptions = { resultStorageKey: "fixed" };

  it("is ignored and replaced with refreshCache", async () => {
    const usual = load(fixed);
    const refreshing = usual.withOptions({ refreshCache: true });
    const value = async () => (await wired.hub.results.open(null, null).store.read("fixed"))?.value;

    expect(await names([[usual], [usual]])).toEqual(["Completed", "Cached"]);
    expect(await value()).toBe(1);
    expect(await names([[refreshing], [refreshing], [usual]])).toEqual(["Completed", "Completed", "Cached"]);
    expect(await value()).toBe(3);
  });

  it("counts until cacheExpiration has passed, and then cannot be loaded any more", async () => {
    const expiring = load({ ...fixed, cacheExpiration: 60 });

    expect(await names([[expiring], [expiring]])).toEqual(["Completed", "Cached"]);
    const runs = await wired.taskRuns(`around ${flows}`);
    await clock.advance(59_999);
    expect(await names([[expiring]])).toEqual(["Cached"]);
    const read = () => wired.hub.runs.readTaskRun(runs[0]?.id ?? "").then((run) => run?.state.result());
    expect(await read()).toBe(1);
    await clock.advance(1);
    await expect(read()).rejects.toMatchObject({ name: "MissingResult" });
    expect(await names([[expiring], [expiring]])).toEqual(["Completed", "Cached"]);
    expect(calls).toHaveLength(2);
  });

  it("is not used where persistResult is false, and a policy then brings a warning", async () => {
    const off = load({ persistResult: false, cachePolicy: INPUTS });

    expect(
      await names([
        [off, 1],
        [off, 1],
      ]),
    ).toEqual(["Completed", "Completed"]);
    expect(wired.lines.filter(({ level }) => level === "warn")).toEqual([
      {
        level: "warn",
        message: "the cache policy has no effect, because persistResult is false",
        fields: { task: "load" },
      },
    ]);
  });

  it("that cannot be read is made again", async () => {
    const folder = join(wired.home, "results");
    const inFolder = load({ ...fixed, resultStorage: folder });
    expect(await names([[inFolder], [inFolder]])).toEqual(["Completed", "Cached"]);

    const path = join(folder, readdirSync(folder).find((name) => name.endsWith(".result")) ?? "");
    for (const broken of [Buffer.from("{}"), readFileSync(path).subarray(0, -20)]) {
      writeFileSync(path, broken);
      expect(await names([[inFolder], [inFolder]])).toEqual(["Completed", "Cached"]);
    }
    expect(calls).toHaveLength(3);
  });

  it("that was written by a serializer unknown here is made again", async () => {
    const own = {
      type: "own",
      serialize: (value: unknown) => Buffer.from(String(value)),
      deserialize: (bytes: Uint8Array) => Number(Buffer.from(bytes).toString()),
    };
    expect(await names([[load({ ...fixed, resultSerializer: own })]])).toEqual(["Completed"]);
    expect(await names([[load({ ...fixed, resultSerializer: own })]])).toEqual(["Cached"]);
    expect(await names([[load({ ...fixed, resultSerializer: "v8" })]])).toEqual(["Completed"]);
    // A record says what wrote it, so those that come with Bellhop read each other's.
    expect(await names([[load({ ...fixed, resultSerializer: "compressed/json" })]])).toEqual(["Cached"]);
  });
});

describe("whether a result is kept", () => {
  const isKept = async (taskOptions: TaskOptions, flowOptions = {}): Promise<boolean> => {
    const around = flow({ name: "keeps", ...flowOptions }, () => load(taskOptions)(1));
    await wired.within(() => around());
    return (await wired.taskRuns("keeps"))[0]?.state.toWire().data !== null;
  };

  it.each([
    ["nothing", {}, false],
    ["persistResult", { persistResult: true }, true],
    ["a policy", { cachePolicy: INPUTS }, true],
    ["NO_CACHE alone", { cachePolicy: NO_CACHE }, false],
    ["a key function", { cacheKeyFn: () => "x" }, true],
    ["a storage", { resultStorage: "store" }, true],
    ["a serializer", { resultSerializer: "v8" }, true],
    ["a storage key", { resultStorageKey: "x" }, true],
    ["persistResult false beside them", { persistResult: false, resultStorageKey: "x" }, false],
  ] as const)("follows from %s", async (_what, options, expected) => {
    expect(await isKept(options)).toBe(expected);
  });

  it("follows from the run around it, unless the task says otherwise", async () => {
    expect(await isKept({}, { persistResult: true })).toBe(true);
    expect(await isKept({}, { resultSerializer: "v8" })).toBe(true);
    expect(await isKept({ persistResult: false }, { persistResult: true })).toBe(false);
    expect(await isKept({ persistResult: true }, { persistResult: false })).toBe(true);
    const inner = flow({ name: "keeps" }, () => load({})(1));
    await wired.within(() => flow({ name: "outer", persistResult: true }, () => inner())());
    expect((await wired.taskRuns("keeps"))[0]?.state.toWire().data).not.toBeNull();
    const outerTask = task({ name: "outer-task", persistResult: true }, () => load({})(2));
    await wired.within(() => flow({ name: "keeps" }, () => outerTask())());
    expect((await wired.taskRuns("keeps")).map(({ state }) => state.toWire().data !== null)).toEqual([true, true]);
  });

  it("follows from the setting where nobody says anything", async () => {
    await using byDefault = await openWired({ persistResults: true });
    const around = flow({ name: "keeps" }, () => load({})(1));

    await byDefault.within(() => around());

    const run = (await byDefault.hub.runs.listFlowRuns({ flowName: "keeps" }))[0];
    expect(await run?.state.result()).toBe(1);
  });

  it("and where, follows from the run around it as well", async () => {
    const folder = pathToFileURL(join(wired.home, "in the flow"));
    await isKept({}, { resultStorage: folder, resultSerializer: "compressed/v8" });

    expect((await wired.taskRuns("keeps"))[0]?.state.toWire().data).toMatchObject({
      storage: folder.href,
      serializer: { type: "compressed/v8" },
    });
    expect(readdirSync(folder).filter((name) => name.endsWith(".result"))).toHaveLength(2);
  });
});
