import { describe, expect, it } from "vitest";
import type { LogFields, Logger } from "../../../src/base/logger.ts";
import { registerSecret } from "../../../src/base/redactor.ts";
import type { StateHandler } from "../../../src/engine/definition.ts";
import { type HandledRun, observe, offer, offerFinal } from "../../../src/engine/handlers.ts";
import { SystemExit } from "../../../src/engine/interruption.ts";
import { flow } from "../../../src/flow.ts";
import { Completed, Failed, Pending, Running } from "../../../src/states/constructors.ts";
import { signals } from "../../../src/states/signals.ts";
import type { State } from "../../../src/states/state.ts";
import { stateError } from "../../../src/states/state-error.ts";
import { task } from "../../../src/task.ts";
import { ManualClock } from "../../support/manual-clock.ts";

const object = task({ name: "load" }, () => 1);
const clock = new ManualClock();

/** A run whose log is kept. */
function aRun(): HandledRun & { readonly errors: { message: string; fields: LogFields | undefined }[] } {
  const errors: { message: string; fields: LogFields | undefined }[] = [];
  const silent = (): void => undefined;
  const error = (message: string, fields?: LogFields): void => void errors.push({ message, fields });
  const log: Logger = { debug: silent, info: silent, warn: silent, error };
  return { engine: { clock, log }, record: { id: "run-1", runCount: 3 }, errors };
}

const before = Pending();
const after = Running();

describe("state handlers that are offered a state", () => {
  it("are not needed: without any, the state is answered at once", () => {
    expect(offer([], object, before, after, aRun())).toEqual({ kind: "state", state: after });
  });

  it("answer at once when all of them are synchronous", () => {
    const offered = offer([() => undefined, (_o, _old, next) => next], object, before, after, aRun());

    expect(offered).toEqual({ kind: "state", state: after });
  });

  it("are not called when nothing changes", () => {
    const offered = offer([() => Failed()], object, after, after, aRun());

    expect(offered).toEqual({ kind: "state", state: after });
  });

  it("are called in order, each with the same old state and the result of the one before", async () => {
    const seen: [State, State][] = [];
    const [first, second] = [Completed({ message: "1" }), Completed({ message: "2" })];
    const handlers: StateHandler[] = [
      (_o, old, next) => (seen.push([old, next]), first),
      async (_o, old, next) => (seen.push([old, next]), second),
      (_o, old, next) => (seen.push([old, next]), null),
      (_o, old, next) => void seen.push([old, next]),
      async (_o, old, next) => void seen.push([old, next]),
    ];

    const offered = await offer(handlers, object, before, after, aRun());

    expect(offered).toEqual({ kind: "state", state: second });
    expect(seen.map(([old]) => old)).toEqual([before, before, before, before, before]);
    expect(seen.map(([, next]) => next)).toEqual([after, first, second, second, second]);
  });

  it("are called with the object", () => {
    let seen: unknown;

    void offer([(obj) => void (seen = obj)], object, before, after, aRun());

    expect(seen).toBe(object);
  });

  it("may complete a run without a value, whose result is then undefined", async () => {
    const offered = await offer([() => Completed()], object, before, Failed(), aRun());

    expect(await offered.state.result()).toBeUndefined();
  });
});

describe("a state handler that fails", () => {
  const broken = function broken(): never {
    throw new TypeError("meh");
  };

  it.each([
    { how: "throws", handler: broken },
    { how: "rejects", handler: async () => broken() },
  ])("makes the run fail with its error when it $how", async ({ handler }) => {
    const run = aRun();
    let others = 0;

    const offered = await offer([handler, () => void (others += 1)], object, before, after, run);

    expect(offered).toMatchObject({ kind: "failed", error: new TypeError("meh") });
    expect(offered.state).toMatchObject({ type: "FAILED", name: "Failed" });
    expect(offered.state.message).toMatch(/^State handler \S+ failed with TypeError: meh$/);
    expect(stateError(offered.state)).toEqual(new TypeError("meh"));
    expect(others).toBe(0);
    expect(run.errors).toEqual([
      {
        message: "a state handler failed, so its run fails",
        fields: { run: "run-1", handler: expect.any(String), state: "Running", error: "TypeError: meh" },
      },
    ]);
  });

  it("is named in the message", async () => {
    expect((await offer([broken], object, before, after, aRun())).state.message).toContain("State handler broken");
    expect((await offer([broken.bind(null)], object, before, after, aRun())).state.message).toContain("broken");
  });

  it.each([5, "Failed", {}, [Completed()], true])("is one that returns %o, which is no state", async (wrong) => {
    // A handler without types.
    const offered = await offer([() => wrong as never], object, before, after, aRun());

    expect(offered).toMatchObject({ kind: "failed", error: { code: "invalid_handler_result" } });
    expect(offered.kind === "failed" && offered.error).toBeInstanceOf(TypeError);
  });

  it("does not show a secret in the log or the state", async () => {
    registerSecret("hunter2-of-handlers");
    const run = aRun();

    const offered = await offer(
      [() => Promise.reject(new Error("at hunter2-of-handlers"))],
      object,
      before,
      after,
      run,
    );

    expect(JSON.stringify([run.errors, offered.state])).not.toContain("hunter2");
  });

  it("ends the run as a body would when it throws SystemExit", async () => {
    const exit = async (): Promise<never> => {
      throw new SystemExit("stop");
    };

    await expect(offer([exit], object, before, after, aRun())).rejects.toThrow(SystemExit);
  });
});

