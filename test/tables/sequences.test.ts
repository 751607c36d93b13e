import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { z } from "zod";
import {
  Completed,
  flow,
  type FlowRun,
  getRunContext,
  runtime,
  type State,
  type StateHandler,
  SystemExit,
  task,
  type TaskRun,
} from "../../src/index.ts";
import { openRig, type Rig } from "./rig.ts";

let rig: Rig;
let order: string[];
beforeEach(async () => {
  rig = await openRig();
  order = [];
});
afterEach(() => rig[Symbol.asyncDispose]());

const note = (event: string) => [
  (_object: unknown, run: FlowRun | TaskRun, state: State) => void order.push(`${event} ${state.name} ${run.name}`),
];
const handler = [(_object: unknown, old: State, next: State) => void order.push(`handler ${old.name}→${next.name}`)];

describe("a flow run", () => {
  const Parameters = z.object({ day: z.string() }).transform((value) => {
    order.push("schema");
    return { ...value, year: "2026" };
  });

  it("is checked, named, stored as Running and announced before each attempt of its body", async () => {
    let bodies = 0;
    const nightly = flow(
      {
        name: "nightly",
        parameters: Parameters,
        flowRunName: () => {
          order.push("name");
          return `nightly-${String(runtime.flowRun.parameters["day"])}`;
        },
        retries: 1,
        stateHandlers: handler,
        onRunning: note("onRunning"),
        onRetry: note("onRetry"),
        onCompletion: note("onCompletion"),
      },
      async ({ year }) => {
        bodies += 1;
        const stored = await rig.stored.flowRun("nightly");
        order.push(`body ${year} ${stored.state.name} ${stored.name}`);
        if (bodies === 1) throw new Error("first");
      },
    );

    await rig.done(() => nightly({ day: "03-02" }));

    expect(order).toEqual([
      "schema",
      "name",
      "handler Pending→Running",
      "onRunning Running nightly-03-02",
      "body 2026 Running nightly-03-02",
      "handler Running→Failed",
      "handler Failed→AwaitingRetry",
      "onRetry AwaitingRetry nightly-03-02",
      "handler AwaitingRetry→Retrying",
      "onRunning Retrying nightly-03-02",
      "body 2026 Retrying nightly-03-02",
      "handler Retrying→Completed",
      "onCompletion Completed nightly-03-02",
    ]);
  });

  it("stops before its name when its parameters are refused, and runs onFailure", async () => {
    const strict = flow(
      {
        name: "strict",
        parameters: Parameters,
        onRunning: note("onRunning"),
        onFailure: note("onFailure"),
        flowRunName: () => {
          order.push("name");
          return "never";
        },
      },
      () => void order.push("body"),
    );

    // A caller without types.
    await rig.done(() => strict.run([{ day: 2 } as never], { returnState: true }));

    expect(order).toEqual([expect.stringMatching(/^onFailure Failed [a-z]+-[a-z]+$/)]);
  });

  it("stops before its parameters are checked when an upstream did not complete, and runs nothing", async () => {
    const failing = task({ name: "failing" }, () => Promise.reject(new Error("upstream")));
    const waits = flow({ name: "waits", parameters: Parameters, onFailure: note("onFailure") }, () => 1);

    const state = await rig.done(async () =>
      waits.run([{ day: "x" }], { waitFor: [await failing.run([], { returnState: true })], returnState: true }),
    );

    expect(state.name).toBe("NotReady");
    expect(order).toEqual([]);
  });

  it("has its last state in the store when its hooks run, in its context, before its caller goes on", async () => {
    const done = flow(
      {
        name: "done",
        onCompletion: [
          async (_flow, run, state) => {
            const stored = await rig.stored.flowRun("done");
            order.push(
              `hook ${stored.state.name} ${stored.state.id === state.id} ${getRunContext().flowRun?.id === run.id}`,
            );
          },
        ],
      },
      () => void order.push("body"),
    );

    await rig.done(async () => {
      await done();
      order.push("caller");
    });

    expect(order).toEqual(["body", "hook Completed true true", "caller"]);
  });

  it("logs each beginning and the end", async () => {
    const log = { debug: vi.spyOn(rig.engine.log, "debug"), info: vi.spyOn(rig.engine.log, "info") };
    const logged = flow({ name: "logged" }, () => 1);

    await rig.done(() => logged());

    const { id } = await rig.stored.flowRun("logged");
    expect(log.debug).toHaveBeenCalledWith("attempt begins", expect.objectContaining({ run: id, attempt: 1 }));
    expect(log.info).toHaveBeenCalledWith("run finished", expect.objectContaining({ run: id, state: "Completed" }));
    log.debug.mockRestore();
    log.info.mockRestore();
  });
});

