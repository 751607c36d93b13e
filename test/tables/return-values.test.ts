import { afterAll, beforeAll, describe, expect, it } from "vitest";
import {
  Cancelled,
  CancelledRun,
  Cancelling,
  Completed,
  Crashed,
  CrashedRun,
  Failed,
  FailedRun,
  flow,
  isState,
  MissingResult,
  Paused,
  PausedRun,
  Pending,
  raiseStateError,
  Running,
  Scheduled,
  type State,
  stateError,
  type StateType,
  SystemExit,
  task,
  UnfinishedRun,
} from "../../src/index.ts";
import { openRig, type Rig } from "./rig.ts";

let rig: Rig;
beforeAll(async () => {
  rig = await openRig();
});
afterAll(() => rig[Symbol.asyncDispose]());

/** What a body that returns this leads to, as a flow and as a task: state, value for the caller, stored state. */
interface Seen {
  readonly state: State;
  readonly stored: State | undefined;
  readonly called: PromiseSettledResult<unknown>;
}

const settled = async (promise: Promise<unknown>): Promise<PromiseSettledResult<unknown>> =>
  (await Promise.allSettled([promise]))[0];

let count = 0;

async function asFlow(body: () => unknown): Promise<Seen> {
  const name = `returns-${(count += 1)}`;
  const object = flow({ name }, body);
  const state = await rig.done(() => object.run([], { returnState: true }));
  const { state: stored } = await rig.stored.flowRun(name);
  return { state, stored, called: await settled(rig.done(() => object())) };
}

async function asTask(body: () => unknown): Promise<Seen> {
  const object = task({ name: "returning" }, body);
  const state = await rig.done(() => object.run([], { returnState: true }));
  const run = await rig.engine.runs.readTaskRun(state.stateDetails.taskRunId ?? "");
  return { state, stored: run?.state, called: await settled(rig.done(() => object())) };
}

const KINDS = [
  { kind: "flow", run: asFlow },
  { kind: "task", run: asTask },
] as const;

/** Every pair of a way to run and an item. */
const each = <T extends object>(items: readonly T[]) =>
  KINDS.flatMap((kind) => items.map((item) => ({ ...kind, ...item })));

/** States of task runs that really ended so; made inside the body that returns them. */
const ended = {
  completed: () => task({ name: "ends" }, () => 1).run([], { returnState: true }),
  failed: () =>
    task({ name: "ends" }, () => {
      throw new Error("inner");
    }).run([], { returnState: true }),
  cancelled: () => task({ name: "ends" }, () => Cancelled()).run([], { returnState: true }),
  crashed: () => task({ name: "ends" }, () => Crashed()).run([], { returnState: true }),
  paused: () => task({ name: "ends" }, () => Paused()).run([], { returnState: true }),
  cancelling: () => task({ name: "ends" }, () => Cancelling()).run([], { returnState: true }),
  notReady: async () => {
    const failed = await ended.failed();
    return task({ name: "ends" }, () => 1).run([], { waitFor: [failed], returnState: true });
  },
} as const;

describe("one state made by hand", () => {
  it.each(
    each([
      { make: () => Completed({ name: "Skimmed", message: "m", data: 7 }), type: "COMPLETED" },
      { make: () => Failed({ name: "Broke", message: "m" }), type: "FAILED" },
      { make: () => Crashed({ message: "m" }), type: "CRASHED" },
      { make: () => Cancelled({ message: "m" }), type: "CANCELLED" },
      { make: () => Cancelling({ message: "m" }), type: "CANCELLING" },
      { make: () => Paused({ message: "m" }), type: "PAUSED" },
    ] satisfies readonly { make: () => State; type: StateType }[]),
  )("is the final state itself: $type from a $kind", async ({ run, make, type }) => {
    const made: State[] = [];

    const { state, stored } = await run(() => {
      const own = make();
      made.push(own);
      return own;
    });

    expect(state).toBe(made[0]);
    expect(state.type).toBe(type);
    expect(stored).toMatchObject({ id: state.id, type, name: made[0]?.name, message: "m" });
  });

  it("holds its data as the result, also when it has none", async () => {
    const seven = await asFlow(() => Completed({ data: 7 }));
    const none = await asFlow(() => Completed());

    await expect(seven.state.result()).resolves.toBe(7);
    expect(seven.called).toEqual({ status: "fulfilled", value: 7 });
    await expect(none.state.result()).resolves.toBeUndefined();
  });

  it.each(each([{ make: Running }, { make: Pending }, { make: Scheduled }]))(
    "in which no run can end fails a $kind with an explanation (%#)",
    async ({ run, make }) => {
      let bodies = 0;

      const { state, stored } = await run(() => {
        bodies += 1;
        return make();
      });

      expect(stored).toMatchObject({ type: "FAILED", name: "Failed" });
      expect(state.message).toMatch(/^(Flow|Task) run returned a \w+ state, and a run cannot end in one\.$/);
      expect(bodies).toBe(2);
    },
  );
});

