import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { z } from "zod";
import { moveFlowRun } from "../../src/engine/move-flow-run.ts";
import {
  Abort,
  Cancelled,
  cancelFlowRun,
  CancelledRun,
  flow,
  ParameterTypeError,
  Paused,
  Pause,
  runtime,
  type State,
  stateError,
  Suspended,
  suspendFlowRun,
  SystemExit,
  task,
  TimeoutError,
  UnfinishedRun,
} from "../../src/index.ts";
import { openRig, type Rig, runOn } from "./rig.ts";

let rig: Rig;
beforeEach(async () => {
  rig = await openRig();
});
afterEach(() => rig[Symbol.asyncDispose]());

const settled = async <T>(promise: Promise<T>): Promise<PromiseSettledResult<T>> =>
  (await Promise.allSettled([promise]))[0];

const hang = (): Promise<never> => new Promise(() => undefined);

/** How a run ends whose body is this and that may be retried once. */
interface Seen {
  /** What its caller gets. */
  readonly called: PromiseSettledResult<unknown>;
  /** Stored states of its run. */
  readonly names: readonly string[];
  readonly stored: State;
  readonly hooks: readonly string[];
}

interface Given {
  readonly body: () => unknown;
  readonly timeoutSeconds?: number;
}

const noteIn = (hooks: string[]) => (event: string) => [
  (_object: unknown, _run: unknown, state: State) => void hooks.push(`${event} ${state.name}`),
];

async function asFlow({ body, timeoutSeconds = 0 }: Given): Promise<Seen> {
  const hooks: string[] = [];
  const note = noteIn(hooks);
  const object = flow(
    {
      name: "seen",
      retries: 1,
      timeoutSeconds,
      onRetry: note("retry"),
      onFailure: note("failure"),
      onCrashed: note("crashed"),
      onCancellation: note("cancellation"),
      onCompletion: note("completion"),
    },
    body,
  );
  const called = await settled(rig.done(() => object()));
  const { state } = await rig.stored.flowRun("seen");
  return { called, names: await rig.stored.flowStates("seen"), stored: state, hooks };
}

async function asTask({ body, timeoutSeconds = 0 }: Given): Promise<Seen> {
  const hooks: string[] = [];
  const note = noteIn(hooks);
  const object = task(
    {
      name: "seen",
      retries: 1,
      timeoutSeconds,
      onRetry: note("retry"),
      onFailure: note("failure"),
      onCompletion: note("completion"),
    },
    body,
  );
  let called: PromiseSettledResult<unknown> | undefined;
  const around = flow({ name: "around" }, async () => {
    called = await settled(object());
  });
  await settled(rig.done(() => around()));
  const [run] = await rig.stored.taskRuns("around");
  if (run === undefined || called === undefined) throw new Error("the task did not run");
  return { called, names: await rig.stored.taskStates("around"), stored: run.state, hooks };
}

const FLOW_RETRIED = ["Pending", "Running", "AwaitingRetry", "Retrying"];
const TASK_RETRIED = ["Pending", "Running", "Retrying"];
const KINDS = [
  { kind: "flow", label: "Flow run", run: asFlow, retried: FLOW_RETRIED },
  { kind: "task", label: "Task run", run: asTask, retried: TASK_RETRIED },
] as const;

