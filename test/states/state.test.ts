import { inspect } from "node:util";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { registerSecret } from "../../src/base/redactor.ts";
import * as factories from "../../src/states/constructors.ts";
import { State, StateWire } from "../../src/states/state.ts";
import { StateType } from "../../src/states/state-type.ts";

/** By name, for tables. */
const FACTORIES = { ...factories };
const { AwaitingRetry, Cancelling, Completed, Crashed, Failed, Paused, Running, Scheduled, state, Suspended } =
  factories;

describe("fields", () => {
  it("names a state after its type in title case", () => {
    for (const type of StateType.options) {
      const { name } = state({ type });

      expect(name.toUpperCase()).toBe(type);
      expect(name.slice(1)).toBe(name.slice(1).toLowerCase());
    }
  });

  it("refuses an unknown type and names the field", () => {
    // A caller without types.
    const type = "DONE" as StateType;

    expect(() => state({ type })).toThrow(
      expect.objectContaining({ code: "invalid_state", details: expect.objectContaining({ field: "type" }) }),
    );
  });

  it("keeps microseconds that a Date would lose", () => {
    const { timestampMicros, timestamp } = new State({ type: "RUNNING", timestampMicros: 1_767_225_600_123_456 });

    expect(timestampMicros).toBe(1_767_225_600_123_456);
    expect(timestamp.getTime()).toBe(1_767_225_600_123);
  });

  it("masks known secrets in messages and names", () => {
    registerSecret("hunter2-state-test");

    const failed = Failed({ name: "at hunter2-state-test", message: "login with hunter2-state-test was refused" });

    expect(JSON.stringify(failed)).not.toContain("hunter2");
    expect(String(failed)).not.toContain("hunter2");
  });

  it("masks a secret on the wire that became known after the state was made", () => {
    const failed = Failed({ message: "token late-secret-77 was refused" });

    registerSecret("late-secret-77");

    expect(failed.toWire().message).not.toContain("late-secret-77");
  });
});

describe("factories", () => {
  it.each([
    ["Scheduled", "SCHEDULED"],
    ["Late", "SCHEDULED"],
    ["AwaitingRetry", "SCHEDULED"],
    ["AwaitingConcurrencySlot", "SCHEDULED"],
    ["Pending", "PENDING"],
    ["Submitting", "PENDING"],
    ["InfrastructurePending", "PENDING"],
    ["Running", "RUNNING"],
    ["Retrying", "RUNNING"],
    ["Paused", "PAUSED"],
    ["Suspended", "PAUSED"],
    ["Cancelling", "CANCELLING"],
    ["Cancelled", "CANCELLED"],
    ["Completed", "COMPLETED"],
    ["Failed", "FAILED"],
    ["Crashed", "CRASHED"],
  ] as const)("%s makes a %s state of that name", (name, type) => {
    const made = FACTORIES[name]({ message: "m" });

    expect(made).toMatchObject({ name, type, message: "m" });
    expect(FACTORIES[name]({ name: "Other" }).name).toBe("Other");
  });

  it("gives every scheduled state a time, now unless told", () => {
    const at = new Date("2026-02-03T04:05:06Z");

    const now = state({ type: "SCHEDULED" });

    expect(now.stateDetails.scheduledTime).toEqual(now.timestamp);
    expect(Scheduled({ scheduledTime: at }).stateDetails.scheduledTime).toEqual(at);
  });

  it.each(["Scheduled", "Late", "AwaitingRetry", "AwaitingConcurrencySlot"] as const)(
    "%s refuses its time given twice",
    (name) => {
      const at = new Date();

      expect(() => FACTORIES[name]({ scheduledTime: at, stateDetails: { scheduledTime: at } })).toThrow(
        expect.objectContaining({ code: "invalid_state" }),
      );
    },
  );

  it("turns a pause's timeout into the instant after which it cannot be resumed", () => {
    const paused = Paused({ timeoutSeconds: 30, pauseKey: "k" });

    expect(paused.stateDetails.pauseTimeout?.getTime()).toBe(paused.timestamp.getTime() + 30_000);
    expect(paused.stateDetails).toMatchObject({ pauseReschedule: false, pauseKey: "k" });
  });

  it("refuses two timeouts for a pause, or one in the details", () => {
    const at = new Date();

    expect(() => Paused({ timeoutSeconds: 1, pauseExpirationTime: at })).toThrow(
      expect.objectContaining({ code: "invalid_state" }),
    );
    expect(() => Suspended({ stateDetails: { pauseTimeout: at } })).toThrow(
      expect.objectContaining({ code: "invalid_state" }),
    );
  });

  it("marks a suspended run as one whose process is gone", () => {
    expect(Suspended().stateDetails.pauseReschedule).toBe(true);
  });
});