describe("states of other runs", () => {
  it.each(
    each([
      { from: ["completed", "completed"], type: "COMPLETED", message: "All states completed." },
      { from: ["completed"], type: "COMPLETED", message: "All states completed." },
      { from: ["completed", "cancelled"], type: "CANCELLED", message: "1/2 states cancelled." },
      { from: ["failed", "cancelled", "failed", "crashed"], type: "CANCELLED", message: "1/4 states cancelled." },
      { from: ["cancelled", "paused"], type: "CANCELLED", message: "1/2 states cancelled." },
      { from: ["failed", "paused", "completed"], type: "PAUSED", message: "1/3 states paused." },
      { from: ["completed", "failed"], type: "FAILED", message: "1/2 states failed." },
      { from: ["failed", "crashed", "completed"], type: "FAILED", message: "2/3 states failed." },
      { from: ["failed", "notReady"], type: "FAILED", message: "1/2 states failed." },
      { from: ["notReady", "cancelling", "completed"], type: "FAILED", message: "2/3 states are not final." },
      { from: ["notReady"], type: "FAILED", message: "1/1 states are not final." },
    ] satisfies readonly { from: readonly (keyof typeof ended)[]; type: StateType; message: string }[]),
  )("$from end a $kind as $type: $message", async ({ run, from, type, message }) => {
    let returned: unknown;

    const { state, stored } = await run(async () => {
      returned = [];
      for (const how of from) (returned as State[]).push(await ended[how]());
      return returned;
    });

    expect(state).toMatchObject({ type, message });
    expect(stored).toMatchObject({ id: state.id, type, message });
    expect(Array.isArray(state.data) && state.data.every(isState)).toBe(true);
    expect(state.peek()).toHaveLength(from.length);
  });

  it.each(each([{}]))("in a Set count as in a list, for a $kind", async ({ run }) => {
    const { state } = await run(async () => new Set([await ended.completed(), await ended.failed()]));

    expect(state).toMatchObject({ type: "FAILED", message: "1/2 states failed." });
  });

  it.each(each([{}]))("alone count as a list of one, for a $kind, whose own state is another one", async ({ run }) => {
    const inner: State[] = [];

    const { state } = await run(async () => {
      inner.push(await ended.failed());
      return inner.at(-1);
    });

    expect(state).not.toBe(inner[0]);
    expect(state).toMatchObject({ type: "FAILED", message: "1/1 states failed." });
    expect(state.peek()).toBe(inner[0]);
    expect(stateError(state)).toMatchObject({ message: "inner" });
  });

  it("made by hand count like those of runs when there are several", async () => {
    const { state } = await asFlow(() => [Completed(), Cancelled(), Failed()]);

    expect(state).toMatchObject({ type: "CANCELLED", message: "1/3 states cancelled." });
  });

  it("stand in for the futures of runs", async () => {
    const good = task({ name: "good" }, () => 1);
    const bad = task({ name: "bad" }, () => {
      throw new Error("inner");
    });

    expect((await asFlow(() => [good.submit(), bad.submit()])).state.message).toBe("1/2 states failed.");
    expect((await asFlow(() => good.submit())).state.message).toBe("All states completed.");
    expect((await asTask(() => [good.submit(), bad.submit()])).state.message).toBe("1/2 states failed.");
  });
});

