import { describe, expect, it } from "vitest";
import { describe as describeThrown, stateFromReturn, stateFromThrown } from "../../src/orchestration/final-state.ts";
import {
  Cancelled,
  Cancelling,
  Completed,
  Crashed,
  Failed,
  Paused,
  Pending,
  Running,
  Scheduled,
} from "../../src/states/constructors.ts";
import { acceptState, type State } from "../../src/states/state.ts";

/** As if a run had entered it. */
const committed = (state: State): State => {
  acceptState(state, { timestampMicros: 1, flowRunId: "01a1fa80-c59b-74c9-b150-48b4870f09f6", taskRunId: null });
  return state;
};

const final = (value: unknown): State => stateFromReturn(value, "Flow run");

describe("what a body returns", () => {
  it.each([
    [1],
    [null],
    [undefined],
    [""],
    [{ a: Failed() }],
    [new Map([["a", Failed()]])],
    [[]],
    [new Set()],
    [["bar", Failed()]],
  ])("%o is plain data and completes the run", async (value) => {
    const state = final(value);

    expect(state).toMatchObject({ type: "COMPLETED", name: "Completed" });
    await expect(state.result()).resolves.toBe(value);
  });

  it.each([Completed, Failed, Crashed, Cancelled, Cancelling, Paused])(
    "a state made by hand is the final state itself (%#)",
    (factory) => {
      const own = factory({ name: "Skimmed", message: "by hand" });

      expect(final(own)).toBe(own);
    },
  );

  it("a completed state made by hand without data has the result undefined", async () => {
    await expect(final(Completed()).result()).resolves.toBeUndefined();
    await expect(final(Completed({ data: 3 })).result()).resolves.toBe(3);
  });

  it.each([Running, Pending, Scheduled])("a state in which no run can end fails it (%#)", (factory) => {
    expect(final(factory())).toMatchObject({ type: "FAILED", message: expect.stringContaining("cannot end") });
  });

  it.each([
    { states: [Completed(), Completed()], type: "COMPLETED", message: "All states completed." },
    { states: [Completed(), Cancelled(), Failed(), Failed()], type: "CANCELLED", message: "1/4 states cancelled." },
    { states: [Paused(), Failed()], type: "PAUSED", message: "1/2 states paused." },
    { states: [Completed(), Failed(), Crashed()], type: "FAILED", message: "2/3 states failed." },
    { states: [Completed(), Running(), Pending()], type: "FAILED", message: "2/3 states are not final." },
  ])("several states end it as $type: $message", ({ states, type, message }) => {
    expect(final(states)).toMatchObject({ type, message });
    expect(final(new Set(states))).toMatchObject({ type, message });
    expect(final(states).peek()).toBe(states);
  });

  it("one state of another run counts like a list of one", () => {
    const failed = committed(Failed({ message: "of a task" }));

    const state = final(failed);

    expect(state).not.toBe(failed);
    expect(state).toMatchObject({ type: "FAILED", message: "1/1 states failed." });
  });
});

describe("what a body throws", () => {
  it("fails the run with the error's name and message, and keeps the very value", async () => {
    const error = new RangeError("meh");

    const state = stateFromThrown(error, "Task run");

    expect(state).toMatchObject({ type: "FAILED", name: "Failed", message: "Task run failed with RangeError: meh" });
    expect(state.peek()).toBe(error);
    await expect(state.result()).rejects.toBe(error);
  });

  it("is TimedOut for an error of that name, whoever made it", () => {
    const error = new DOMException("took too long", "TimeoutError");

    expect(stateFromThrown(error, "Flow run")).toMatchObject({ type: "FAILED", name: "TimedOut" });
  });

  it("may be anything", () => {
    expect(describeThrown("text")).toBe("string: text");
    expect(describeThrown(undefined)).toBe("undefined: undefined");
    expect(describeThrown(Object.create(null))).toBe("object");
  });
});
