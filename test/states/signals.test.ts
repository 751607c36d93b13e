import { inspect } from "node:util";
import { describe, expect, it } from "vitest";
import { registerSecret } from "../../src/base/redactor.ts";
import {
  AwaitingRetry,
  Cancelled,
  Cancelling,
  Completed,
  Crashed,
  Failed,
  Paused,
  Pending,
  Retrying,
  Running,
  Scheduled,
} from "../../src/states/constructors.ts";
import { isSignal, type SignalKind, signalFromState, signals } from "../../src/states/signals.ts";
import { stateError } from "../../src/states/state-error.ts";
import { coded } from "../support/coded.ts";

const NOW = Date.UTC(2026, 0, 2, 3, 4, 5);
const moment = { nowMs: NOW, runCount: 2 };

const KINDS: readonly SignalKind[] = [
  "FAIL",
  "SUCCESS",
  "SKIP",
  "RETRY",
  "PAUSE",
  "LOOP",
  "TRIGGERFAIL",
  "VALIDATIONFAIL",
];

describe("the state that a signal stands for", () => {
  it.each([
    { kind: "FAIL", type: "FAILED", name: "Failed" },
    { kind: "SUCCESS", type: "COMPLETED", name: "Completed" },
    { kind: "SKIP", type: "COMPLETED", name: "Skipped" },
    { kind: "RETRY", type: "SCHEDULED", name: "AwaitingRetry" },
    { kind: "PAUSE", type: "PAUSED", name: "Paused" },
    { kind: "LOOP", type: "RUNNING", name: "Looped" },
    { kind: "TRIGGERFAIL", type: "FAILED", name: "TriggerFailed" },
    { kind: "VALIDATIONFAIL", type: "FAILED", name: "ValidationFailed" },
  ] as const)("is $type $name for $kind, with its message", ({ kind, type, name }) => {
    const state = new signals[kind]("as I said").toState(moment);

    expect({ type: state.type, name: state.name, message: state.message }).toEqual({
      type,
      name,
      message: "as I said",
    });
  });

  it("knows a state for every signal", () => {
    expect(Object.keys(signals).toSorted()).toEqual(KINDS.toSorted());
  });

  it("has no message when none was given", () => {
    expect(new signals.FAIL().toState(moment).message).toBeNull();
  });

  it("masks secrets in the message", () => {
    registerSecret("hunter2-of-signals");

    expect(new signals.FAIL("no hunter2-of-signals").toState(moment).message).not.toContain("hunter2");
  });

  it("starts a retry now unless a start time is given", () => {
    const startTime = new Date(NOW + 60_000);

    expect(new signals.RETRY("again").toState(moment).startTime).toEqual(new Date(NOW));
    expect(new signals.RETRY("again", { startTime }).toState(moment).startTime).toEqual(startTime);
  });

  it("pauses until somebody resumes it unless a start time is given", () => {
    const startTime = new Date(NOW + 60_000);

    expect(new signals.PAUSE("wait").toState(moment).startTime).toBeNull();
    expect(new signals.PAUSE("wait", { startTime }).toState(moment).startTime).toEqual(startTime);
  });

  it("counts a retry from the run's count unless a count is given", () => {
    const counted = new signals.RETRY("again");
    const given = new signals.RETRY("again", { runCount: 6 });

    counted.toState(moment);
    given.toState(moment);

    expect(counted.runCount).toBe(2);
    expect(given.runCount).toBe(6);
  });

  it("answers isLooped for LOOP and is not final, so that nothing takes an iteration for an end", () => {
    const looped = new signals.LOOP("next", { result: 3 }).toState(moment);

    expect(looped.isLooped()).toBe(true);
    expect(looped.isFinal()).toBe(false);
    expect(looped.peek()).toBe(3);
  });
});