describe("a generator", () => {
  it.each(each([{}]))("is drained to a list, from a $kind", async ({ run }) => {
    const sync = await run(function* () {
      yield 1;
      yield 2;
    });
    const async = await run(async function* () {
      yield "a";
    });
    const empty = await run(function* () {});

    expect(sync.called).toEqual({ status: "fulfilled", value: [1, 2] });
    expect(async.called).toEqual({ status: "fulfilled", value: ["a"] });
    expect(empty.called).toEqual({ status: "fulfilled", value: [] });
    expect(sync.stored).toMatchObject({ type: "COMPLETED", name: "Completed" });
  });

  it.each(each([{}]))("of states is a list of states, from a $kind", async ({ run }) => {
    const { state } = await run(async function* () {
      yield await ended.completed();
      yield await ended.failed();
    });

    expect(state).toMatchObject({ type: "FAILED", message: "1/2 states failed." });
  });
});

describe("a kept record", () => {
  it("is the result of the task that finds it, and the body is not called", async () => {
    let bodies = 0;
    const kept = task({ name: "kept", persistResult: true, resultStorageKey: "record" }, () => (bodies += 1));
    await rig.done(() => kept());

    const state = await rig.done(() => kept.run([], { returnState: true }));

    expect(state).toMatchObject({ type: "COMPLETED", name: "Cached" });
    await expect(state.result()).resolves.toBe(1);
    expect(bodies).toBe(1);
  });
});

describe("anything else", () => {
  const failed = Failed();
  it.each(
    each([
      { value: 1 },
      { value: null },
      { value: undefined },
      { value: "" },
      { value: [] },
      { value: new Set() },
      { value: { a: failed } },
      { value: new Map([["a", failed]]) },
      { value: ["bar", failed] },
      { value: [failed, "bar"] },
      { value: new Set([failed, 1]) },
      { value: [[failed]] },
      { value: new Error("returned, not thrown") },
    ]),
  )("completes a $kind: $value", async ({ run, value }) => {
    const { state, stored, called } = await run(() => value);

    expect(state).toMatchObject({ type: "COMPLETED", name: "Completed", message: null });
    expect(stored).toMatchObject({ type: "COMPLETED", name: "Completed" });
    expect(called.status === "fulfilled" && Object.is(called.value, value)).toBe(true);
    await expect(state.result()).resolves.toBe(value);
  });

  it("completes it also when a state of another run is among other values", async () => {
    const { state } = await asFlow(async () => ["bar", await ended.failed()]);

    expect(state).toMatchObject({ type: "COMPLETED", message: null });
  });
});

