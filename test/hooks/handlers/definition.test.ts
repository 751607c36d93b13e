import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { StateHandler } from "../../../src/engine/definition.ts";
import { flow } from "../../../src/flow.ts";
import { task } from "../../../src/task.ts";
import { openRuns } from "../../support/runs.ts";
import { coded } from "../../support/coded.ts";

let test: Awaited<ReturnType<typeof openRuns>>;
beforeAll(async () => {
  test = await openRuns();
});
afterAll(() => test[Symbol.asyncDispose]());

const within = <T>(fn: () => T): T => test.within(fn);
/** Gives options to code as a caller without types would. */
const untyped = (options: object): never => options as never;
const body = (): number => 1;
const handler: StateHandler = () => undefined;

/** Handlers that write down that they were called, once per state change. */
function named(calls: string[], name: string): StateHandler {
  return (_obj, _old, state) => void (state.isFinal() && calls.push(name));
}

describe("the list of state handlers", () => {
  it.each([
    { option: "stateHandlers", define: (given: unknown) => flow(untyped({ name: "f", stateHandlers: given }), body) },
    { option: "stateHandlers", define: (given: unknown) => task(untyped({ name: "t", stateHandlers: given }), body) },
    {
      option: "taskStateHandlers",
      define: (given: unknown) => flow(untyped({ name: "f", taskStateHandlers: given }), body),
    },
  ])(
    "is an iterable of functions, and anything else is a TypeError that shows the form: $option",
    ({ option, define }) => {
      expect(() => define([handler, handler])).not.toThrow();
      expect(() => define(new Set([handler]))).not.toThrow();
      for (const given of [handler, "abc", 5, { handler }, [handler, "notify"], [null]]) {
        expect(() => define(given)).toThrow(TypeError);
        const error = coded(() => define(given));
        expect(error.code).toBe("invalid_hook");
        expect(error.hint).toContain(`${option}: [`);
      }
    },
  );

  it("refuses a task's handlers for the tasks of a flow on a task", () => {
    expect(() => task(untyped({ name: "t", taskStateHandlers: [handler] }), body)).toThrow(TypeError);
    expect(() => task(untyped({ name: "t", terminalStateHandler: handler }), body)).toThrow(TypeError);
  });

  it("takes one function as onFailureCallback, and refuses it as onFailure", () => {
    expect(() => task({ name: "t", onFailureCallback: () => undefined }, body)).not.toThrow();
    expect(() => task(untyped({ name: "t", onFailureCallback: [handler] }), body)).toThrow(TypeError);
    expect(() => task(untyped({ name: "t", onFailure: handler }), body)).toThrow(TypeError);
  });

  it("is copied, appended to by onStateChange, and replaced by withOptions", async () => {
    const calls: string[] = [];
    const given = [named(calls, "a")];
    const first = flow({ name: "first", stateHandlers: given }, body);
    given.push(named(calls, "never"));
    const added = named(calls, "b");
    const kept = first.withOptions({ name: "kept" });
    const replaced = first.withOptions({ stateHandlers: [named(calls, "c")] });
    const cleared = first.withOptions({ stateHandlers: [] });

    expect(first.onStateChange(added)).toBe(added);
    for (const each of [first, kept, replaced, cleared]) {
      await within(() => each());
      calls.push("|");
    }

    expect(calls.join("")).toBe("ab|a|c||");
  });

  it("of a task does the same", async () => {
    const calls: string[] = [];
    const first = task({ name: "first", stateHandlers: [named(calls, "a")] }, body);
    const kept = first.withOptions({ retries: 1 });
    first.onStateChange(named(calls, "b"));
    const replaced = first.withOptions({ stateHandlers: [named(calls, "c")] });

    for (const each of [first, kept, replaced]) {
      await within(() => each());
      calls.push("|");
    }

    expect(calls.join("")).toBe("ab|a|c|");
  });

  it("goes with withOptions for the tasks, the callback and the final state as well", async () => {
    const calls: string[] = [];
    const inner = task({ name: "inner" }, () => {
      throw new Error("no");
    });
    const outer = flow(
      {
        name: "outer",
        taskStateHandlers: [named(calls, "task")],
        onFailureCallback: () => void calls.push("callback"),
        terminalStateHandler: () => void calls.push("terminal"),
      },
      async () => {
        await inner();
      },
    ).withOptions({ name: "copy" });

    await within(() => outer.run([], { returnState: true }));

    expect(calls.toSorted()).toEqual(["callback", "task", "terminal"]);
  });

  it("keeps the failure callback behind handlers that are added later", async () => {
    const calls: string[] = [];
    const failing = task({ name: "failing", onFailureCallback: () => void calls.push("callback") }, () => {
      throw new Error("no");
    });
    failing.onStateChange(named(calls, "added"));

    await within(() => failing.run([], { returnState: true }));

    expect(calls).toEqual(["added", "callback"]);
  });
});
