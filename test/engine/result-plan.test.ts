import { describe, expect, it } from "vitest";
import { type PlannedRun, planResult } from "../../src/engine/result-plan.ts";
import { cachePolicy, INPUTS, NO_CACHE, RUN_ID } from "../../src/results/cache-policies.ts";
import type { ResultOptions, TaskResultOptions } from "../../src/results/options.ts";
import type { ResultPlan } from "../../src/results/plan.ts";
import { testServices } from "../support/results.ts";

const NOTHING_SAID: TaskResultOptions = {
  persistResult: null,
  resultStorage: null,
  resultSerializer: null,
  cachePolicy: null,
  cacheKeyFn: null,
  cacheExpiration: null,
  refreshCache: null,
  resultStorageKey: null,
};

function body(): number {
  return 1;
}

/** Runs in a world of their own. */
function world(options: { readonly persistByDefault?: boolean } = {}) {
  const rig = testServices(options);
  const engine = { results: rig.services };
  let made = 0;
  const flow = (given: Partial<ResultOptions> = {}, caller?: PlannedRun, parameters = {}): PlannedRun => {
    made += 1;
    const record = { id: `flow-${made}`, name: `flow name ${made}` };
    const subject = { kind: "flow", object: { ...NOTHING_SAID, ...given, name: "f" }, record } as const;
    const run = { engine, subject, caller: caller === undefined ? null : { run: caller }, parameters };
    const self: PlannedRun = {
      ...run,
      get flow() {
        return self;
      },
    };
    return self;
  };
  const task = (given: Partial<TaskResultOptions> = {}, caller?: PlannedRun, parameters = {}): PlannedRun => {
    made += 1;
    const record = { id: `task-${made}`, name: `task name ${made}` };
    const object = { ...NOTHING_SAID, ...given, name: "t", fn: body };
    const run = caller === undefined ? null : { run: caller };
    return { engine, subject: { kind: "task", object, record }, caller: run, flow: caller?.flow ?? null, parameters };
  };
  return { ...rig, flow, task };
}

async function plan(run: PlannedRun): Promise<ResultPlan> {
  const made = await planResult(run);
  if (made === null) throw new Error("nothing is kept");
  return made;
}

describe("whether a result is kept", () => {
  it("is not, at once and without a promise, when nobody says so", () => {
    const { flow, task } = world();

    expect(planResult(task())).toBeNull();
    expect(planResult(task({}, flow()))).toBeNull();
    expect(planResult(flow())).toBeNull();
    expect(planResult({ ...task({ persistResult: true }), engine: {} })).toBeNull();
  });

  it.each<[string, Partial<TaskResultOptions>]>([
    ["persistResult", { persistResult: true }],
    ["a cache policy", { cachePolicy: INPUTS }],
    ["a function that makes the key", { cacheKeyFn: () => "k" }],
    ["a storage", { resultStorage: "store" }],
    ["a serializer", { resultSerializer: "v8" }],
    ["a storage key", { resultStorageKey: "k" }],
  ])("is, when the task gives %s", async (_what, given) => {
    const { flow, task } = world();

    expect(await planResult(task(given, flow({ persistResult: false })))).not.toBeNull();
  });

  it.each<[string, Partial<TaskResultOptions>]>([
    ["NO_CACHE", { cachePolicy: NO_CACHE }],
    ["only an expiration", { cacheExpiration: 5 }],
    ["only refreshCache", { refreshCache: true }],
  ])("is not asked for by %s", (_what, given) => {
    const { task } = world();

    expect(planResult(task(given))).toBeNull();
  });

  it("is, for a flow that gives a storage or a serializer", () => {
    const { flow } = world();

    expect(planResult(flow({ resultStorage: "store" }))).not.toBeNull();
    expect(planResult(flow({ resultSerializer: "json" }))).not.toBeNull();
    expect(planResult(flow({ persistResult: false, resultStorage: "store" }))).toBeNull();
  });

  it("is as the nearest run around it says", () => {
    const { flow, task } = world();
    const keeping = flow({ persistResult: true });
    const not = flow({ persistResult: false }, keeping);

    expect(planResult(task({}, keeping))).not.toBeNull();
    expect(planResult(task({}, task({}, flow({}, keeping))))).not.toBeNull();
    expect(planResult(task({}, not))).toBeNull();
    expect(planResult(flow({}, keeping))).not.toBeNull();
    expect(planResult(task({ persistResult: false }, keeping))).toBeNull();
    expect(planResult(task({}, task({ cachePolicy: RUN_ID }, not)))).not.toBeNull();
  });

  it("is as the setting says when no run does", () => {
    const { flow, task } = world({ persistByDefault: true });

    expect(planResult(task())).not.toBeNull();
    expect(planResult(flow())).not.toBeNull();
    expect(planResult(task({ persistResult: false }))).toBeNull();
    expect(planResult(task({}, flow({ persistResult: false })))).toBeNull();
  });

  it("disables caching where it is not, with one warning when a policy was given", () => {
    const { task, lines } = world();
    const run = task({ persistResult: false, cachePolicy: INPUTS });

    expect(planResult(run)).toBeNull();
    expect(planResult(run)).toBeNull();
    expect(planResult(task({ persistResult: false, cachePolicy: NO_CACHE }))).toBeNull();
    expect(lines).toMatchObject([{ level: "warn", message: expect.stringContaining("persistResult is false") }]);
  });
});