describe("what the caller gets for a state that is returned", () => {
  const own = {
    failed: () => Failed({ message: "by hand" }),
    crashed: () => Crashed({ message: "by hand" }),
    cancelled: () => Cancelled({ message: "by hand" }),
    cancelling: () => Cancelling({ message: "by hand" }),
    paused: () => Paused({ message: "by hand" }),
  } as const;

  it.each([
    { how: "failed", error: FailedRun },
    { how: "crashed", error: CrashedRun },
    { how: "cancelled", error: CancelledRun },
    { how: "cancelling", error: UnfinishedRun },
    { how: "paused", error: PausedRun },
  ] as const)("is an error from a flow: $how", async ({ how, error }) => {
    const { called } = await asFlow(own[how]);

    expect(called).toMatchObject({ status: "rejected", reason: expect.any(error) });
  });

  it.each(Object.entries(own))("is that very state from a task, and nothing is thrown: %s", async (_how, make) => {
    const { called } = await asTask(make);

    expect(called).toMatchObject({ status: "fulfilled", value: { message: "by hand" } });
    expect(called.status === "fulfilled" && isState(called.value)).toBe(true);
  });

  it("is the list itself from a task that returns several", async () => {
    const { called } = await asTask(async () => [await ended.failed()]);

    expect(called).toMatchObject({ status: "fulfilled", value: [expect.objectContaining({ type: "FAILED" })] });
  });

  it("counts as a failed attempt of a task, runs its onFailure once, and leaves the flow around it alone", async () => {
    const events: string[] = [];
    let bodies = 0;
    const bad = task(
      {
        name: "by-hand",
        retries: 2,
        onFailure: [(_task, run) => void events.push(`failure ${run.runCount}`)],
        onRetry: [() => void events.push("retry")],
      },
      () => {
        bodies += 1;
        return Failed({ message: `attempt ${bodies}` });
      },
    );
    const outer = flow({ name: "around-by-hand" }, async () => String(await bad()));

    await expect(rig.done(() => outer())).resolves.toBe("Failed('attempt 3')");
    expect(events).toEqual(["retry", "retry", "failure 3"]);
    expect(await rig.stored.taskStates("around-by-hand")).toEqual([
      "Pending",
      "Running",
      "Retrying",
      "Retrying",
      "Failed",
    ]);
    expect((await rig.stored.flowRun("around-by-hand")).state.type).toBe("COMPLETED");
  });

  it("counts as a failed attempt of a flow too, and the last attempt decides", async () => {
    let bodies = 0;
    const events: string[] = [];
    const bad = flow(
      { name: "flow-by-hand", retries: 1, onFailure: [(_flow, run) => void events.push(`failure ${run.runCount}`)] },
      () => Failed({ message: `attempt ${(bodies += 1)}` }),
    );

    await expect(rig.done(() => bad())).rejects.toThrow("attempt 2");
    expect(events).toEqual(["failure 2"]);
  });

  it("runs the hooks of its type, and none for Cancelled", async () => {
    const run = async (make: () => State): Promise<string[]> => {
      const events: string[] = [];
      const note = (event: string) => [
        (_f: unknown, _r: unknown, state: State) => void events.push(`${event} ${state.name}`),
      ];
      const object = flow(
        {
          name: "hooked",
          onCompletion: note("completion"),
          onFailure: note("failure"),
          onCancellation: note("cancellation"),
          onCrashed: note("crashed"),
        },
        make,
      );
      await rig.done(() => object.run([], { returnState: true }));
      return events;
    };

    expect(await run(own.failed)).toEqual(["failure Failed"]);
    expect(await run(own.crashed)).toEqual(["crashed Crashed"]);
    expect(await run(own.cancelling)).toEqual(["cancellation Cancelling"]);
    expect(await run(own.cancelled)).toEqual([]);
    expect(await run(own.paused)).toEqual([]);
    expect(await run(() => Completed())).toEqual(["completion Completed"]);
  });
});

