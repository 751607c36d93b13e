import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from "vitest";
import { currentFrame } from "../../src/engine/active-run.ts";
import { getRunContext } from "../../src/engine/run-context.ts";
import { runtime } from "../../src/engine/runtime.ts";
import { flow } from "../../src/flow.ts";
import { withHub } from "../../src/hub.ts";
import { signals } from "../../src/states/signals.ts";
import { task } from "../../src/task.ts";
import { rejected } from "../support/coded.ts";
import { openRuns } from "../support/runs.ts";

const BASE = "https://hub.example";

let test: Awaited<ReturnType<typeof openRuns>>;
beforeAll(async () => {
  test = await openRuns({ uiUrl: BASE });
});
afterAll(() => test[Symbol.asyncDispose]());
afterEach(() => {
  vi.unstubAllEnvs();
});

/** On the hub of this file, as if it were one with an API. */
const within = <T>(fn: () => T): T =>
  withHub({ ...test.hub, engine: { ...test.hub.engine, apiUrl: `${BASE}/api` } }, fn);

const live = new Map([["k", 1]]);

interface Seen {
  readonly flowRun: Record<string, unknown>;
  readonly taskRun: Record<string, unknown>;
  readonly deployment: Record<string, unknown>;
}

const look = (): Seen => ({
  flowRun: { ...runtime.flowRun },
  taskRun: { ...runtime.taskRun },
  deployment: { ...runtime.deployment },
});

interface Everywhere {
  readonly inFlow: Seen;
  readonly inTask: Seen;
  readonly alone: Seen;
  readonly outside: Seen;
  readonly context: Readonly<Record<"outer" | "inner" | "task" | "taskName", string>>;
  readonly expectedStart: Date | null;
}

/** What each attribute says in a nested flow, in a task of it, in a task without a flow, and outside. */
async function lookEverywhere(): Promise<Everywhere> {
  const context = { outer: "", inner: "", task: "", taskName: "" };
  let expectedStart: Date | null = null;
  const step = task({ name: "step", tags: ["task-tag"] }, (_given: Map<string, number>) => {
    const { taskRun } = getRunContext();
    Object.assign(context, { task: taskRun?.id, taskName: taskRun?.name });
    return look();
  });
  const child = flow({ name: "child", version: "v2", tags: ["flow-tag"] }, async (given: Map<string, number>) => {
    const { flowRun } = getRunContext();
    context.inner = flowRun?.id ?? "";
    expectedStart = flowRun?.expectedStartTime ?? null;
    return { inFlow: look(), inTask: await step(given) };
  });
  const parent = flow({ name: "parent" }, async () => {
    context.outer = getRunContext().flowRun?.id ?? "";
    return child(live);
  });
  const { inFlow, inTask } = await within(() => parent());
  return { inFlow, inTask, alone: await within(() => step(live)), outside: look(), context, expectedStart };
}

let seen: Everywhere;
beforeAll(async () => {
  seen = await lookEverywhere();
});

/** Attribute, what it is inside, what it is elsewhere. */
type Row = readonly [attribute: string, inside: () => unknown, empty: unknown];

describe("runtime.flowRun", () => {
  it.each<Row>([
    ["id", () => seen.context.inner, null],
    ["name", () => expect.stringMatching(/^[a-z]+-[a-z]+$/), null],
    ["flowName", () => "child", null],
    ["flowVersion", () => "v2", null],
    ["tags", () => ["flow-tag"], []],
    ["parameters", () => ({ arg0: live }), {}],
    ["runCount", () => 1, 0],
    ["parentFlowRunId", () => seen.context.outer, null],
    ["rootFlowRunId", () => seen.context.outer, null],
    ["parentDeploymentId", () => null, null],
    ["apiUrl", () => `${BASE}/api/flow-runs/flow-run/${seen.context.inner}`, null],
    ["uiUrl", () => `${BASE}/flow-runs/flow-run/${seen.context.inner}`, null],
    ["jobVariables", () => null, null],
  ])("has %s in a flow and its tasks, and an empty one elsewhere", (attribute, inside, empty) => {
    expect(seen.inFlow.flowRun[attribute]).toEqual(inside());
    expect(seen.inTask.flowRun[attribute]).toEqual(inside());
    expect(seen.alone.flowRun[attribute]).toEqual(empty);
    expect(seen.outside.flowRun[attribute]).toEqual(empty);
  });

  it("has scheduledStartTime: the expected start in a flow and its tasks, now elsewhere", () => {
    expect(seen.inFlow.flowRun["scheduledStartTime"]).toEqual(seen.expectedStart);
    expect(seen.inTask.flowRun["scheduledStartTime"]).toEqual(seen.expectedStart);
    for (const { flowRun } of [seen.alone, seen.outside]) expect(flowRun["scheduledStartTime"]).toBeInstanceOf(Date);
  });

  it("has live parameters, not stored ones", () => {
    expect(Object(seen.inFlow.flowRun["parameters"])["arg0"]).toBe(live);
  });

  it("is its own root at the top, and has no parent", async () => {
    const top = flow({ name: "top" }, () => ({ ...runtime.flowRun }));

    const { id, rootFlowRunId, parentFlowRunId } = await within(() => top());

    expect([rootFlowRunId, parentFlowRunId]).toEqual([id, null]);
  });

  it("counts attempts", async () => {
    const counts: number[] = [];
    const failing = flow({ name: "counting", retries: 2 }, () => {
      counts.push(runtime.flowRun.runCount);
      throw new Error("again");
    });

    await within(() => failing.run([], { returnState: true }));

    expect(counts).toEqual([1, 2, 3]);
  });

  it("gives a list of tags that can be changed without changing the run", async () => {
    const tagged = flow({ name: "tag-list", tags: ["a"] }, () => {
      runtime.flowRun.tags.push("b");
      return runtime.flowRun.tags;
    });

    await expect(within(() => tagged())).resolves.toEqual(["a"]);
  });

  it("takes the id from the environment where nothing runs; the context wins", async () => {
    vi.stubEnv("BELLHOP__FLOW_RUN_ID", "from-env");
    const inside = flow({ name: "env-loses" }, () => runtime.flowRun.id);
    const alone = task({ name: "env-is-not-its-flow" }, () => runtime.flowRun.id);

    expect(runtime.flowRun.id).toBe("from-env");
    expect(await within(() => inside())).not.toBe("from-env");
    expect(await within(() => alone())).toBeNull();
  });
});