describe("predicates", () => {
  const BY_TYPE = [
    ["isScheduled", "SCHEDULED"],
    ["isPending", "PENDING"],
    ["isRunning", "RUNNING"],
    ["isCompleted", "COMPLETED"],
    ["isFailed", "FAILED"],
    ["isCrashed", "CRASHED"],
    ["isCancelled", "CANCELLED"],
    ["isCancelling", "CANCELLING"],
    ["isPaused", "PAUSED"],
  ] as const;

  it.each(BY_TYPE)("%s is true for %s and for no other type, whatever the name", (predicate, type) => {
    const matching = StateType.options.filter((candidate) => state({ type: candidate, name: "Any" })[predicate]());

    expect(matching).toEqual([type]);
  });

  it("counts four types as final, and a pause is not one of them", () => {
    const final = StateType.options.filter((type) => state({ type }).isFinal());

    expect(final.toSorted()).toEqual(["CANCELLED", "COMPLETED", "CRASHED", "FAILED"]);
    expect(StateType.options.filter((type) => state({ type }).isFinished())).toEqual(final);
  });

  it("calls only a completed state successful", () => {
    expect(StateType.options.filter((type) => state({ type }).isSuccessful())).toEqual(["COMPLETED"]);
  });

  it("calls the wait before an attempt retrying, and not the attempt itself", () => {
    expect(AwaitingRetry().isRetrying()).toBe(true);
    expect(factories.Retrying().isRetrying()).toBe(false);
    expect(Running({ name: "AwaitingRetry" }).isRetrying()).toBe(false);
  });

  it("knows Cached and Skipped only as completed states", () => {
    expect(Completed({ name: "Cached" }).isCached()).toBe(true);
    expect(Failed({ name: "Cached" }).isCached()).toBe(false);
    expect(Completed({ name: "Skipped" }).isSkipped()).toBe(true);
    expect(Completed().isSkipped()).toBe(false);
    expect(Running({ name: "Looped" }).isLooped()).toBe(true);
  });

  it("does not take a crash for a failure, nor cancelling for running", () => {
    expect(Crashed().isFailed()).toBe(false);
    expect(Cancelling().isRunning()).toBe(false);
  });

  it("shows a start time for scheduled and paused states only", () => {
    const at = new Date("2026-02-03T04:05:06Z");

    expect(AwaitingRetry({ scheduledTime: at }).startTime).toEqual(at);
    expect(Paused({ stateDetails: { scheduledTime: at } }).startTime).toEqual(at);
    expect(factories.Pending({ stateDetails: { scheduledTime: at } }).startTime).toBeNull();
  });
});

describe("display", () => {
  it.each([
    [Failed({ message: "abc" }), "Failed('abc')"],
    [Failed(), "Failed()"],
    [Failed({ name: "Test" }), "Test(type=FAILED)"],
    [Failed({ name: "Foo", message: "abc" }), "Foo('abc', type=FAILED)"],
    [Completed({ name: "COMPLETED" }), "COMPLETED()"],
  ])("prints %s as %s", (shown, text) => {
    expect(String(shown)).toBe(text);
  });

  it("shows the attached result when it is inspected, and only then", () => {
    const completed = Completed({ data: { rows: 3 } });

    expect(inspect(completed)).toBe("Completed(result={ rows: 3 })");
    expect(String(completed)).toBe("Completed()");
  });
});

describe("copies", () => {
  it("keeps the id in a copy and stamps it now", () => {
    const old = new State({ type: "FAILED", message: "m", data: 1, timestampMicros: 5 });

    const copy = old.copy({ name: "Other" });

    expect(copy).toMatchObject({ id: old.id, name: "Other", message: "m" });
    expect(copy.timestampMicros).toBeGreaterThan(5);
    expect(copy.peek()).toBe(1);
  });

  it("gives a fresh copy a new id", () => {
    const old = Completed({ data: 1 });

    const fresh = old.freshCopy();

    expect(fresh.id).not.toBe(old.id);
    expect(fresh.peek()).toBe(1);
  });
});

describe("wire form", () => {
  it("writes snake_case with six decimals, and no value from memory", () => {
    const failed = Failed({ message: "m", data: new Error("secret detail") });

    const wire = failed.toWire();

    expect(wire).toEqual({
      id: failed.id,
      type: "FAILED",
      name: "Failed",
      timestamp: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/),
      message: "m",
      state_details: {
        flow_run_id: null,
        task_run_id: null,
        scheduled_time: null,
        pause_timeout: null,
        pause_reschedule: false,
        retriable: null,
        untrackable_result: false,
      },
      data: null,
    });
    expect(StateWire.safeParse(JSON.parse(JSON.stringify(failed))).success).toBe(true);
  });

  it("reads back what it wrote", () => {
    const date = fc.date({ min: new Date(0), max: new Date("2200-01-01"), noInvalidDate: true });
    fc.assert(
      fc.property(
        fc.record({
          type: fc.constantFrom(...StateType.options),
          name: fc.string(),
          message: fc.option(fc.string()),
          timestampMicros: fc.integer({ min: 0, max: 7_000_000_000_000_000 }),
          stateDetails: fc.record(
            {
              flowRunId: fc.uuid(),
              taskRunId: fc.uuid(),
              childFlowRunId: fc.uuid(),
              scheduledTime: date,
              pauseTimeout: date,
              cacheExpiration: date,
              cacheKey: fc.string(),
              pauseReschedule: fc.constant(true),
              untrackableResult: fc.constant(true),
              retriable: fc.boolean(),
              deferred: fc.boolean(),
              pauseKey: fc.string(),
              traceparent: fc.string(),
            },
            { requiredKeys: [] },
          ),
        }),
        (init) => {
          const written = new State(init);

          const read = State.fromWire(StateWire.parse(JSON.parse(JSON.stringify(written))));

          expect(read.toWire()).toEqual(written.toWire());
          expect(read.timestampMicros).toBe(init.timestampMicros);
          expect({ ...read.stateDetails }).toEqual({ ...init.stateDetails });
        },
      ),
    );
  });

  it("reads the marker of an unpersisted result as no data", () => {
    const wire = Completed().toWire();

    expect(State.fromWire({ ...wire, data: { type: "unpersisted" } }).data).toBeUndefined();
    expect(State.fromWire({ ...wire, data: { rows: 1 } }).toWire().data).toEqual({ rows: 1 });
  });

  it("refuses a foreign state with an unknown type", () => {
    expect(StateWire.safeParse({ ...Completed().toWire(), type: "DONE" }).error?.issues[0]?.path).toEqual(["type"]);
  });
});