describe("a run that fails before its body is called", () => {
  const early = {
    "a flow with bad parameters": (stateHandlers: StateHandler[]) => {
      const strict = flow(
        { name: "early", parameters: z.object({ day: z.string() }), retries: 2, stateHandlers },
        () => 1,
      );
      // A caller without types.
      return () => strict.run([{ day: 1 } as never], { returnState: true });
    },
    "a flow without a name": (stateHandlers: StateHandler[]) => {
      const nameless = flow({ name: "early", flowRunName: "{nothing}", retries: 2, stateHandlers }, () => 1);
      return () => nameless.run([], { returnState: true });
    },
    "a task without a name": (stateHandlers: StateHandler[]) => {
      const nameless = task({ name: "early", taskRunName: "{nothing}", retries: 2, stateHandlers }, () => 1);
      return () => nameless.run([], { returnState: true });
    },
  };

  it.each(Object.entries(early))("shows that to its handlers and is not retried: %s", async (_what, make) => {
    const state = await rig.done(make(handler));

    expect(state.name).toBe("Failed");
    expect(order).toEqual(["handler Pending→Failed"]);
  });

  it.each(Object.entries(early))("is what they make of it: %s", async (_what, make) => {
    const state = await rig.done(make([() => Completed({ data: "saved" })]));

    expect(state.name).toBe("Completed");
    await expect(state.result()).resolves.toBe("saved");
  });

  it("crashes when the function of its name asks for an exit", async () => {
    const exit = (): never => {
      throw new SystemExit("no name");
    };
    const exiting = task({ name: "exiting", taskRunName: exit }, () => 1);
    const outer = flow({ name: "outer" }, () => exiting());
    const itself = flow({ name: "itself", flowRunName: exit }, () => 1);

    await expect(rig.done(() => outer())).rejects.toBeInstanceOf(SystemExit);
    await expect(rig.done(() => itself())).rejects.toBeInstanceOf(SystemExit);

    expect(await rig.stored.taskStates("outer")).toEqual(["Pending", "Crashed"]);
    expect(await rig.stored.flowStates("outer")).toEqual(["Pending", "Running", "Crashed"]);
    expect(await rig.stored.flowStates("itself")).toEqual(["Pending", "Crashed"]);
  });
});

describe("a task run", () => {
  it("waits, is named, looks for a kept result, and is announced before each attempt of its body", async () => {
    let bodies = 0;
    const upstream = task({ name: "upstream" }, async () => {
      await rig.clock.sleep(1_000);
      order.push("upstream");
      return "orders";
    });
    const load = task(
      {
        name: "load",
        taskRunName: ({ parameters }) => {
          order.push("name");
          return `load-${String(parameters["arg0"])}`;
        },
        persistResult: true,
        cacheKeyFn: (_context, parameters) => {
          order.push("key");
          return `load-${String(parameters["arg0"])}`;
        },
        retries: 1,
        retryDelaySeconds: 5,
        stateHandlers: handler,
        onRunning: note("onRunning"),
        onRetry: note("onRetry"),
        onCompletion: note("onCompletion"),
        onCommit: [() => void order.push("onCommit")],
      },
      (table: string) => {
        bodies += 1;
        order.push(`body ${table} ${runtime.taskRun.name}`);
        if (bodies === 1) throw new Error("first");
        return bodies;
      },
    );
    const outer = flow({ name: "outer" }, async () => [
      await load.submit(upstream.submit()).result(),
      await load("orders"),
    ]);

    const values = await rig.done(() => outer());

    expect(values).toEqual([2, 2]);
    expect(order).toEqual([
      "upstream",
      "name",
      "key",
      "handler Pending→Running",
      "onRunning Running load-orders",
      "body orders load-orders",
      "handler Running→Failed",
      "handler Failed→AwaitingRetry",
      "onRetry AwaitingRetry load-orders",
      "handler AwaitingRetry→Retrying",
      "onRunning Retrying load-orders",
      "body orders load-orders",
      "handler Retrying→Completed",
      "onCommit",
      "onCompletion Completed load-orders",
      // The second call finds the result of the first.
      "name",
      "key",
      "handler Pending→Running",
      "onRunning Running load-orders",
      "handler Running→Cached",
      "onCompletion Cached load-orders",
    ]);
  });

  it("stops before its name when an upstream did not complete", async () => {
    const failing = task({ name: "failing" }, () => Promise.reject(new Error("upstream")));
    const waits = task(
      { name: "waits", taskRunName: () => "named", onRunning: note("onRunning"), stateHandlers: handler },
      () => void order.push("body"),
    );

    const state = await rig.done(async () =>
      waits.run([], { waitFor: [await failing.run([], { returnState: true })], returnState: true }),
    );

    expect(order).toEqual(["handler Pending→NotReady"]);
    expect((await rig.engine.runs.readTaskRun(state.stateDetails.taskRunId ?? ""))?.name).toBe("waits");
  });

  it("runs its last hooks once, for the final state, in its context", async () => {
    const inner = task(
      {
        name: "inner",
        retries: 2,
        onCompletion: note("onCompletion"),
        onFailure: [
          (_task, run, state) => {
            const context = getRunContext();
            order.push(
              `onFailure ${state.name} ${run.runCount} ${"taskRun" in context && context.taskRun?.id === run.id}`,
            );
          },
        ],
      },
      () => Promise.reject(new Error("always")),
    );

    await rig.done(() => inner().catch(() => order.push("caller")));

    expect(order).toEqual(["onFailure Failed 3 true", "caller"]);
  });

  it("begins its next attempt when that is due, and not before", async () => {
    const begun: number[] = [];
    const inner = task({ name: "inner", retries: 1, retryDelaySeconds: 2.5, onRunning: note("onRunning") }, () => {
      begun.push(rig.clock.monotonic());
      if (begun.length === 1) throw new Error("first");
    });

    await rig.done(() => inner());

    expect((begun[1] ?? 0) - (begun[0] ?? 0)).toBe(2_500);
  });
});