describe("runtime.taskRun", () => {
  it.each<Row>([
    ["id", () => seen.context.task, null],
    ["name", () => seen.context.taskName, null],
    ["taskName", () => "step", null],
    ["tags", () => ["task-tag"], []],
    ["parameters", () => ({ arg0: live }), {}],
    ["runCount", () => 1, 0],
    ["apiUrl", () => `${BASE}/api/task-runs/task-run/${seen.context.task}`, null],
    ["uiUrl", () => `${BASE}/task-runs/task-run/${seen.context.task}`, null],
    ["loopCount", () => 1, 0],
    ["loopResult", () => null, null],
    ["resumed", () => false, false],
  ])("has %s in a task, and an empty one elsewhere", (attribute, inside, empty) => {
    // The last task to run was the one without a flow.
    expect(seen.alone.taskRun[attribute]).toEqual(inside());
    expect(seen.inFlow.taskRun[attribute]).toEqual(empty);
    expect(seen.outside.taskRun[attribute]).toEqual(empty);
  });

  it("says how often the body was called in a loop, and what the call before gave", async () => {
    const calls: unknown[] = [];
    const looping = task({ name: "looping" }, () => {
      const { loopCount, loopResult, resumed } = runtime.taskRun;
      calls.push([loopCount, loopResult, resumed]);
      if (loopCount < 3) throw new signals.LOOP("again", { result: `of ${loopCount}` });
    });

    await within(() => looping());

    expect(calls).toEqual([
      [1, null, false],
      [2, "of 1", false],
      [3, "of 2", false],
    ]);
  });

  it("says that the run was resumed", async () => {
    const paused = task({ name: "paused" }, () => {
      const run = currentFrame()?.run;
      if (run !== undefined) run.resumed = true;
      return runtime.taskRun.resumed;
    });

    await expect(within(() => paused())).resolves.toBe(true);
  });

  it("is empty in a flow that a task called", async () => {
    const inner = flow({ name: "inner" }, () => runtime.taskRun.id);
    const between = task({ name: "between" }, () => inner());

    await expect(within(() => flow({ name: "outer" }, () => between())())).resolves.toBeNull();
  });
});

describe("runtime.deployment", () => {
  it.each([
    ["id", null],
    ["name", null],
    ["version", null],
    ["parameters", {}],
  ] as const)("has an empty %s where there are no deployments", (attribute, empty) => {
    for (const { deployment } of [seen.inFlow, seen.inTask, seen.alone, seen.outside])
      expect(deployment[attribute]).toEqual(empty);
  });

  it("has flowRunId: that of the flow run", () => {
    expect(seen.inFlow.deployment["flowRunId"]).toBe(seen.context.inner);
    expect(seen.inTask.deployment["flowRunId"]).toBe(seen.context.inner);
    expect([seen.alone, seen.outside].map(({ deployment }) => deployment["flowRunId"])).toEqual([null, null]);
  });

  it("is overridden by the environment", () => {
    vi.stubEnv("BELLHOP__RUNTIME__DEPLOYMENT__NAME", "nightly");
    vi.stubEnv("BELLHOP__RUNTIME__DEPLOYMENT__PARAMETERS", "{}");

    expect(runtime.deployment.name).toBe("nightly");
    expect(() => runtime.deployment.parameters).toThrow(/cannot be overridden/);
  });
});

