// The table of hooks and objects, the table of situations, and the rules of calling and attaching hooks.
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { z } from "zod";
import {
  type AnyFlow,
  bindHook,
  Cancelled,
  cancelFlowRun,
  Cancelling,
  Completed,
  Crashed,
  CrashedRun,
  Failed,
  flow,
  type FlowHooks,
  type FlowStateHook,
  getRunContext,
  getRunLogger,
  runtime,
  signals,
  type State,
  SystemExit,
  task,
  type TaskHooks,
  type Transaction,
  transaction,
} from "../../src/index.ts";
import { boom, flowHooks, gate, names, openTables, ownId, type Tables, taskHooks, untyped } from "./kit.ts";

let test: Tables;
let calls: string[];
beforeEach(async () => {
  test = await openTables();
  calls = [];
});
afterEach(() => test[Symbol.asyncDispose]());

/** Runs to the end, whatever that is. */
const end = (start: () => Promise<unknown>): Promise<PromiseSettledResult<unknown>> => test.finish(test.within(start));

const hookedFlow = (options: object, body: () => unknown) =>
  flow<[], unknown>(untyped({ ...flowHooks(calls), name: "hooked", ...options }), body);
const hookedTask = (options: object, body: () => unknown) =>
  task<[], unknown>(untyped({ ...taskHooks(calls), name: "hooked", ...options }), body);

/** Starts a flow whose body waits, and asks for its end once it is under way. */
async function cancelled(options: FlowHooks): Promise<void> {
  const { body, entered } = gate();
  let id = "";
  const waiting = flow({ name: "cancelled", ...options }, () => {
    id = ownId();
    return body();
  });
  const run = test.within(() => waiting());
  run.catch(() => undefined);
  await test.clock.until(entered);
  await test.within(() => cancelFlowRun(id));
  await test.finish(run);
}

describe("a hook on a flow", () => {
  it("onRunning fires for the first attempt and for every retry, before the body of that attempt", async () => {
    const hooked = flow({ name: "f", retries: 1, onRunning: flowHooks(calls).onRunning }, () => {
      calls.push("body");
      return boom();
    });
    await end(() => hooked());

    expect(calls).toEqual(["onRunning:Running", "body", "onRunning:Retrying", "body"]);
  });

  it.each(["Completed", "Skimmed", "Cached"])("onCompletion fires for COMPLETED named %s", async (name) => {
    await end(() => hookedFlow({}, () => Completed({ name }))());

    expect(calls).toEqual(["onRunning:Running", `onCompletion:${name}`]);
  });

  it.each([
    ["Failed", {}, boom],
    ["TimedOut", { timeoutSeconds: 1 }, () => new Promise(() => undefined)],
    ["Odd", {}, () => Failed({ name: "Odd" })],
    ["TriggerFailed", {}, () => Promise.reject(new signals.TRIGGERFAIL("upstream"))],
  ] as const)("onFailure fires for FAILED named %s", async (name, options, body) => {
    await end(() => hookedFlow(options, body)());

    expect(calls).toEqual(["onRunning:Running", `onFailure:${name}`]);
  });

  it("onCancellation fires for CANCELLING, and not again for CANCELLED", async () => {
    await cancelled(flowHooks(calls));

    expect(calls).toEqual(["onRunning:Running", "onCancellation:Cancelling"]);
    expect(await test.stored.flowStates("cancelled")).toEqual(names("Pending Running Cancelling Cancelled"));
  });

  it("onCrashed fires for CRASHED", async () => {
    await end(() => hookedFlow({}, () => Promise.reject(new SystemExit("stop")))());

    expect(calls).toEqual(["onRunning:Running", "onCrashed:Crashed"]);
  });

  it("onRetry fires once per retry, with AwaitingRetry", async () => {
    await end(() => hookedFlow({ retries: 1 }, boom)());

    expect(calls).toEqual(names("onRunning:Running onRetry:AwaitingRetry onRunning:Retrying onFailure:Failed"));
  });

  it.each(["onCommit", "onRollback", "onFailed", "on_failure"])("%s is refused at definition", (option) => {
    const define = () => flow(untyped({ name: "f", [option]: [() => undefined] }), boom);

    expect(define).toThrow(TypeError);
    if (option.startsWith("onF") || option.startsWith("onC"))
      expect(define).toThrow(/onRetry, onRunning, onCompletion, onFailure, onCancellation, onCrashed/);
  });
});

