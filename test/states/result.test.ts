import { describe, expect, it } from "vitest";
import {
  Cancelled,
  Completed,
  Crashed,
  Failed,
  Paused,
  Pending,
  Running,
  state,
} from "../../src/states/constructors.ts";
import {
  CancelledRun,
  CrashedRun,
  FailedRun,
  MissingResult,
  PausedRun,
  UnfinishedRun,
} from "../../src/states/run-errors.ts";
import { keepThrown, keepValue, State } from "../../src/states/state.ts";
import { raiseStateError, stateError } from "../../src/states/state-error.ts";

describe("the result of a state", () => {
  it("is refused while the run is paused or has not ended", async () => {
    await expect(Paused().result()).rejects.toBeInstanceOf(PausedRun);
    await expect(Paused().result({ raiseOnFailure: false })).rejects.toBeInstanceOf(PausedRun);
    for (const open of [Running(), Pending(), state({ type: "CANCELLING" }), state({ type: "SCHEDULED" })]) {
      await expect(open.result({ raiseOnFailure: false })).rejects.toBeInstanceOf(UnfinishedRun);
    }
  });

  it("is the value, also when that is undefined or null", async () => {
    for (const value of [1, null, undefined, false]) {
      const completed = Completed();
      keepValue(completed, value);

      await expect(completed.result()).resolves.toBe(value);
    }
  });

  it("is missing when nothing is known of it", async () => {
    await expect(Completed().result()).rejects.toBeInstanceOf(MissingResult);
    await expect(State.fromWire(Completed({ data: 5 }).toWire()).result()).rejects.toMatchObject({
      code: "missing_result",
    });
  });

  it("is missing when it is stored elsewhere, and the plain data that another client sent otherwise", async () => {
    const wire = Completed().toWire();

    await expect(State.fromWire({ ...wire, data: { storage_key: "k" } }).result()).rejects.toBeInstanceOf(
      MissingResult,
    );
    await expect(State.fromWire({ ...wire, data: [1, 2] }).result()).resolves.toEqual([1, 2]);
  });

  it("throws what was thrown, the same object", async () => {
    const error = new RangeError("meh");
    const failed = Failed();
    keepThrown(failed, error);

    await expect(failed.result()).rejects.toBe(error);
    await expect(failed.result({ raiseOnFailure: false })).resolves.toBe(error);
  });

  it("gives a stored non-error value of a failed state as it is when asked not to throw", async () => {
    await expect(Failed({ data: "because" }).result({ raiseOnFailure: false })).resolves.toBe("because");
  });

  it("can be peeked at without waiting", () => {
    expect(Completed({ data: 7 }).peek()).toBe(7);
    expect(Completed().peek()).toBeUndefined();
    expect(State.fromWire(Completed({ data: 7 }).toWire()).peek()).toBeUndefined();
  });
});

describe("the error of a state", () => {
  it.each([
    [Failed, FailedRun, "failed_run"],
    [Crashed, CrashedRun, "crashed_run"],
    [Cancelled, CancelledRun, "cancelled_run"],
  ] as const)("is a wrapper with the message when %s carries nothing", (factory, wrapper, code) => {
    const error = stateError(factory({ message: "it broke" }));

    expect(error).toBeInstanceOf(wrapper);
    expect(error).toMatchObject({ code, message: "it broke" });
    expect(stateError(factory())).toHaveProperty("message", expect.stringMatching(/^The run /));
  });

  it("is the error that was attached", () => {
    const error = new Error("e");

    expect(stateError(Failed({ data: error }))).toBe(error);
  });

  it("wraps a thrown primitive and keeps it as the cause; a thrown object is itself", () => {
    const text = Failed();
    keepThrown(text, "boom");
    const object = { code: 3 };
    const thrown = Failed();
    keepThrown(thrown, object);

    expect(stateError(text)).toMatchObject({ name: "FailedRun", message: "boom", cause: "boom" });
    expect(stateError(thrown)).toBe(object);
  });

  it("wraps an attached text", () => {
    expect(stateError(Crashed({ data: "out of memory" }))).toMatchObject({
      name: "CrashedRun",
      message: "out of memory",
    });
  });

  it("is found in an attached state, or in the first of several that did not succeed", () => {
    const error = new Error("inner");
    const failed = Failed({ data: error });

    expect(stateError(Failed({ data: failed }))).toBe(error);
    expect(stateError(Failed({ data: [Completed(), failed, Failed()] }))).toBe(error);
    expect(stateError(Failed({ data: new Set([Completed(), failed]) }))).toBe(error);
    expect(stateError(Failed({ data: [Cancelled({ message: "stop" }), failed] }))).toBeInstanceOf(CancelledRun);
  });

  it("says so when none of several states is at fault", () => {
    expect(stateError(Failed({ data: [Running()] }))).toMatchObject({ code: "state_group" });
  });

  it("refuses data that stands for no error, naming its type", () => {
    expect(() => stateError(Failed({ data: new Map() }))).toThrow(TypeError);
    expect(() => stateError(Failed({ data: new Map() }))).toThrow(/Map/);
    expect(() => stateError(Failed({ data: [] }))).toThrow(/Array/);
  });

  it("is refused for a state that has none, and raising does nothing then", () => {
    expect(() => stateError(Completed())).toThrow(expect.objectContaining({ code: "state_without_error" }));
    expect(() => raiseStateError(Completed())).not.toThrow();
    expect(() => raiseStateError(Failed({ message: "m" }))).toThrow("m");
  });
});