describe("any value thrown by the body of a run", () => {
  class OwnError extends Error {
    override readonly name = "OwnError";
  }
  const bare: object = Object.create(null);
  const THROWN = [
    { thrown: new Error("oops!"), text: "Error: oops!" },
    { thrown: new OwnError("mine"), text: "OwnError: mine" },
    { thrown: "text", text: "string: text" },
    { thrown: 42, text: "number: 42" },
    { thrown: null, text: "null: null" },
    { thrown: undefined, text: "undefined: undefined" },
    { thrown: { code: 3 }, text: "Object: [object Object]" },
    { thrown: bare, text: "object" },
  ];

  it.each(KINDS.flatMap((kind) => THROWN.map((row) => ({ ...kind, ...row }))))(
    "fails a $kind after its retries and is what the caller gets: $text",
    async ({ run, label, retried, thrown, text }) => {
      const { called, names, stored, hooks } = await run({
        body: async () => {
          throw thrown;
        },
      });

      expect(called.status === "rejected" && Object.is(called.reason, thrown)).toBe(true);
      expect(names).toEqual([...retried, "Failed"]);
      expect(stored).toMatchObject({ type: "FAILED", message: `${label} failed with ${text}` });
      expect(hooks.filter((hook) => !hook.startsWith("retry"))).toEqual(["failure Failed"]);
    },
  );

  it.each(KINDS)("does so for a $kind whose body is synchronous", async ({ run, retried }) => {
    const error = new Error("sync");

    const { called, names } = await run({
      body: () => {
        throw error;
      },
    });

    expect(called).toEqual({ status: "rejected", reason: error });
    expect(names).toEqual([...retried, "Failed"]);
  });
});

describe("parameters that the schema refuses", () => {
  it("fail the run from Pending: no body, no retry, start and end at one instant, onFailure", async () => {
    const events: string[] = [];
    const strict = flow(
      {
        name: "strict",
        retries: 3,
        parameters: z.object({ day: z.string() }),
        onRunning: [() => void events.push("running")],
        onRetry: [() => void events.push("retry")],
        onFailure: [(_flow, run) => void events.push(`failure ${run.runCount}`)],
      },
      () => void events.push("body"),
    );

    // A caller without types.
    const called = await settled(rig.done(() => strict({ day: 3 } as never)));

    expect(called).toMatchObject({ status: "rejected", reason: expect.any(ParameterTypeError) });
    expect(events).toEqual(["failure 0"]);
    expect(await rig.stored.flowStates("strict")).toEqual(["Pending", "Failed"]);
    const run = await rig.stored.flowRun("strict");
    expect(run.startMicros).toBe(run.endMicros);
    expect(run.endMicros).toBe(run.state.timestampMicros);
    expect(run).toMatchObject({ runCount: 0, totalRunTimeMicros: 0 });
  });
});

describe("a run that takes too long", () => {
  it.each(KINDS)("of a $kind is TimedOut with the limit in the message, and retried", async (row) => {
    const { called, names, stored, hooks } = await row.run({ body: hang, timeoutSeconds: 0.1 });

    expect(called).toMatchObject({ status: "rejected", reason: expect.any(TimeoutError) });
    expect(names).toEqual([...row.retried, "TimedOut"]);
    expect(stored).toMatchObject({ type: "FAILED", message: `${row.label} exceeded timeout of 0.1 second(s)` });
    expect(hooks.at(-1)).toBe("failure TimedOut");
  });

  it.each(KINDS)("of a $kind has timed out too when its code throws an error of that name", async (row) => {
    const error = new DOMException("took too long", "TimeoutError");

    const { called, names, stored } = await row.run({ body: () => Promise.reject(error) });

    expect(called).toEqual({ status: "rejected", reason: error });
    expect(names).toEqual([...row.retried, "TimedOut"]);
    expect(stored.message).toBe(`${row.label} timed out with TimeoutError: took too long`);
  });

  /** Time passes while the process is blocked, so that no timer can fire. */
  const blocked = (): void => {
    const before = rig.clock.monotonic();
    Reflect.set(rig.clock, "monotonic", () => before + 60_000);
  };
  const LATE: readonly { readonly what: string; readonly body: () => unknown }[] = [
    { what: "returns", body: () => (blocked(), "late") },
    {
      what: "throws",
      body: () => {
        blocked();
        throw new Error("late");
      },
    },
    { what: "resolves before the timer", body: async () => (blocked(), "late") },
    {
      what: "rejects before the timer",
      body: async () => {
        await Promise.resolve();
        blocked();
        throw new Error("late");
      },
    },
  ];

  it.each(KINDS.flatMap((kind) => LATE.map((row) => ({ ...kind, ...row }))))(
    "of a $kind is noticed when its body $what, whose outcome is dropped",
    async ({ run, body }) => {
      const { called, stored } = await run({ body, timeoutSeconds: 60 });

      expect(called).toMatchObject({ status: "rejected", reason: { code: "run_timeout" } });
      expect(stored.name).toBe("TimedOut");
      expect(stored.message).not.toContain("late");
    },
  );
});