describe("the key of a result", () => {
  it("is by default the same for the same inputs and code in one flow run", async () => {
    const { flow, task } = world();
    const around = flow({ persistResult: true });
    const { key } = await plan(task({}, around, { a: 1 }));

    expect(key).toEqual(expect.any(String));
    expect((await plan(task({}, around, { a: 1 }))).key).toBe(key);
    expect((await plan(task({}, around, { a: 2 }))).key).not.toBe(key);
    expect((await plan(task({}, flow({ persistResult: true }), { a: 1 }))).key).not.toBe(key);
    const outside = task({ persistResult: true }, undefined, { a: 1 });
    expect((await plan(outside)).key).toBe((await plan(outside)).key);
    expect((await plan(task({ persistResult: true }, undefined, { a: 1 }))).key).not.toBe((await plan(outside)).key);
  });

  it("is made without a promise, unless a function of yours gives one", () => {
    const { task } = world();

    expect(planResult(task({ persistResult: true }))).not.toBeInstanceOf(Promise);
    expect(planResult(task({ cacheKeyFn: () => "k" }))).not.toBeInstanceOf(Promise);
    expect(planResult(task({ cacheKeyFn: async () => "k" }))).toBeInstanceOf(Promise);
  });

  it("is what cacheKeyFn gives, which goes before a policy, with a warning", async () => {
    const { flow, task, lines } = world();
    const around = flow({}, undefined, { day: "monday" });
    const given: unknown[] = [];
    const cacheKeyFn = (...args: unknown[]): string => {
      given.push(...args);
      return "z9-q7-x5";
    };
    const run = task({ cacheKeyFn, cachePolicy: INPUTS }, around, { a: 1 });

    expect(await plan(run)).toMatchObject({ key: "z9-q7-x5" });

    expect(given).toEqual([
      {
        task: { name: "t", source: String(body) },
        flowRunId: "flow-1",
        taskRunId: "task-2",
        flowParameters: { day: "monday" },
      },
      { a: 1 },
    ]);
    expect(lines).toMatchObject([{ level: "warn", message: expect.stringContaining("cacheKeyFn is used") }]);
  });

  it("is filled in from a template, which goes before everything else", async () => {
    const { flow, task } = world();
    const template = "x-{parameters.foo}-{ parameters.deep.er }-{flowRun.id}-{taskRun.name}";
    const given = { resultStorageKey: template, cacheKeyFn: () => "no" };

    const made = await plan(task(given, flow(), { foo: 3, deep: { er: "y" } }));

    expect(made.key).toBe("x-3-y-flow-1-task name 2");
    expect(made.storageKey).toBe(made.key);
  });

  it.each<[string, Partial<TaskResultOptions>]>([
    ["a policy throws", { cachePolicy: cachePolicy(() => Promise.reject(new Error("meh"))) }],
    [
      "a policy throws at once",
      {
        cachePolicy: cachePolicy(() => {
          throw new Error("meh");
        }),
      },
    ],
    ["an input cannot be hashed", { cachePolicy: INPUTS }],
    // As a caller without types gives it.
    ["a function gives no text", { cacheKeyFn: () => 5 as never }],
    ["a template names what is not there", { resultStorageKey: "{parameters.nope}" }],
    ["a template names an object", { resultStorageKey: "{parameters.list}" }],
  ])("is none when %s: it is logged, and the result is kept under a new id", async (_what, given) => {
    const { task, lines, services } = world();
    const run = task(given, undefined, { callback: () => 1, list: [] });

    const made = await plan(run);

    expect(made.key).toBeNull();
    expect(made.storageKey).toMatch(/^[0-9a-f-]{36}$/);
    expect(made.store).toBe(services.open(null, null).store);
    expect(lines).toMatchObject([{ level: "error", fields: { run: "task-1", task: "t", error: expect.any(String) } }]);
  });

  it.each<[string, Partial<TaskResultOptions>]>([
    ["NO_CACHE", { persistResult: true, cachePolicy: NO_CACHE }],
    ["a function that gives null", { cacheKeyFn: () => null }],
    ["a function that gives an empty text", { cacheKeyFn: () => "" }],
  ])("is none, without a word, with %s", async (_what, given) => {
    const { task, lines } = world();

    const [one, two] = [await plan(task(given)), await plan(task(given))];

    expect([one.key, two.key]).toEqual([null, null]);
    expect(one.storageKey).not.toBe(two.storageKey);
    expect(lines).toEqual([]);
  });

  it("is none for a flow, whose result is kept under a new id", async () => {
    const { flow } = world();

    expect(await plan(flow({ persistResult: true }))).toMatchObject({ key: null, refresh: false, expiresInMs: null });
  });
});