describe("a hook on a task", () => {
  it("onRunning fires for the first attempt and for every retry, before the body of that attempt", async () => {
    const hooked = task({ name: "t", retries: 1, onRunning: taskHooks(calls).onRunning }, () => {
      calls.push("body");
      return boom();
    });
    await end(() => hooked());

    expect(calls).toEqual(["onRunning:Running", "body", "onRunning:Retrying", "body"]);
  });

  it.each(["Completed", "Skimmed"])("onCompletion fires for COMPLETED named %s", async (name) => {
    await end(() => hookedTask({}, () => Completed({ name }))());

    expect(calls).toEqual(["onRunning:Running", "onCommit", `onCompletion:${name}`]);
  });

  it.each([
    ["Failed", {}, boom],
    ["TimedOut", { timeoutSeconds: 1 }, () => new Promise(() => undefined)],
    ["ValidationFailed", {}, () => Promise.reject(new signals.VALIDATIONFAIL("bad"))],
  ] as const)("onFailure fires for FAILED named %s", async (name, options, body) => {
    await end(() => hookedTask(options, body)());

    expect(calls).toEqual(["onRunning:Running", `onFailure:${name}`]);
  });

  it("onRetry fires with AwaitingRetry where there is a delay, and with Retrying where there is none", async () => {
    await end(() => hookedTask({ retries: 2, retryDelaySeconds: [5, 0] }, boom)());

    expect(calls).toEqual(
      names(
        "onRunning:Running onRetry:AwaitingRetry onRunning:Retrying onRetry:Retrying onRunning:Retrying onFailure:Failed",
      ),
    );
  });

  it("onCommit fires when its transaction commits, and gets the transaction", async () => {
    const seen: unknown[] = [];
    const hooked = task(
      { name: "t", onCommit: [(txn: Transaction) => void seen.push(txn.isCommitted(), txn.key)] },
      () => 1,
    );
    await end(() =>
      transaction(async () => {
        await hooked();
        seen.push("block ends");
      }),
    );

    expect(seen).toEqual(["block ends", false, null]);
  });

  it("onRollback fires when its transaction rolls back, and gets the transaction", async () => {
    const seen: unknown[] = [];
    const hooked = task(
      { name: "t", onRollback: [async (txn: Transaction) => void seen.push(txn.get("what"))] },
      () => 1,
    );
    await end(() =>
      transaction(async (txn) => {
        txn.set("what", "to undo");
        await hooked();
        boom();
      }),
    );

    expect(seen).toEqual(["to undo"]);
  });

  it.each(["onCancellation", "onCrashed", "onFailed", "onSuccess"])("%s is refused at definition", (option) => {
    const hooks = untyped({ name: "t", [option]: [() => undefined] });

    expect(() => task(hooks, boom)).toThrow(TypeError);
    expect(() => task(hooks, boom)).toThrow(/a task has no such option; its hooks are onCommit, onRollback, onRetry/);
    expect(() => task({ name: "t" }, boom).withOptions(hooks)).toThrow(TypeError);
    expect(Object.keys(task({ name: "t" }, boom))).not.toContain(option);
  });
});