describe("an exit that is asked for", () => {
  it.each(KINDS)("crashes a $kind, is not retried, and is rethrown", async ({ run, label }) => {
    const exit = new SystemExit("stop here");

    const { called, names, stored, hooks } = await run({ body: () => Promise.reject(exit) });

    expect(called).toEqual({ status: "rejected", reason: exit });
    expect(names).toEqual(["Pending", "Running", "Crashed"]);
    expect(stored).toMatchObject({ type: "CRASHED", message: `${label} crashed with SystemExit: stop here` });
    expect(hooks).toEqual(label === "Flow run" ? ["crashed Crashed"] : []);
  });

  it("crashes every run around it, innermost first, also with returnState", async () => {
    const order: string[] = [];
    const note = (name: string) => ({ name, onCrashed: [() => void order.push(name)] });
    const exits = task({ name: "exits" }, () => {
      throw new SystemExit("stop");
    });
    const between = task({ name: "between" }, () => exits.run([], { returnState: true }));
    const inner = flow(note("inner"), () => between.run([], { returnState: true }));
    const middle = flow(note("middle"), () => inner.run([], { returnState: true }));
    const outer = flow(note("outer"), () => middle.run([], { returnState: true }));

    await expect(rig.done(() => outer.run([], { returnState: true }))).rejects.toThrow(SystemExit);

    expect(order).toEqual(["inner", "middle", "outer"]);
    const tasks = await rig.stored.taskRuns("inner");
    expect(tasks.map(({ taskName, state }) => `${taskName} ${state.name}`).toSorted()).toEqual([
      "between Crashed",
      "exits Crashed",
    ]);
    for (const name of order) expect((await rig.stored.flowRun(name)).state.type).toBe("CRASHED");
  });
});

describe("the caller's signal", () => {
  it.each(["flow", "task"] as const)("crashes a %s, is not retried, and gives its reason", async (kind) => {
    const controller = new AbortController();
    const reason = new Error("enough");
    const body = async (): Promise<never> => {
      controller.abort(reason);
      return hang();
    };
    const options = { name: "aborted", retries: 2 };
    const object = kind === "flow" ? flow(options, body) : task(options, body);
    const around = flow({ name: "around" }, () => object.run([], { signal: controller.signal }).catch(() => "went on"));

    const called = await settled(rig.done(() => object.run([], { signal: controller.signal, returnState: true })));
    expect(called).toEqual({ status: "rejected", reason });
    // Only the run that was called with the signal ends with it.
    await expect(rig.done(() => around())).resolves.toBe("went on");
    const stored = (await rig.stored.taskRuns("around"))[0]?.state;
    expect(stored).toMatchObject({ type: "CRASHED", message: expect.stringContaining("cancelled by the runtime") });
  });
});

describe("a request to cancel", () => {
  it("makes the run Cancelling, then Cancelled, is not retried, and its caller gets an error", async () => {
    const { called, names, hooks } = await asFlow({
      body: async () => {
        await cancelFlowRun(runtime.flowRun.id ?? "");
        return hang();
      },
    });

    expect(called).toMatchObject({ status: "rejected", reason: expect.any(CancelledRun) });
    expect(names).toEqual(["Pending", "Running", "Cancelling", "Cancelled"]);
    expect(hooks).toEqual(["cancellation Cancelling"]);
  });
});

describe("an upstream that did not complete", () => {
  it.each(["flow", "task"] as const)("leaves a %s NotReady: no hooks, no retry, and no result", async (kind) => {
    const events: string[] = [];
    const note = noteIn(events);
    const options = { name: "waits", retries: 2, onRunning: note("running"), onFailure: note("failure") };
    const body = (): void => void events.push("body");
    const object = kind === "flow" ? flow(options, body) : task(options, body);
    const cause = new Error("upstream");
    const upstream = task({ name: "upstream" }, () => Promise.reject(cause));

    const state = await rig.done(async () => {
      const failed = await upstream.run([], { returnState: true });
      return object.run([], { waitFor: [failed], returnState: true });
    });
    const called = await settled(rig.done(() => object.run([], { waitFor: [state] })));

    expect(state).toMatchObject({ type: "PENDING", name: "NotReady" });
    await expect(state.result()).rejects.toBeInstanceOf(UnfinishedRun);
    expect(called).toMatchObject({ status: "rejected", reason: { code: "unfinished_run", cause } });
    expect(events).toEqual([]);
  });
});

