import { describe, expect, it } from "vitest";
import { handlerName, offer } from "../../../src/engine/handlers.ts";
import { systemClock } from "../../../src/base/clock.ts";
import { silentLogger } from "../../../src/base/logger.ts";
import { callbackFactory, onFailureCallback } from "../../../src/hooks/callback-factory.ts";
import { AwaitingRetry, Completed, Crashed, Failed, Pending, Running } from "../../../src/states/constructors.ts";
import { signals } from "../../../src/states/signals.ts";
import type { State } from "../../../src/states/state.ts";
import { task } from "../../../src/task.ts";
import { coded } from "../../support/coded.ts";

const object = task({ name: "load" }, () => 1);
const old = Pending();
const run = { engine: { clock: systemClock, log: silentLogger }, record: { id: "run-1", runCount: 1 } };

describe("callbackFactory", () => {
  it("calls the function with object and new state when the check says true, and returns the new state", () => {
    const calls: unknown[] = [];
    const handler = callbackFactory(
      (obj, state) => void calls.push(obj, state),
      (state) => state.isRetrying(),
    );
    const [retrying, running] = [AwaitingRetry(), Running()];

    expect(handler(object, old, retrying)).toBe(retrying);
    expect(handler(object, old, running)).toBe(running);
    expect(calls).toEqual([object, retrying]);
  });

  it.each([1, "yes", {}, Promise.resolve(true), undefined, false])("does not take %o for true", (answer) => {
    let calls = 0;
    // A check without types.
    const handler = callbackFactory(
      () => (calls += 1),
      () => answer as never,
    );

    void handler(object, old, Failed());

    expect(calls).toBe(0);
  });

  it("waits for an asynchronous function, ignores what it gives, and keeps the new state", async () => {
    const state = Failed();
    let isDone = false;
    const handler = callbackFactory(
      async () => {
        await Promise.resolve();
        isDone = true;
        return Completed();
      },
      () => true,
    );

    expect(await handler(object, old, state)).toBe(state);
    expect(isDone).toBe(true);
  });

  it("passes on what an earlier handler made of the state", async () => {
    const seen: State[] = [];
    const replaced = Completed({ message: "replaced" });
    const handlers = [
      () => replaced,
      callbackFactory(
        (_obj, state) => void seen.push(state),
        (state) => state.isCompleted(),
      ),
    ];

    const offered = await offer(handlers, object, old, Failed(), run);

    expect(seen).toEqual([replaced]);
    expect(offered.state).toBe(replaced);
  });

  it("lets an error of the function fail the run, named after the function", async () => {
    const handler = callbackFactory(
      async function tellOps() {
        throw new Error("no net");
      },
      () => true,
    );

    const offered = await offer([handler], object, old, Running(), run);

    expect(handlerName(handler)).toBe("tellOps");
    expect(offered).toMatchObject({
      kind: "failed",
      state: { message: "State handler tellOps failed with Error: no net" },
    });
  });

  it("refuses what is no function", () => {
    // Callers without types.
    expect(coded(() => callbackFactory("x" as never, () => true)).code).toBe("invalid_definition");
    expect(coded(() => callbackFactory(() => 1, true as never)).message).toContain("callbackFactory: check");
    expect(coded(() => onFailureCallback([] as never)).message).toContain("onFailureCallback");
  });
});

describe("onFailureCallback", () => {
  it.each([Failed(), Failed({ name: "TimedOut" }), new signals.TRIGGERFAIL("no").toState({ nowMs: 0, runCount: 1 })])(
    "is called for %s",
    (state) => {
      const seen: State[] = [];

      void onFailureCallback((_obj, failed) => void seen.push(failed))(object, old, state);

      expect(seen).toEqual([state]);
    },
  );

  it.each([Completed(), Crashed(), AwaitingRetry(), Running()])("is not called for %s", (state) => {
    const never = onFailureCallback(() => {
      throw new Error("called");
    });

    expect(never(object, old, state)).toBe(state);
  });
});