describe("when hooks fire", () => {
  const ALWAYS_FAILING = { onRunning: 4, onRetry: 3, onFailure: 1 };
  const counts = (): Record<string, number> => {
    const all: Record<string, number> = {};
    for (const call of calls) {
      const event = call.split(":")[0] ?? "";
      all[event] = (all[event] ?? 0) + 1;
    }
    return all;
  };

  it("a flow with 3 retries that always fails: onRunning ×4, onRetry ×3, onFailure ×1 after the last attempt", async () => {
    await end(() => hookedFlow({ retries: 3 }, boom)());

    expect(counts()).toEqual(ALWAYS_FAILING);
    expect(calls.at(-1)).toBe("onFailure:Failed");
  });

  it.each([0, 5])("a task with 3 retries, %i s apart, that always fails: the same", async (retryDelaySeconds) => {
    await end(() => hookedTask({ retries: 3, retryDelaySeconds }, boom)());

    expect(counts()).toEqual(ALWAYS_FAILING);
    expect(calls.at(-1)).toBe("onFailure:Failed");
  });

  it("a flow whose last attempt succeeds: onFailure never, onCompletion ×1", async () => {
    let attempts = 0;
    await end(() => hookedFlow({ retries: 2 }, () => ((attempts += 1) < 3 ? boom() : 1))());

    expect(counts()).toEqual({ onRunning: 3, onRetry: 2, onCompletion: 1 });
  });

  it("a task whose last attempt succeeds: onFailure never, onCompletion ×1, onCommit ×1", async () => {
    let attempts = 0;
    await end(() => hookedTask({ retries: 2 }, () => ((attempts += 1) < 3 ? boom() : 1))());

    expect(counts()).toEqual({ onRunning: 3, onRetry: 2, onCompletion: 1, onCommit: 1 });
  });

  it("bad flow parameters: onFailure ×1 and no onRunning", async () => {
    const strict = flow({ name: "f", ...flowHooks(calls), parameters: z.object({ x: z.number() }) }, () => 1);
    await end(() => strict(untyped({ x: "text" })));

    expect(calls).toEqual(["onFailure:Failed"]);
  });

  it("NotReady, of a flow and of a task: none", async () => {
    const bad = task({ name: "bad" }, boom);
    const outer = flow({ name: "outer" }, async () => {
      const upstream = bad.submit();
      await hookedTask({}, () => 1).run([], { returnState: true, waitFor: [upstream] });
      await hookedFlow({}, () => 1).run([], { returnState: true, waitFor: [upstream] });
    });
    await end(() => outer());

    expect(calls).toEqual([]);
  });

  it("a cached task: onRunning ×1, onCompletion ×1 with the name Cached, no body and no onCommit", async () => {
    let bodies = 0;
    const kept = hookedTask({ persistResult: true }, () => (bodies += 1));
    const outer = flow({ name: "outer" }, async () => {
      await kept();
      calls.length = 0;
      await kept();
    });
    await end(() => outer());

    expect(calls).toEqual(["onRunning:Running", "onCompletion:Cached"]);
    expect(bodies).toBe(1);
  });

  it("a task that returns Failed: onFailure, after its retries", async () => {
    await end(() => hookedTask({ retries: 1 }, () => Failed())());

    // What it did is kept: it ended by returning.
    expect(calls).toEqual(names("onRunning:Running onRetry:Retrying onRunning:Retrying onCommit onFailure:Failed"));
  });

  it.each([
    ["Crashed", () => Crashed(), ["onCrashed:Crashed"]],
    ["Cancelling", () => Cancelling(), ["onCancellation:Cancelling"]],
    ["Failed", () => Failed(), ["onFailure:Failed"]],
    ["Cancelled", () => Cancelled(), []],
  ] as const)("a flow that returns %s by hand: the hook of that type, if there is one", async (_, body, expected) => {
    await end(() => hookedFlow({}, body)());

    expect(calls).toEqual(["onRunning:Running", ...expected]);
  });

  it("a child flow that crashes by a returned state: its onCrashed, then the parent's call throws and its onFailure", async () => {
    const child = flow({ name: "child", onCrashed: [() => void calls.push("child crashed")] }, () => Crashed());
    let thrown: unknown;
    const parent = flow({ name: "parent", onFailure: [() => void calls.push("parent failed")] }, () =>
      child().catch((error: unknown) => {
        thrown = error;
        throw error;
      }),
    );
    await end(() => parent());

    expect(thrown).toBeInstanceOf(CrashedRun);
    expect(calls).toEqual(["child crashed", "parent failed"]);
  });

  it("SystemExit in a task: no hook of the task, and onCrashed of every flow around it", async () => {
    const exiting = hookedTask({}, () => Promise.reject(new SystemExit("stop")));
    const outer = flow({ name: "outer", onCrashed: [() => void calls.push("flow crashed")] }, () => exiting());
    await end(() => outer());

    expect(calls).toEqual(["onRunning:Running", "flow crashed"]);
    expect(await test.statesOfTask("outer", "hooked")).toEqual([names("Pending Running Crashed")]);
    expect((await test.stored.flowRun("outer")).state.type).toBe("CRASHED");
  });

  it("a task that is rolled back: only onRollback", async () => {
    const hooked = hookedTask({}, () => 1);
    await end(() =>
      transaction(async () => {
        await hooked();
        calls.length = 0;
        boom();
      }),
    );

    expect(calls).toEqual(["onRollback"]);
  });

  it("a nested run: all its hooks before its caller goes on, and those of the parent after all of them", async () => {
    const slow = (what: string) => async (): Promise<void> => {
      await new Promise((resolve) => setImmediate(resolve));
      calls.push(what);
    };
    const inner = task({ name: "inner", onCompletion: [slow("task")] }, () => 1);
    const child = flow({ name: "child", onCompletion: [slow("child"), slow("child again")] }, () => inner());
    const parent = flow({ name: "parent", onCompletion: [slow("parent")] }, async () => {
      await child();
      calls.push("caller");
    });
    await end(() => parent());

    expect(calls).toEqual(["task", "child", "child again", "caller", "parent"]);
  });
});