describe("the result of a run", () => {
  const outcome = async (body: () => unknown) => (await asFlow(body)).state;

  it("is asked of the state: refused while paused or open, also when failures are not raised", async () => {
    for (const raiseOnFailure of [true, false]) {
      await expect((await outcome(() => Paused())).result({ raiseOnFailure })).rejects.toBeInstanceOf(PausedRun);
      await expect((await outcome(() => Cancelling())).result({ raiseOnFailure })).rejects.toBeInstanceOf(
        UnfinishedRun,
      );
    }
  });

  it("of a failed one is thrown, or given as it is when failures are not raised", async () => {
    const error = new Error("e");
    const thrown = await outcome(() => {
      throw error;
    });
    const valued = await outcome(() => Failed({ data: { rows: 3 } }));

    await expect(thrown.result()).rejects.toBe(error);
    await expect(thrown.result({ raiseOnFailure: false })).resolves.toBe(error);
    await expect(valued.result({ raiseOnFailure: false })).resolves.toEqual({ rows: 3 });
    await expect(valued.result()).rejects.toBeInstanceOf(TypeError);
  });

  it("is in memory for the process that ran it, and missing for the next reader unless it is kept", async () => {
    const memory = await asFlow(() => null);
    await expect(memory.state.result()).resolves.toBeNull();
    expect(memory.state.peek()).toBeNull();
    await expect(memory.stored?.result()).rejects.toBeInstanceOf(MissingResult);
    expect(memory.stored?.peek()).toBeUndefined();
  });

  it("that was kept is loaded from the store by the next reader, also an error", async () => {
    const kept = flow({ name: "kept-value", persistResult: true }, () => ({ rows: [1, 2] }));
    const broken = flow({ name: "kept-error", persistResult: true }, () => {
      throw new RangeError("out of rows");
    });
    await rig.done(() => kept());
    await rig.done(() => broken.run([], { returnState: true }));

    const value = (await rig.stored.flowRun("kept-value")).state;
    const error = (await rig.stored.flowRun("kept-error")).state;

    expect(value.peek()).toBeUndefined();
    await expect(value.result()).resolves.toEqual({ rows: [1, 2] });
    expect(value.toWire().data).toMatchObject({ storage_key: expect.any(String) });
    await expect(error.result()).rejects.toMatchObject({ name: "RangeError", message: "out of rows" });
  });

  it("of a failed or crashed one that was not kept is a wrapper with the state's message", async () => {
    const failed = await asFlow(() => {
      throw new Error("gone");
    });
    const exits = flow({ name: "exits" }, () => {
      throw new SystemExit("gone too");
    });
    await rig.done(() => exits().catch(() => undefined));
    const crashed = (await rig.stored.flowRun("exits")).state;

    await expect(failed.stored?.result()).rejects.toBeInstanceOf(FailedRun);
    await expect(failed.stored?.result()).rejects.toThrow("Flow run failed with Error: gone");
    await expect(crashed.result()).rejects.toBeInstanceOf(CrashedRun);
    await expect(crashed.result()).rejects.toThrow("gone too");
  });
});

describe("the error of a state that a flow returns", () => {
  const error = new Error("attached");
  it.each([
    { what: "the error attached", make: () => Failed({ data: error }), is: { message: "attached" }, kind: Error },
    { what: "a wrapper with the message", make: () => Failed({ message: "m" }), is: { message: "m" }, kind: FailedRun },
    { what: "a wrapper without one", make: () => Failed(), is: { message: "The run failed." }, kind: FailedRun },
    { what: "a wrapper for a crash", make: () => Crashed({ message: "m" }), is: { message: "m" }, kind: CrashedRun },
    {
      what: "a wrapper for a cancellation",
      make: () => Cancelled(),
      is: { code: "cancelled_run" },
      kind: CancelledRun,
    },
    { what: "a wrapper with a text", make: () => Crashed({ data: "text" }), is: { message: "text" }, kind: CrashedRun },
    { what: "that of a state in it", make: () => Failed({ data: Failed({ data: error }) }), is: error, kind: Error },
    {
      what: "that of the first of several that did not succeed",
      make: () => Failed({ data: [Completed(), Paused(), Crashed({ message: "c" }), Failed({ data: error })] }),
      is: { message: "c" },
      kind: CrashedRun,
    },
    {
      what: "the same for a Set",
      make: () => Failed({ data: new Set([Completed(), Cancelled({ message: "c" })]) }),
      is: { message: "c" },
      kind: CancelledRun,
    },
    {
      what: "one that says that none is at fault",
      make: () => Failed({ data: [Completed()] }),
      is: { code: "state_group" },
      kind: Error,
    },
    {
      what: "a TypeError that names what is there",
      make: () => Failed({ data: new Map() }),
      is: { message: expect.stringContaining("Map") },
      kind: TypeError,
    },
  ])("is $what", async ({ make, is, kind }) => {
    const { called } = await asFlow(make);

    expect(called).toMatchObject({ status: "rejected", reason: expect.any(kind) });
    expect(called).toMatchObject({ reason: is });
  });

  it("is none for a state that did not fail: asking for it throws, raising it does nothing", async () => {
    const { state } = await asFlow(() => 1);

    expect(() => stateError(state)).toThrow("COMPLETED");
    expect(() => raiseStateError(state)).not.toThrow();
    expect(() => raiseStateError(Failed({ data: error }))).toThrow(error);
  });
});