describe("overrides for tests", () => {
  it.each([
    ["FLOW_RUN__RUN_COUNT", "7", () => runtime.flowRun.runCount, 7],
    ["FLOW_RUN__FLOW_NAME", "other", () => runtime.flowRun.flowName, "other"],
    ["FLOW_RUN__ID", "some-id", () => runtime.flowRun.id, "some-id"],
    [
      "FLOW_RUN__SCHEDULED_START_TIME",
      "2026-02-03T04:05:06Z",
      () => runtime.flowRun.scheduledStartTime,
      new Date("2026-02-03T04:05:06Z"),
    ],
    ["TASK_RUN__RESUMED", "True", () => runtime.taskRun.resumed, true],
    ["TASK_RUN__RESUMED", "1", () => runtime.taskRun.resumed, true],
    ["TASK_RUN__RESUMED", "false", () => runtime.taskRun.resumed, false],
    ["TASK_RUN__LOOP_COUNT", "3", () => runtime.taskRun.loopCount, 3],
    ["FLOW_RUN__FAVOURITE_COLOUR", "red", () => Reflect.get(runtime.flowRun, "favouriteColour"), "red"],
  ] as const)("%s=%s is cast to the type of the real value", (name, text, read, value) => {
    vi.stubEnv(`BELLHOP__RUNTIME__${name}`, text);

    expect(read()).toEqual(value);
  });

  it("hold inside a run too", async () => {
    vi.stubEnv("BELLHOP__RUNTIME__FLOW_RUN__NAME", "as-you-like");
    vi.stubEnv("BELLHOP__RUNTIME__TASK_RUN__RUN_COUNT", "9");
    const inner = task({ name: "t" }, () => runtime.taskRun.runCount);
    const overridden = flow({ name: "f" }, async () => [runtime.flowRun.name, await inner()]);

    await expect(within(() => overridden())).resolves.toEqual(["as-you-like", 9]);
  });

  it("that are empty count as not set", () => {
    vi.stubEnv("BELLHOP__RUNTIME__FLOW_RUN__NAME", "");

    expect(runtime.flowRun.name).toBeNull();
  });

  it.each([
    ["FLOW_RUN__TAGS", "a", () => runtime.flowRun.tags, /list or object cannot be overridden/],
    ["FLOW_RUN__PARAMETERS", "{}", () => runtime.flowRun.parameters, /list or object cannot be overridden/],
    ["TASK_RUN__TAGS", "a", () => runtime.taskRun.tags, /list or object cannot be overridden/],
    ["FLOW_RUN__RUN_COUNT", "many", () => runtime.flowRun.runCount, /must be a number/],
    ["FLOW_RUN__SCHEDULED_START_TIME", "soon", () => runtime.flowRun.scheduledStartTime, /must be a date/],
  ] as const)("%s=%s is refused", (name, text, read, problem) => {
    vi.stubEnv(`BELLHOP__RUNTIME__${name}`, text);

    expect(read).toThrow(problem);
    expect(read).toThrow(TypeError);
  });

  it.each(["flowRun", "taskRun", "deployment"] as const)(
    "an unknown attribute of %s is refused without one",
    (part) => {
      expect(() => Reflect.get(runtime[part], "nmae")).toThrow(/no such attribute/);
      expect("nmae" in runtime[part]).toBe(false);
    },
  );
});

describe("runtime.flowRun.load", () => {
  it("reads the run that the environment names from the store", async () => {
    const child = flow({ name: "stored-child", tags: ["x"] }, (_given: { day: string }) => ({ ...runtime.flowRun }));
    const own = await within(() => flow({ name: "stored-parent" }, () => child({ day: "monday" }))());
    vi.stubEnv("BELLHOP__FLOW_RUN_ID", String(own.id));

    const loaded = await within(() => runtime.flowRun.load());

    expect(loaded).toEqual({ ...own, parameters: { day: "monday" }, apiUrl: null });
    expect(loaded.rootFlowRunId).toBe(own.parentFlowRunId);
    // The getters stay synchronous, and answer from the context.
    expect([runtime.flowRun.id, runtime.flowRun.name]).toEqual([own.id, null]);
  });

  it("refuses an id that the store does not have", async () => {
    vi.stubEnv("BELLHOP__FLOW_RUN_ID", "01994f1f-0000-7000-8000-000000000000");

    expect((await rejected(within(() => runtime.flowRun.load()))).code).toBe("run_not_found");
  });

  it("answers from the context inside a run, and empty where nothing is known", async () => {
    const inside = flow({ name: "loading" }, async () => [await runtime.flowRun.load(), { ...runtime.flowRun }]);

    const [loaded, own] = await within(() => inside());
    const outside = await runtime.flowRun.load();

    expect(loaded).toEqual(own);
    expect([outside.id, outside.name, outside.runCount]).toEqual([null, null, 0]);
  });

  it("is overridden like the getters", async () => {
    vi.stubEnv("BELLHOP__RUNTIME__FLOW_RUN__NAME", "as-you-like");

    expect((await runtime.flowRun.load()).name).toBe("as-you-like");
  });

  it("is no attribute: a copy of the facts holds facts only", () => {
    expect(Object.keys(runtime.flowRun)).not.toContain("load");
  });
});
