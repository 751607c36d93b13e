import { describe, expect, expectTypeOf, it } from "vitest";
import { z } from "zod";
import { Block } from "../../src/block/block.ts";
import type { AnyFlow, AnyTask } from "../../src/engine/definition.ts";
import { SystemExit } from "../../src/engine/interruption.ts";
import { runtime } from "../../src/engine/runtime.ts";
import { tags } from "../../src/engine/tags.ts";
import { type Flow, flow } from "../../src/flow.ts";
import { bindHook } from "../../src/hooks/bind-hook.ts";
import type { FlowStateHook, TaskStateHook } from "../../src/hooks/hook.ts";
import { notify } from "../../src/hooks/notify.ts";
import { settings } from "../../src/hub.ts";
import type { FlowRun, TaskRun } from "../../src/runs/run-view.ts";
import { Completed } from "../../src/states/constructors.ts";
import type { State } from "../../src/states/state.ts";
import { type Task, task } from "../../src/task.ts";

// Nothing here is run: the compiler is the test. The one assertion keeps the file from being empty.
const define = (..._examples: readonly (() => unknown)[]): boolean => true;

describe("the types of flows and tasks", () => {
  it("follow from the function", () => {
    const add = task({ retries: 1 }, async function add(a: number, b: number = 2) {
      return String(a + b);
    });
    const none = flow(async function none() {});

    expectTypeOf(add).toEqualTypeOf<Task<[a: number, b?: number | undefined], string>>();
    expectTypeOf<ReturnType<typeof add>>().toEqualTypeOf<Promise<string>>();
    expectTypeOf(none).toEqualTypeOf<Flow<[], void>>();
    // @ts-expect-error a text is not a number
    define(() => add("1"));
    // @ts-expect-error the first argument is missing
    define(() => add());
    expect(add.name).toBe("add");
  });

  it("tell a state from a value by the option", () => {
    const add = task({ name: "add" }, (a: number) => a);
    const done = flow({ name: "done" }, () => add(1));

    define(
      () => expectTypeOf(add.run([1], { returnState: true })).toEqualTypeOf<Promise<State<number>>>(),
      () => expectTypeOf(add.run([1])).toEqualTypeOf<Promise<number>>(),
      () => expectTypeOf(done.run([], { returnState: true })).toEqualTypeOf<Promise<State<number>>>(),
      () =>
        expectTypeOf(done.run([], { signal: new AbortController().signal, tags: ["x"] })).toEqualTypeOf<
          Promise<number>
        >(),
      async () => expectTypeOf((await done.run([], { returnState: true })).result()).toEqualTypeOf<Promise<number>>(),
      // @ts-expect-error arguments come as a list
      () => add.run(1),
    );
  });

  it("know generators, and states that a flow returns itself", () => {
    const numbers = flow({ name: "numbers" }, function* (): Generator<number> {
      yield 1;
    });
    const skimmed = flow({ name: "skimmed" }, () => Completed({ data: 7 }));
    const handed = task({ name: "handed" }, () => Completed({ data: 7 }));

    define(
      () => expectTypeOf(numbers()).toEqualTypeOf<Promise<number[]>>(),
      () => expectTypeOf(skimmed()).toEqualTypeOf<Promise<number | State<number>>>(),
      () => expectTypeOf(handed()).toEqualTypeOf<Promise<State<number>>>(),
    );
  });

  it("take the parameters from the schema: its input for callers, its output for the body", () => {
    const greet = flow(
      { name: "greet", parameters: z.object({ name: z.string(), times: z.coerce.number().default(1) }) },
      (given) => {
        expectTypeOf(given).toEqualTypeOf<{ name: string; times: number }>();
        return given.times;
      },
    );

    // @ts-expect-error name is missing
    define(() => greet({}));
    define(() => greet({ name: "Ada" }));
    expectTypeOf(greet).returns.toEqualTypeOf<Promise<number>>();
  });

  it("give a registrar's hook back as it is", () => {
    const f = flow({ name: "f" }, () => 1);
    const hook = f.onFailure(async function named(object, flowRun, state) {
      expectTypeOf(object).toEqualTypeOf<AnyFlow>();
      expectTypeOf(flowRun).toEqualTypeOf<FlowRun>();
      expectTypeOf(state).toEqualTypeOf<State>();
      return 5;
    });
    const t = task({ name: "t" }, () => 1);
    t.onFailure((object, taskRun) => {
      expectTypeOf(object).toEqualTypeOf<AnyTask>();
      expectTypeOf(taskRun).toEqualTypeOf<TaskRun>();
    });
    f.onCrashed(notify("slack-webhook/ops", { severity: "critical" }));

    expectTypeOf(hook).returns.toEqualTypeOf<Promise<number>>();
    // @ts-expect-error a task has no such hook
    define(() => t.onCrashed(hook));
    // @ts-expect-error nor such an option
    define(() => task({ onCancellation: [] }, () => 1));
  });

  it("keep through withOptions, and through tags", () => {
    const f = flow({ name: "f" }, (x: number) => x);

    expectTypeOf(f.withOptions({ retries: 0, onFailure: [] })).toEqualTypeOf(f);
    define(() => expectTypeOf(tags(["a"], () => f(1))).toEqualTypeOf<Promise<number>>());
  });

  it("let any flow and task stand for the general ones", () => {
    expectTypeOf<Flow<[x: number, y?: string], Date>>().toExtend<AnyFlow>();
    expectTypeOf<Task<[x: number], void>>().toExtend<AnyTask>();
  });
});