describe("a hook is called", () => {
  it("by position with the object, its run and the state; more parameters are allowed and what it returns is ignored", async () => {
    const seen: unknown[] = [];
    const hook = (...given: unknown[]): unknown => seen.push(...given, "|");
    const more = (_flow: unknown, _run: unknown, _state: State, extra = "default"): unknown => seen.push(extra);
    const ended = flow({ name: "f", onCompletion: [hook, more] }, () => 5);
    const step = task({ name: "t", onCompletion: [hook] }, () => 5);

    expect(await end(() => ended())).toEqual({ status: "fulfilled", value: 5 });
    await end(() => step());

    expect(seen.filter((each) => each === "|")).toHaveLength(2);
    expect(seen[0]).toBe(ended);
    expect(String(seen[1])).toMatch(/^<FlowRun: /);
    expect(String(seen[2])).toBe("Completed()");
    expect(seen[4]).toBe("default");
    expect(seen[5]).toBe(step);
    expect(String(seen[6])).toMatch(/^<TaskRun: t>/);
  });

  it.each(["flow", "task"] as const)("with the very state that the run and its caller have, on a %s", async (kind) => {
    const seen: State[] = [];
    const hook = (_object: unknown, run: { readonly state: State }, state: State): void =>
      void seen.push(run.state, state);
    const returned = await test.within(() =>
      kind === "flow"
        ? flow({ name: "f", onFailure: [hook] }, boom).run([], { returnState: true })
        : task({ name: "t", onFailure: [hook] }, boom).run([], { returnState: true }),
    );

    expect(seen).toHaveLength(2);
    expect(seen.every((state) => state === returned)).toBe(true);
  });

  it("with a run whose name, tags and counts are current, from the first onRunning on", async () => {
    const seen: unknown[] = [];
    const look: FlowStateHook = (_flow, run) => void seen.push([run.name, run.tags, run.runCount]);
    const looked = flow(
      { name: "f", tags: ["a"], flowRunName: "mine", retries: 1, onRunning: [look], onFailure: [look] },
      boom,
    );
    await end(() => looked());

    expect(seen).toEqual([
      ["mine", ["a"], 1],
      ["mine", ["a"], 2],
      ["mine", ["a"], 2],
    ]);
  });

  const sync = (what: string) => (): void => void calls.push(what);
  const async = (what: string) => async (): Promise<void> => {
    await new Promise((resolve) => setImmediate(resolve));
    calls.push(what);
  };
  const bodies: readonly (() => unknown)[] = [() => 1, async () => 1];
  it.each(
    bodies.flatMap((body) => [
      { body, first: sync, second: sync },
      { body, first: async, second: sync },
      { body, first: sync, second: async },
      { body, first: async, second: async },
    ]),
  )("one after the other in list order, sync and async in any mixture (case %#)", async ({ body, first, second }) => {
    const hooks = [first("1"), second("2"), first("3")];
    await end(() => flow({ name: "f", onCompletion: hooks }, body)());
    await end(() => task({ name: "t", onCompletion: hooks }, body)());

    expect(calls).toEqual(["1", "2", "3", "1", "2", "3"]);
  });

  it.each(["flow", "task"] as const)(
    "and whatever it throws is logged with its name and stack, and changes nothing of a %s",
    async (kind) => {
      function broken(): never {
        throw new Error("broken hook");
      }
      const hooks = [
        broken,
        () => Promise.reject(new SystemExit("not here")),
        () => Promise.reject(new signals.FAIL("nor this")),
        () => Promise.reject("text"),
        () => void calls.push("last"),
      ];
      const outcome = await end(() =>
        kind === "flow"
          ? flow({ name: "f", onCompletion: hooks }, () => 5)()
          : task({ name: "t", onCompletion: hooks }, () => 5)(),
      );

      expect(outcome).toEqual({ status: "fulfilled", value: 5 });
      expect(calls).toEqual(["last"]);
      const errors = test.log.lines.filter(({ level }) => level === "error");
      expect(errors).toHaveLength(4);
      expect(errors[0]).toMatchObject({
        message: "hook failed",
        fields: { hook: "broken", error: { message: "broken hook", stack: expect.stringContaining("broken") } },
      });
    },
  );

  it("inside the context of its run, on every event of a flow", async () => {
    const seen: string[] = [];
    const look: FlowStateHook = (_flow, flowRun, state) => {
      getRunLogger().info("from a hook");
      if (getRunContext().flowRun === flowRun && runtime.flowRun.id === flowRun.id) seen.push(state.name);
    };
    const all = {
      onRunning: [look],
      onRetry: [look],
      onCompletion: [look],
      onFailure: [look],
      onCancellation: [look],
      onCrashed: [look],
    };
    await end(() => flow({ name: "completes", ...all }, () => 1)());
    await end(() => flow({ name: "fails", retries: 1, ...all }, boom)());
    await end(() => flow({ name: "crashes", ...all }, () => Promise.reject(new SystemExit()))());
    await cancelled(all);

    expect(seen).toEqual(
      names("Running Completed Running AwaitingRetry Retrying Failed Running Crashed Running Cancelling"),
    );
  });

  it("inside the context of its run, on every event of a task", async () => {
    const seen: string[] = [];
    const look = (_task: unknown, run: unknown, state: State): void => {
      getRunLogger().info("from a hook");
      if (getRunContext().taskRun === run && runtime.taskRun.taskName === "t") seen.push(state.name);
    };
    const all: TaskHooks = { onRunning: [look], onRetry: [look], onCompletion: [look], onFailure: [look] };
    await end(() => task({ name: "t", ...all }, () => 1)());
    await end(() => task({ name: "t", retries: 1, ...all }, boom)());

    expect(seen).toEqual(names("Running Completed Running Retrying Retrying Failed"));
  });

  it("after the state is stored; a slow onRunning holds up the body, a slow onCompletion the caller", async () => {
    const stored: string[][] = [];
    const slow = async (): Promise<void> => {
      stored.push(await test.stored.flowStates("slow"));
      await test.clock.sleep(5_000);
      calls.push("hook done");
    };
    const slowed = flow({ name: "slow", onRunning: [slow], onCompletion: [slow] }, () => void calls.push("body"));
    await end(() => slowed().then(() => calls.push("caller")));

    expect(stored).toEqual([names("Pending Running"), names("Pending Running Completed")]);
    expect(calls).toEqual(["hook done", "body", "hook done", "caller"]);
  });

  it("for as long as hookTimeoutSeconds says, by default for ever; then that is logged and the next one's turn comes", async () => {
    const never = (): Promise<never> => new Promise(() => undefined);
    const limited = flow(
      { name: "f", hookTimeoutSeconds: 2, onCompletion: [never, () => void calls.push("next")] },
      () => 5,
    );

    expect(await end(() => limited())).toEqual({ status: "fulfilled", value: 5 });
    expect(calls).toEqual(["next"]);
    expect(test.log.lines.filter(({ level }) => level === "error")).toMatchObject([{ message: "hook failed" }]);
    expect(flow({ name: "f" }, boom).hookTimeoutSeconds).toBeNull();
  });

  it("and a run that it starts is an ordinary nested run", async () => {
    const cleanUp = flow({ name: "clean-up" }, () => runtime.flowRun.parentFlowRunId);
    let parentId: unknown;
    const failing = flow({ name: "failing", onFailure: [async () => void (parentId = await cleanUp())] }, boom);
    await end(() => failing());

    expect(parentId).toBe((await test.stored.flowRun("failing")).id);
    expect((await test.stored.flowRun("clean-up")).parentFlowRunId).toBe(parentId);
  });
});