describe("a refusal of the rules", () => {
  it.each([
    { what: "to leave a run suspended that nobody could start again", make: () => Suspended() },
    { what: "to pause a run that has not begun", make: () => Paused(), isEarly: true },
  ])("$what leaves it as it is: the caller gets Abort, nothing crashes, no hook runs", async ({ make, isEarly }) => {
    const events: string[] = [];
    const note = noteIn(events);
    const object = flow(
      {
        name: "refused",
        retries: 1,
        onFailure: note("failure"),
        onCrashed: note("crashed"),
        stateHandlers: isEarly === true ? [(_flow, _old, next) => (next.isRunning() ? make() : next)] : [],
      },
      make,
    );

    const called = await settled(rig.done(() => object.run([], { returnState: true })));

    expect(called).toMatchObject({ status: "rejected", reason: expect.any(Abort) });
    expect(await rig.stored.flowStates("refused")).toEqual(isEarly === true ? ["Pending"] : ["Pending", "Running"]);
    expect(events).toEqual([]);
  });

  it("because somebody else has ended the run leaves it as they left it", async () => {
    const events: string[] = [];
    const { control: _, ...deaf } = rig.engine;
    const moved = flow({ name: "moved", onCrashed: [() => void events.push("crashed")] }, async () => {
      // Somebody whom this process does not hear.
      await moveFlowRun(deaf, runtime.flowRun.id ?? "", Cancelled({ message: "by force" }), { force: true });
      return "too late";
    });

    const called = await settled(runOn(deaf, moved));

    expect(called).toMatchObject({ status: "rejected", reason: expect.any(CancelledRun) });
    expect(await rig.stored.flowStates("moved")).toEqual(["Pending", "Running", "Cancelled"]);
    expect((await rig.stored.flowRun("moved")).state.message).toBe("by force");
    expect(events).toEqual([]);
  });

  it("of a suspension is an error for the code that asked for it, which may go on", async () => {
    const refused: unknown[] = [];
    const alone = flow({ name: "alone" }, async () => {
      refused.push(await suspendFlowRun().catch((error: unknown) => error));
      return "went on";
    });
    const careless = flow({ name: "careless" }, () => suspendFlowRun());

    await expect(rig.done(() => alone())).resolves.toBe("went on");
    expect(refused).toMatchObject([{ code: "transition_refused" }]);
    await expect(rig.done(() => careless())).rejects.toMatchObject({ code: "transition_refused" });
    expect(await rig.stored.flowStates("careless")).toEqual(["Pending", "Running", "Failed"]);
  });
});

describe("a suspension", () => {
  it("leaves the run Suspended, and its caller gets Pause, also when the body swallowed it", async () => {
    const plain = flow({ name: "suspends" }, () => suspendFlowRun());
    const swallowing = flow({ name: "swallows" }, async () => {
      await suspendFlowRun().catch(() => undefined);
      return "went on";
    });

    for (const object of [plain, swallowing]) {
      await expect(runOn(rig.deployed, object)).rejects.toBeInstanceOf(Pause);
      expect(await rig.stored.flowStates(object.name)).toEqual(["Pending", "Running", "Suspended"]);
    }
  });
});

describe("the error of a state", () => {
  it("is what the run threw, wherever the state comes from", async () => {
    const error = new Error("inner");
    const bad = task({ name: "bad" }, () => Promise.reject(error));
    const outer = flow({ name: "outer" }, () => bad.run([], { returnState: true }));

    const state = await rig.done(() => outer.run([], { returnState: true }));

    expect(stateError(state)).toBe(error);
    await expect(state.result()).rejects.toBe(error);
  });
});
