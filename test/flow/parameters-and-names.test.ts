import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { z } from "zod";
import { SecretValue } from "../../src/base/secret.ts";
import { getRunContext, MissingContextError } from "../../src/engine/run-context.ts";
import { runtime } from "../../src/engine/runtime.ts";
import { tags } from "../../src/engine/tags.ts";
import { flow } from "../../src/flow.ts";
import { task } from "../../src/task.ts";
import { openRuns } from "../support/runs.ts";

let test: Awaited<ReturnType<typeof openRuns>>;
beforeAll(async () => {
  test = await openRuns({ uiUrl: "https://hub.example" });
});
afterAll(() => test[Symbol.asyncDispose]());

const within = <T>(fn: () => T): T => test.within(fn);
const Greeting = z.object({ name: z.string(), times: z.number().default(2) });

describe("parameters", () => {
  it("are checked and completed by the schema before the body sees them", async () => {
    const greet = flow({ name: "greet", parameters: Greeting }, ({ name, times }) => `${name} ${times}`);

    await expect(within(() => greet({ name: "Ada" }))).resolves.toBe("Ada 2");
    expect((await test.stored.flowRun("greet")).parameters).toEqual({ name: "Ada", times: 2 });
  });

  it("that the schema refuses fail the run before it starts, and the body is not called", async () => {
    let called = false;
    const greet = flow({ name: "greet-badly", parameters: Greeting, retries: 3 }, () => {
      called = true;
    });

    // A caller without types.
    const bad = { name: 1 } as unknown as z.input<typeof Greeting>;
    await expect(within(() => greet(bad))).rejects.toMatchObject({
      name: "ParameterTypeError",
      code: "invalid_parameters",
    });

    const run = await test.stored.flowRun("greet-badly");
    expect(called).toBe(false);
    expect(run.startMicros).toBe(run.endMicros);
    expect(run.runCount).toBe(0);
    expect(await test.stored.flowStates("greet-badly")).toEqual(["Pending", "Failed"]);
  });

  it("without a schema are named by the keys of a single object, else by position", async () => {
    const byKey = flow({ name: "by-key" }, (_given: { x: number; dbPassword: string }) => undefined);
    const byPlace = flow({ name: "by-place" }, (_a: number, _b: SecretValue) => undefined);

    await within(() => byKey({ x: 1, dbPassword: "hunter2" }));
    await within(() => byPlace(1, new SecretValue("hunter2")));

    expect((await test.stored.flowRun("by-key")).parameters).toEqual({ x: 1, dbPassword: "********" });
    expect((await test.stored.flowRun("by-place")).parameters).toEqual({ arg0: 1, arg1: "********" });
  });
});

describe("run names", () => {
  it("are two words for flows, and the task's name with three hex digits for tasks", async () => {
    const inner = task({ name: "load" }, () => 1);
    const outer = flow({ name: "default-names" }, () => inner());

    await within(() => outer());

    expect((await test.stored.flowRun("default-names")).name).toMatch(/^[a-z]+-[a-z]+$/);
    expect((await test.stored.taskRuns("default-names"))[0]?.name).toMatch(/^load-[0-9a-f]{3}$/);
  });

  it("are filled from the parameters, defaults included", async () => {
    const greet = flow(
      { name: "templated", parameters: Greeting, flowRunName: "hi-{name}-{times}" },
      () => runtime.flowRun.name,
    );

    await expect(within(() => greet({ name: "Ada" }))).resolves.toBe("hi-Ada-2");
  });

  it("are made by a function that may look at the run, once per run and not per attempt", async () => {
    let made = 0;
    const named = flow(
      {
        name: "made",
        retries: 1,
        flowRunName: async () => `run-${String(runtime.flowRun.parameters["arg0"])}-${(made += 1)}`,
      },
      (_given: number) => {
        throw new Error("always");
      },
    );

    await expect(within(() => named(5))).rejects.toThrow("always");
    expect((await test.stored.flowRun("made")).name).toBe("run-5-1");
    await expect(within(() => named(6))).rejects.toThrow("always");
    expect((await test.stored.flowRun("made")).name).toBe("run-6-2");
  });

  it("of tasks are made from their parameters", async () => {
    const load = task(
      { name: "load", taskRunName: "load-{table}" },
      (_given: { table: string }) => runtime.taskRun.name,
    );
    const count = task(
      { name: "count", taskRunName: ({ parameters }) => `count-${String(parameters["arg0"])}` },
      (_given: number) => runtime.taskRun.name,
    );
    const both = flow({ name: "task-names" }, async () => [await load({ table: "users" }), await count(3)]);

    await expect(within(() => both())).resolves.toEqual(["load-users", "count-3"]);
  });

  it.each([
    ["names no parameter", "hi-{nope}"],
    ["is not a string", () => 5 as unknown as string],
    ["throws", () => Promise.reject(new Error("no name"))],
  ])("fail the run instead of leaving it pending when the name %s", async (_why, flowRunName) => {
    const unnamed = flow({ name: "unnameable", flowRunName }, () => 1);

    await expect(within(() => unnamed())).rejects.toThrow(/flowRunName|no name/);
    expect(await test.stored.flowStates("unnameable")).toEqual(["Pending", "Failed"]);
  });
});