describe("hooks are attached", () => {
  const hook: FlowStateHook = () => undefined;

  it("as a list: a bare function is refused with the list form, anything else by its type", () => {
    expect(() => flow(untyped({ name: "f", onFailure: hook }), boom)).toThrow(
      expect.objectContaining({ code: "invalid_hook", hint: expect.stringContaining("onFailure: [myHook]") }),
    );
    expect(() => task(untyped({ name: "t", onCommit: hook }), boom)).toThrow(TypeError);
    expect(() => flow(untyped({ name: "f", onFailure: ["a hook"] }), boom)).toThrow(/string/);
    expect(() => flow(untyped({ name: "f", onFailure: 4 }), boom)).toThrow(TypeError);
    expect(() => flow({ name: "f", onFailure: new Set([hook]) }, boom)).not.toThrow();
  });

  it("as a copy of the list", async () => {
    const list: FlowStateHook[] = [() => void calls.push("listed")];
    const listed = flow({ name: "f", onCompletion: list }, () => 1);
    list.push(() => void calls.push("pushed later"));
    await end(() => listed());

    expect(calls).toEqual(["listed"]);
  });

  it("by a call that appends, and gives the function back for the next object", async () => {
    const [one, two] = [
      flow({ name: "one", onCompletion: [() => void calls.push("listed")] }, () => 1),
      flow({ name: "two" }, () => 1),
    ];
    const shared = one.onCompletion(two.onCompletion((object: AnyFlow) => void calls.push(`shared ${object.name}`)));
    one.onCompletion(() => void calls.push("last"));
    await end(() => one());
    await end(() => two());

    expect(shared).toBeInstanceOf(Function);
    expect(calls).toEqual(["listed", "shared one", "last", "shared two"]);
  });

  it("anew by withOptions: a list replaces, an omitted one stays, an empty one clears, and the original keeps its own", async () => {
    const say = (what: string): FlowStateHook[] => [() => void calls.push(what)];
    const original = flow({ name: "f", onCompletion: say("original"), onRunning: say("running") }, () => 1);
    const replaced = original.withOptions({ onCompletion: say("replaced") });
    const cleared = original.withOptions({ onCompletion: [], onRunning: [] });
    replaced.onCompletion(() => void calls.push("only the copy"));
    for (const each of [original, replaced, cleared]) {
      await end(() => each());
      calls.push("|");
    }

    expect(calls).toEqual([...names("running original | running replaced"), "only the copy", "|", "|"]);
  });

  it("with more arguments by bindHook or a closure", async () => {
    const extra = (_flow: unknown, _run: unknown, { name }: State, { x }: { x: number }): void =>
      void calls.push(`${name} ${x}`);
    await end(() => flow({ name: "f", onCompletion: [bindHook(extra, { x: 4 })] }, () => 1)());

    expect(calls).toEqual(["Completed 4"]);
  });

  it("under their names, which start and end lines of the log have, the first with the state", async () => {
    function tellOps(): void {}
    const bound = flow(
      {
        name: "f",
        onCompletion: [
          tellOps.bind(null),
          bindHook(tellOps, 1),
          (
            () => () =>
              undefined
          )(),
        ],
      },
      () => 1,
    );
    await end(() => bound());

    const lines = test.log.lines.filter(({ message }) => message.startsWith("hook "));
    expect(lines.map(({ level, message, fields }) => [level, message, fields["hook"]])).toEqual(
      ["tellOps", "tellOps", "<anonymous>"].flatMap((name) => [
        ["info", "hook started", name],
        ["info", "hook finished", name],
      ]),
    );
    expect(lines.every(({ fields }) => fields["state"] === "Completed")).toBe(true);
  });

  it("without a line in the log when there are none", async () => {
    await end(() => flow({ name: "f" }, () => 1)());

    expect(test.log.lines.filter(({ message }) => message.startsWith("hook "))).toEqual([]);
  });
});