describe("the examples people start from", () => {
  it("compile: a notification on failure, written as a registrar and as a list", () => {
    const examples = () => {
      const failingFlow = flow({ name: "failing-flow", retries: 1 }, async () => {
        throw new Error("oops!");
      });
      failingFlow.onFailure(async function notifySlack(_flow, flowRun, state) {
        const slack = await Block.load("slack-webhook/my-slack-webhook");
        await slack.notify(
          `Your job ${flowRun.name} entered ${state.name}: ${state.message ?? ""}\n` +
            `<${settings.uiUrl}/flow-runs/flow-run/${flowRun.id}|open the run>\n` +
            `Tags: ${flowRun.tags.join(", ")}\nScheduled start: ${flowRun.expectedStartTime?.toISOString() ?? "n/a"}`,
        );
      });
      const hook: FlowStateHook = async (_flow, flowRun, state) => {
        await (await Block.load("slack-webhook/my-slack-webhook")).notify(`${flowRun.name} entered ${state.name}`);
      };
      const failingFlow2 = flow({ onFailure: [hook], retries: 1 }, async function failingFlow2() {
        throw new Error("oops!");
      });
      return [failingFlow, failingFlow2];
    };
    expect(define(examples)).toBe(true);
  });

  it("compile: extra arguments, success hooks, and one hook on several transitions", () => {
    const examples = async () => {
      const data: Record<string, unknown> = {};
      const myHook = (_t: AnyTask, _r: TaskRun, state: State, extra: { x: string; y: number }) => {
        Object.assign(data, { state, ...extra });
      };
      const badTask = task({ name: "bad-task" }, async () => {
        throw new TypeError("meh");
      });
      const okWithFailureFlow = flow({ name: "ok-with-failure-flow" }, async (x: string = "foo", y: number = 42) => {
        const hooked = badTask.withOptions({ onFailure: [bindHook(myHook, { x, y })] });
        return ["bar", await hooked.run([], { returnState: true })] as const;
      });
      const [, taskRunState] = await okWithFailureFlow();
      expectTypeOf(taskRunState).toExtend<State>();

      const mySuccessHook: FlowStateHook = () => {};
      const myFlow = flow({ name: "my-flow", onCompletion: [mySuccessHook] }, () => 42);
      const ok: TaskStateHook = () => {};
      const either: TaskStateHook = () => {};
      const myTask = task({ onCompletion: [ok, either], onFailure: [either] }, async function myTask() {
        return 1;
      });
      return [myFlow, myTask];
    };
    expect(define(examples)).toBe(true);
  });

  it("compile: cleaning up after a crash", () => {
    const examples = async () => {
      async function deleteJob(_flow: AnyFlow, _flowRun: FlowRun, _state: State) {
        const job = await Block.load("string/job");
        await Block.delete("string/job");
        return job;
      }
      const crashes = task({ name: "crashes" }, async () => {
        throw new SystemExit("Crashing on purpose!");
      });
      const crashingFlow = flow({ name: "crashing-flow", onCrashed: [deleteJob] }, async () => {
        await crashes();
        return runtime.flowRun.name?.length;
      });
      return crashingFlow;
    };
    expect(define(examples)).toBe(true);
  });
});