describe("tags", () => {
  it("come from the flow, the code around the call, and the call", async () => {
    const tagged = flow({ name: "tagged", tags: ["own"] }, () => runtime.flowRun.tags);

    const seen = await within(() =>
      tags(["outer"], () => tags(["inner", "outer"], () => tagged.run([], { tags: ["call"] }))),
    );

    expect(seen).toEqual(["own", "outer", "inner", "call"]);
    expect((await test.stored.flowRun("tagged")).tags).toEqual(["own", "outer", "inner", "call"]);
  });

  it("of the code around a task are added to its own, and end with that code", async () => {
    const seen = task({ name: "seen", tags: ["task"] }, () => runtime.taskRun.tags);
    const outer = flow({ name: "tagging" }, async () => [await tags(["a"], () => seen()), await seen()]);

    await expect(within(() => outer())).resolves.toEqual([["task", "a"], ["task"]]);
  });
});

describe("the runtime", () => {
  it("is empty outside a run", () => {
    expect(runtime.flowRun.id).toBeNull();
    expect(runtime.flowRun.name).toBeNull();
    expect(runtime.flowRun.tags).toEqual([]);
    expect(runtime.flowRun.parameters).toEqual({});
    expect(runtime.flowRun.runCount).toBe(0);
    expect(runtime.flowRun.scheduledStartTime).toBeInstanceOf(Date);
    expect(runtime.taskRun.id).toBeNull();
    expect(() => getRunContext()).toThrow(MissingContextError);
  });

  it("knows the flow run, its parents and its links", async () => {
    const child = flow({ name: "runtime-child", version: "v2" }, () => ({ ...runtime.flowRun }));
    const inTask = task({ name: "via-task" }, () => child());
    const parent = flow({ name: "runtime-parent" }, async () => ({
      own: { ...runtime.flowRun },
      child: await inTask(),
    }));

    const { own, child: nested } = await within(() => parent());

    expect(own).toMatchObject({
      flowName: "runtime-parent",
      flowVersion: null,
      runCount: 1,
      parentFlowRunId: null,
      rootFlowRunId: own.id,
    });
    expect(nested).toMatchObject({
      flowName: "runtime-child",
      flowVersion: "v2",
      parentFlowRunId: own.id,
      rootFlowRunId: own.id,
    });
    expect(own.uiUrl).toBe(`https://hub.example/flow-runs/flow-run/${own.id}`);
    expect(own.apiUrl).toBeNull();
  });

  it("shows a task both runs, and a flow no task", async () => {
    const inner = task({ name: "both" }, (_given: number) => [
      runtime.flowRun.flowName,
      runtime.taskRun.taskName,
      runtime.taskRun.parameters,
      getRunContext().kind,
    ]);
    const outer = flow({ name: "both-flow" }, async () => [await inner(4), runtime.taskRun.id, getRunContext().kind]);

    await expect(within(() => outer())).resolves.toEqual([["both-flow", "both", { arg0: 4 }, "task"], null, "flow"]);
  });

  it("keeps runs apart that go on at the same time", async () => {
    const who = flow({ name: "who" }, async (name: string) => {
      await new Promise((resolve) => setImmediate(resolve));
      return [name, runtime.flowRun.parameters["arg0"]];
    });

    const seen = await within(() => Promise.all(["a", "b", "c"].map((name) => who(name))));

    expect(seen).toEqual([
      ["a", "a"],
      ["b", "b"],
      ["c", "c"],
    ]);
  });

  it("gives the live values of parameters, not the stored ones", async () => {
    const map = new Map([["k", 1]]);
    const live = flow({ name: "live" }, (_given: Map<string, number>) => runtime.flowRun.parameters["arg0"]);

    expect(await within(() => live(map))).toBe(map);
  });

  it("can be overridden by the environment, in the type of the real value", async () => {
    const overrides = {
      BELLHOP__RUNTIME__FLOW_RUN__RUN_COUNT: "7",
      BELLHOP__RUNTIME__FLOW_RUN__FLOW_NAME: "other",
      BELLHOP__RUNTIME__FLOW_RUN__SCHEDULED_START_TIME: "2026-02-03T04:05:06Z",
      BELLHOP__RUNTIME__FLOW_RUN__TAGS: "a",
      BELLHOP__FLOW_RUN_ID: "from-env",
    };
    Object.assign(process.env, overrides);
    try {
      expect(runtime.flowRun.runCount).toBe(7);
      expect(runtime.flowRun.flowName).toBe("other");
      expect(runtime.flowRun.scheduledStartTime).toEqual(new Date("2026-02-03T04:05:06Z"));
      expect(() => runtime.flowRun.tags).toThrow(/cannot be overridden/);
      expect(runtime.flowRun.id).toBe("from-env");
      const inside = flow({ name: "env-loses" }, () => runtime.flowRun.id);
      expect(await within(() => inside())).not.toBe("from-env");
    } finally {
      for (const name of Object.keys(overrides)) Reflect.deleteProperty(process.env, name);
    }
  });

  it("refuses an attribute that does not exist", () => {
    expect(() => Reflect.get(runtime.flowRun, "nmae")).toThrow(/no such attribute/);
  });
});