describe("how a result is kept", () => {
  it("takes storage and serializer from the nearest run that gives one", async () => {
    const { flow, task } = world();
    const around = flow({ resultStorage: "/data/x", resultSerializer: "v8" });
    const record = { expiresAtMs: null };

    const inherited = await plan(task({}, task({}, around)));
    const own = await plan(task({ resultSerializer: "compressed/json" }, around));

    expect(inherited.metadata(record)).toMatchObject({ storage: "file:///data/x", serializer: { type: "v8" } });
    expect(own.metadata(record)).toMatchObject({ storage: "file:///data/x", serializer: { type: "compressed/json" } });
    expect((await plan(task({ resultStorage: "store" }, around))).metadata(record)).toMatchObject({ storage: "store" });
  });

  it("expires after cacheExpiration seconds from when it is made", async () => {
    const { task, clock } = world();
    const made = await plan(task({ persistResult: true, cacheExpiration: 1.5 }));
    await clock.advance(1_000);

    const record = made.record("v");

    expect(record).toEqual({ value: "v", expiresAtMs: clock.now() + 1_500 });
    expect(made.metadata(record)).toMatchObject({ expiration: "2026-01-01T00:00:02.500Z" });
    expect((await plan(task({ persistResult: true }))).record(1).expiresAtMs).toBeNull();
  });

  it("is refreshed when the task says so", async () => {
    const { task } = world();

    expect((await plan(task({ persistResult: true, refreshCache: true }))).refresh).toBe(true);
    expect((await plan(task({ persistResult: true }))).refresh).toBe(false);
  });

  it("goes under another id for what must not be found under the key", async () => {
    const { task } = world();
    const made = await plan(task({ resultStorageKey: "k", cacheExpiration: 1 }));

    expect(made.anew()).toMatchObject({ key: null, expiresInMs: null, store: made.store });
    expect(made.anew().storageKey).not.toBe("k");
  });

  it("is refused where the storage or the serializer does not exist", () => {
    const { task } = world();

    expect(() => planResult(task({ resultStorage: "s3://x" }))).toThrow(TypeError);
    // As a caller without types gives it.
    expect(() => planResult(task({ resultSerializer: "pickle" as never }))).toThrow(/resultSerializer/);
  });
});