describe("what the state carries", () => {
  it.each(KINDS)("is the signal itself for %s, with the properties put on it", (kind) => {
    const signal = Object.assign(new signals[kind]("look"), { flag: true, value: 7 });

    const state = signal.toState(moment);

    expect(state.peek()).toBe(signal);
    expect(state.peek()).toMatchObject({ flag: true, value: 7 });
  });

  it.each(KINDS)("is the result that was given to %s, also undefined", (kind) => {
    expect(new signals[kind]("look", { result: 5 }).toState(moment).peek()).toBe(5);
    expect(new signals[kind]("look", { result: undefined }).toState(moment).peek()).toBeUndefined();
  });

  it("is the error of a failed state", () => {
    const signal = new signals.FAIL("a equaled b!");

    expect(stateError(signal.toState(moment))).toBe(signal);
  });

  it("is the value of a completed state", async () => {
    expect(await new signals.SUCCESS("done", { result: 42 }).toState(moment).result()).toBe(42);
    expect(await new signals.SKIP("done", { result: undefined }).toState(moment).result()).toBeUndefined();
  });

  it("may be called whatever the signal's own properties are called", () => {
    const signal = Object.assign(new signals.FAIL("no"), { result: 9, startTime: "soon", name: "mine", kind2: 1 });

    expect(signal.toState(moment).peek()).toBe(9);
  });
});

describe("a signal", () => {
  it("is an error with a stack that shows where it was made", () => {
    const signal = new signals.TRIGGERFAIL("upstream failed");

    expect(signal).toBeInstanceOf(Error);
    expect(signal).toBeInstanceOf(signals.FAIL);
    expect(new signals.VALIDATIONFAIL()).toBeInstanceOf(signals.FAIL);
    expect(new signals.SUCCESS()).not.toBeInstanceOf(signals.FAIL);
    expect(signal.stack).toContain("signals.test.ts");
    expect(String(signal)).toBe("TRIGGERFAIL: upstream failed");
  });

  it("prints without its inner properties and without a circle", () => {
    const shown = inspect(Object.assign(new signals.FAIL("no"), { flag: true }));

    expect(shown).toContain("flag: true");
    expect(shown).not.toMatch(/Circular|startTime|bellhop\.Signal/);
  });

  it("is known as one, and nothing else is", () => {
    expect(KINDS.map((kind) => isSignal(new signals[kind]()))).toEqual(KINDS.map(() => true));
    expect([new Error("x"), Failed(), null, undefined, "FAIL", signals.FAIL, {}].some(isSignal)).toBe(false);
  });

  it.each([
    [{ bad_result: 100 }, "FAIL", /no option "bad_result"/],
    [{ startTime: new Date(NOW) }, "FAIL", /no option "startTime"/],
    [{ runCount: 1 }, "PAUSE", /no option "runCount"/],
    [{ startTime: "soon" }, "RETRY", /startTime must be a valid Date/],
    [{ startTime: new Date(Number.NaN) }, "PAUSE", /startTime must be a valid Date/],
    [{ runCount: 1.5 }, "RETRY", /runCount must be a whole number/],
    [5, "SUCCESS", /options are an object, not number/],
  ] as const)("cannot be made with the options %o", (options, kind, message) => {
    // A caller without types.
    const make = () => new signals[kind]("x", options as never);

    expect(make).toThrow(TypeError);
    expect(make).toThrow(message);
    expect(coded(make)).toMatchObject({ code: "invalid_signal", hint: expect.stringContaining(`signals.${kind}(`) });
  });
});

describe("signalFromState", () => {
  it.each(KINDS)("gives %s for the state that it leads to", (kind) => {
    expect(signalFromState(new signals[kind]("x").toState(moment))).toBe(signals[kind]);
  });

  it.each([
    [Failed({ name: "TimedOut" }), signals.FAIL],
    [Completed({ name: "Cached" }), signals.SUCCESS],
  ])("goes by the type when no signal has the name: %s", (state, signal) => {
    expect(signalFromState(state)).toBe(signal);
  });

  it.each([Running(), Retrying(), Pending(), Scheduled(), Cancelled(), Cancelling(), Crashed()])(
    "gives an error for %s",
    (state) => {
      expect(coded(() => signalFromState(state)).code).toBe("state_without_signal");
    },
  );

  it("takes AwaitingRetry and Paused made by hand", () => {
    expect(signalFromState(AwaitingRetry())).toBe(signals.RETRY);
    expect(signalFromState(Paused())).toBe(signals.PAUSE);
  });
});