describe("a state handler that throws a signal", () => {
  it.each(["FAIL", "SUCCESS", "SKIP", "RETRY", "PAUSE"] as const)(
    "puts the state of %s in place and skips the rest",
    async (kind) => {
      const signal = new signals[kind]("as I said");
      const run = aRun();
      let others = 0;
      const handler = (): never => {
        throw signal;
      };

      const offered = await offer([handler, () => void (others += 1)], object, before, after, run);

      expect(offered).toMatchObject({ kind: "signal", signal });
      expect(String(offered.state)).toBe(String(signal.toState({ nowMs: clock.now(), runCount: 3 })));
      expect(others).toBe(0);
      expect(run.errors).toEqual([]);
    },
  );

  it("takes time and count of a retry from the run", async () => {
    const signal = new signals.RETRY("again");

    const offered = await offer([() => Promise.reject(signal)], object, before, after, aRun());

    expect(offered.state.startTime).toEqual(new Date(clock.now()));
    expect(signal.runCount).toBe(3);
  });
});

describe("state handlers that only observe", () => {
  it("are all called with the state as it is; what they return or throw changes nothing and errors are logged", async () => {
    const run = aRun();
    const seen: State[] = [];
    const handlers: StateHandler[] = [
      (_o, _old, next) => (seen.push(next), Completed()),
      function broken() {
        throw new Error("meh");
      },
      () => Promise.reject(new signals.FAIL("no")),
      () => Promise.reject(new SystemExit("stop")),
      async (_o, _old, next) => void seen.push(next),
    ];

    await observe(handlers, object, before, after, run);

    expect(seen).toEqual([after, after]);
    expect(run.errors.map(({ fields }) => fields?.["error"])).toEqual(["Error: meh", "FAIL: no", "SystemExit: stop"]);
    expect(run.errors[0]?.fields).toMatchObject({ run: "run-1", handler: "broken", state: "Running" });
  });

  it("cost nothing when there are none, and are not called when nothing changes", () => {
    const called = (): never => {
      throw new Error("called");
    };

    expect(observe([], object, before, after, aRun())).toBeUndefined();
    expect(observe([called], object, after, after, aRun())).toBeUndefined();
  });
});

describe("a terminal state handler", () => {
  const subject = flow({ name: "nightly" }, () => 1);
  const final = Failed({ message: "1/2 states failed." });
  const children = [Completed(), Failed()];

  it("is called with the flow, its final state and the states inside, and may return another one", async () => {
    let seen: unknown[] = [];
    const lenient = (...args: unknown[]) => ((seen = args), Completed({ message: "good enough" }));

    const offered = await offerFinal(lenient, subject, final, () => children, aRun());

    expect(seen).toEqual([subject, final, children]);
    expect(offered).toMatchObject({ kind: "state", state: { type: "COMPLETED", message: "good enough" } });
  });

  it("keeps the state when it returns nothing or there is none, and then nobody collects the states", () => {
    const collect = (): never => {
      throw new Error("collected");
    };

    expect(offerFinal(null, subject, final, collect, aRun())).toEqual({ kind: "state", state: final });
    expect(
      offerFinal(
        () => null,
        subject,
        final,
        () => children,
        aRun(),
      ),
    ).toEqual({ kind: "state", state: final });
  });

  it("fails the run by what it throws", async () => {
    const broken = async (): Promise<never> => {
      throw new Error("meh");
    };

    const offered = await offerFinal(broken, subject, Completed(), () => children, aRun());

    expect(offered).toMatchObject({ kind: "failed", error: new Error("meh") });
  });
});
