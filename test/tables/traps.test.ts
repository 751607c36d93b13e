// What a naive version gets wrong: one test for each trap, by its number. Some traps, or parts of them, need a process
// that ends; those are in traps.process.test.ts.
import { AsyncResource } from "node:async_hooks";
import { EventEmitter } from "node:events";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { newId } from "../../src/base/ids.ts";
import {
  AwaitingRetry,
  callbackFactory,
  cancelFlowRun,
  Cancelled,
  Completed,
  Crashed,
  CrashedRun,
  Failed,
  FailedRun,
  flow,
  getRunContext,
  notify,
  pauseFlowRun,
  resumeFlowRun,
  Retrying,
  runtime,
  Scheduled,
  type State,
  SystemExit,
  task,
  TimeoutError,
  transaction,
} from "../../src/index.ts";
import { acceptState } from "../../src/states/state.ts";
import { flowRun } from "../delivery/rig.ts";
import { boom, flowHooks, gate, names, openTables, ownId, type Tables, taskHooks } from "./kit.ts";

let test: Tables;
let calls: string[];
beforeEach(async () => {
  test = await openTables();
  calls = [];
});
afterEach(() => test[Symbol.asyncDispose]());

/** Runs to the end, whatever that is. */
const end = <T>(start: () => Promise<T>): Promise<PromiseSettledResult<T>> => test.finish(test.within(start));
const say = (what: string) => (): void => void calls.push(what);

/** A run that no process executes, in this state since now. */
async function stored(state: State, hooks: readonly { readonly on: readonly State["type"][] }[] = []): Promise<string> {
  const id = newId();
  acceptState(state, { timestampMicros: test.clock.nowMicros(), flowRunId: id, taskRunId: null });
  const dueMs = state.startTime?.getTime();
  const run = flowRun({
    id,
    state,
    runCount: 0,
    createdMicros: test.clock.nowMicros(),
    startMicros: null,
    nextScheduledStartMicros: dueMs === undefined ? null : dueMs * 1_000,
  });
  const declared = hooks.map(({ on }, index) => ({ index, on, ref: "inbox/ops", options: {} }));
  await test.runs.commit({ run, state, follows: null, requests: [], hooks: declared });
  return id;
}

const historyOf = async (flowRunId: string): Promise<string[]> =>
  (await test.runs.listStates({ flowRunId })).map(({ state }) => state.name);

describe("trap", () => {
  it("1: onFailure runs once after the last attempt, a handler and onFailureCallback see each", async () => {
    const failing = task(
      {
        name: "t",
        retries: 2,
        onFailure: [say("onFailure")],
        stateHandlers: [(_task, _old, next) => void (next.isFailed() ? calls.push("handler") : 0)],
        onFailureCallback: say("callback"),
      },
      boom,
    );
    await end(() => failing());

    expect(calls).toEqual(names("handler callback handler callback handler callback onFailure"));
  });

  it("2: onCancellation runs for Cancelling and not for Cancelled, and a run that nobody executes fires nothing", async () => {
    const { body, entered } = gate();
    let id = "";
    const waiting = flow({ name: "f", ...flowHooks(calls) }, () => ((id = ownId()), body()));
    const run = test.within(() => waiting());
    await test.clock.until(entered);
    const cancelled = test.finish(run);
    await test.within(() => cancelFlowRun(id));
    await cancelled;
    const idle = await stored(Scheduled(), [{ on: ["CANCELLING", "CANCELLED"] }]);
    await test.within(() => cancelFlowRun(idle));

    expect(calls).toEqual(["onRunning:Running", "onCancellation:Cancelling"]);
    expect(await historyOf(idle)).toEqual(["Scheduled", "Cancelled"]);
  });

  it("3: isRetrying is the state that waits, AwaitingRetry; Retrying is a kind of Running", async () => {
    const seen: string[] = [];
    const failing = flow(
      {
        name: "f",
        retries: 1,
        stateHandlers: [(_flow, _old, next) => void (next.isRetrying() ? seen.push(next.name) : 0)],
      },
      boom,
    );
    await end(() => failing());

    expect([AwaitingRetry().isRetrying(), AwaitingRetry().isRunning(), AwaitingRetry().isScheduled()]).toEqual([
      true,
      false,
      true,
    ]);
    expect([Retrying().isRetrying(), Retrying().isRunning()]).toEqual([false, true]);
    expect(seen).toEqual(["AwaitingRetry"]);
  });

  it("4: a task retry without a delay stores no AwaitingRetry, though handlers are offered it", async () => {
    const offered: string[] = [];
    const failing = task(
      { name: "t", retries: 1, stateHandlers: [(_task, _old, next) => void offered.push(next.name)] },
      boom,
    );
    await end(() => flow({ name: "f" }, () => failing())());

    expect(offered).toEqual(names("Running Failed AwaitingRetry Retrying Failed"));
    expect(await test.statesOfTask("f", "t")).toEqual([names("Pending Running Retrying Failed")]);
  });

  it("5: Cached, TimedOut and RolledBack are names; hooks and predicates go by the type", async () => {
    const kept = task({ ...taskHooks(calls), name: "kept", persistResult: true }, () => 1);
    const slow = task({ ...taskHooks(calls), name: "slow", timeoutSeconds: 1 }, () => new Promise(() => undefined));
    const states: State[] = [];
    await end(() =>
      flow({ name: "f" }, async () => {
        await kept();
        states.push(await kept.run([], { returnState: true }), await slow.run([], { returnState: true }));
        const undone = await transaction(() => task({ name: "undone" }, () => 1)().then(boom)).catch(() => null);
        return undone;
      })(),
    );

    expect(states.map((state) => [state.name, state.isCompleted(), state.isFailed()])).toEqual([
      ["Cached", true, false],
      ["TimedOut", false, true],
    ]);
    expect(calls).toContain("onCompletion:Cached");
    expect(calls).toContain("onFailure:TimedOut");
    const undone = (await test.stored.taskRuns("f")).find(({ taskName }) => taskName === "undone");
    expect(undone?.state).toMatchObject({ type: "COMPLETED", name: "RolledBack" });
  });

  it("6: hooks get the very state that is stored, that the run has and that the caller gets", async () => {
    const seen: unknown[] = [];
    const failing = flow({ name: "f", onFailure: [(_flow, run, state) => void seen.push(state, run.state)] }, boom);
    const returned = await test.within(() => failing.run([], { returnState: true }));

    expect(seen[0]).toBe(returned);
    expect(seen[1]).toBe(returned);
    const [, , last] = await test.runs.listStates({ flowRunId: returned.stateDetails.flowRunId ?? "" });
    expect(last?.state).toMatchObject({ id: returned.id, timestamp: returned.toWire().timestamp });
  });

  it("7: neither an error nor an exit nor a slow hook changes how a run ends", async () => {
    const slow = async (): Promise<void> => {
      await test.clock.sleep(120_000);
      throw new Error("after two minutes");
    };
    const exits = (): never => {
      throw new SystemExit("of a hook");
    };
    const fine = flow(
      { name: "f", timeoutSeconds: 60, onRunning: [boom, exits], onCompletion: [slow, boom, exits] },
      () => "fine",
    );

    expect(await end(() => fine())).toEqual({ status: "fulfilled", value: "fine" });
    expect(await test.stored.flowStates("f")).toEqual(names("Pending Running Completed"));
  });

  it("8: an object and its withOptions copy share no list of hooks or handlers", async () => {
    const original = task({ name: "t", onCompletion: [say("listed")], onCommit: [say("commit")] }, () => 1);
    const copy = original.withOptions({ tags: ["copy"] });
    original.onCompletion(say("original"));
    original.onStateChange(say("handler"));
    copy.onCompletion(say("copy"));
    copy.onCommit(say("commit-too"));
    await end(() => original());
    calls.push("|");
    await end(() => copy());

    expect(calls).toEqual(names("handler handler commit listed original | commit commit-too listed copy"));
  });

  it("9: withOptions takes 0, false, null and empty lists for values; only undefined keeps", () => {
    const options = {
      name: "x",
      retries: 3,
      timeoutSeconds: 5,
      retryDelaySeconds: 2,
      tags: ["a"],
      logPrints: true,
      version: "1",
    };
    const zeros = { retries: 0, timeoutSeconds: 0, retryDelaySeconds: 0, tags: [], logPrints: false, version: null };
    for (const object of [flow(options, boom), task(options, boom)]) {
      const { retries, timeoutSeconds, retryDelaySeconds, tags, logPrints, version } = object.withOptions(zeros);
      expect({ retries, timeoutSeconds, retryDelaySeconds, tags, logPrints, version }).toEqual({
        ...zeros,
        retryDelaySeconds: [0],
      });
      // A caller without types, or without exactOptionalPropertyTypes.
      const kept = object.withOptions({ retries: undefined, tags: undefined } as never);
      expect([kept.retries, kept.tags]).toEqual([3, ["a"]]);
    }
  });

  it("10: only a list of nothing but states is aggregated, and a cancelled one outweighs failed ones", async () => {
    const failed = (): Promise<State> => task({ name: "bad" }, boom).run([], { returnState: true });
    const cancelled = (): Promise<State> => task({ name: "gone" }, () => Cancelled()).run([], { returnState: true });
    const ending = async (body: () => unknown): Promise<string> => {
      const ended = await test.within(() => flow<[], unknown>({ name: "f" }, body).run([], { returnState: true }));
      return ended.name;
    };

    expect(await ending(async () => ["value", await failed()])).toBe("Completed");
    expect(await ending(() => [])).toBe("Completed");
    expect(await ending(() => new Set())).toBe("Completed");
    expect(await ending(async () => ({ a: await failed() }))).toBe("Completed");
    expect(await ending(async () => [await failed(), await cancelled(), await failed()])).toBe("Cancelled");
    expect(await ending(async () => new Set([await failed()]))).toBe("Failed");
  });

  it("11: a task that returned Failed gives that state to its caller, and a flow that did throws", async () => {
    const own = Failed({ message: "by hand" });
    const step = await end(() => task({ name: "t" }, () => own)());
    const whole = await end(() => flow({ name: "f" }, () => Failed({ message: "by hand" }))());

    expect(step).toEqual({ status: "fulfilled", value: own });
    expect(whole).toMatchObject({ status: "rejected", reason: new FailedRun({ message: "by hand" }) });
  });

  it("12: run_count counts retries and no resume, and start_time is that of the first attempt", async () => {
    const seen: [count: number, start: number | undefined][] = [];
    const note = (): void => {
      const { flowRun: run } = getRunContext();
      seen.push([run?.runCount ?? 0, run?.startTime?.getTime()]);
    };
    const paused = flow({ name: "f", retries: 1, retryDelaySeconds: 10 }, async () => {
      note();
      await pauseFlowRun({ pollInterval: 1 });
      note();
      if (seen.length < 4) boom();
    });
    const run = test.within(() => paused());
    await test.clock.until(() => seen.length === 1);
    const isPaused = async (): Promise<boolean> => (await test.stored.flowRun("f")).state.isPaused();
    while (!(await isPaused())) await test.clock.settle();
    const { id } = await test.stored.flowRun("f");
    await test.within(() => resumeFlowRun(id));
    await test.finish(run);

    const [first] = seen;
    expect(seen.map(([count]) => count)).toEqual([1, 1, 2, 2]);
    expect(seen.every(([, start]) => start === first?.[1] && start !== undefined)).toBe(true);
    // The second attempt passes the same pause.
    expect(await historyOf(id)).toEqual(names("Pending Running Paused Running AwaitingRetry Retrying Completed"));
    expect((await test.stored.flowRun("f")).runCount).toBe(2);
  });

  it("13: only Scheduled runs become Late, once and 15 s after their time; AwaitingRetry and Resuming never do", async () => {
    const due = { scheduledTime: new Date(test.clock.now()) };
    const waiting = [Scheduled(due), AwaitingRetry(due), Scheduled({ ...due, name: "Resuming" })];
    const ids = await Promise.all(waiting.map((state) => stored(state)));
    const histories = (): Promise<string[][]> => Promise.all(ids.map(historyOf));
    await test.clock.advance(14_000);
    const before = await histories();
    await test.clock.advance(30_000);

    expect(before).toEqual([["Scheduled"], ["AwaitingRetry"], ["Resuming"]]);
    expect(await histories()).toEqual([["Scheduled", "Late"], ["AwaitingRetry"], ["Resuming"]]);
  });

  it("14: a failed task is not undone, its staged siblings are, and rollback hooks run backwards", async () => {
    const step = (name: string, body: () => unknown) =>
      task<[], unknown>({ name, onRollback: [say(`undo ${name} 1`), say(`undo ${name} 2`)] }, body);
    const work = flow({ name: "f" }, () =>
      transaction(async () => {
        await step("a", () => 1)();
        await step("b", () => 1)();
        await step("c", boom)();
      }),
    );
    const outcome = await end(() => work());

    expect(outcome.status).toBe("rejected");
    expect(calls).toEqual(["undo b 2", "undo b 1", "undo a 2", "undo a 1"]);
  });

  it("15: onCommit runs when the outermost lazy transaction commits, not when the task completes", async () => {
    const step = task({ name: "t", onCompletion: [say("onCompletion")], onCommit: [say("onCommit")] }, () => 1);
    await end(() =>
      transaction(async () => {
        await transaction(async () => void (await step()));
        calls.push("inner ends");
      }),
    );

    expect(calls).toEqual(["onCompletion", "inner ends", "onCommit"]);
  });

  it("16: in a transaction results are kept when it commits, not when their tasks complete", async () => {
    const folder = mkdtempSync(join(tmpdir(), "bellhop-traps-"));
    const kept = (): number =>
      readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile()).length;
    const step = task({ name: "t", persistResult: true, resultStorage: folder }, (x: number) => x);
    const counts: number[] = [];
    await end(() =>
      transaction(async () => {
        await step(1);
        await step(2);
        counts.push(kept());
      }),
    );
    counts.push(kept());
    await end(() => transaction(() => step(3).then(boom)));
    counts.push(kept());
    rmSync(folder, { recursive: true });

    expect(counts).toEqual([0, 2, 2]);
  });

  it("17: a body that settles before its overdue timer can fire has timed out; an emitter needs AsyncResource", async () => {
    const blocking = task({ name: "blocking", timeoutSeconds: 60 }, async () => {
      // Time passes while no timer can fire: only the clock that is looked at is moved.
      const { monotonic } = test.clock;
      Reflect.set(test.clock, "monotonic", () => monotonic.call(test.clock) + 60_000);
      return "too late";
    });
    expect(await end(() => blocking())).toMatchObject({ status: "rejected", reason: expect.any(TimeoutError) });
    Reflect.deleteProperty(test.clock, "monotonic");

    const emitter = new EventEmitter();
    const heard: unknown[] = [];
    const listening = flow({ name: "listening" }, () => {
      emitter.on("event", () => heard.push(runtime.flowRun.flowName));
      emitter.on(
        "event",
        AsyncResource.bind(() => void heard.push(runtime.flowRun.flowName)),
      );
    });
    await end(() => listening());
    emitter.emit("event");

    expect(heard).toEqual([null, "listening"]);
  });

  it("18: code that swallows an interruption is stopped at its next call of the engine, and the run ends as it must", async () => {
    const exiting = task({ name: "exiting" }, () => Promise.reject(new SystemExit("stop")));
    const step = task({ name: "step" }, say("step"));
    const caught: unknown[] = [];
    const swallowing = flow({ name: "f" }, async () => {
      await exiting().catch(() => undefined);
      await step().catch((error: unknown) => caught.push(error));
      await transaction(async () => undefined).catch((error: unknown) => caught.push(error));
      return "went on";
    });
    const outcome = await end(() => swallowing());

    expect(outcome).toMatchObject({ status: "rejected", reason: { name: "SystemExit" } });
    expect(calls).toEqual([]);
    expect(caught).toHaveLength(2);
    expect(await test.stored.flowStates("f")).toEqual(names("Pending Running Crashed"));
  });

  it("19: a run's name is computed once, before Running, so that hooks and stored runs have it", async () => {
    let computed = 0;
    const seen: unknown[] = [];
    const named = flow(
      {
        name: "f",
        retries: 2,
        flowRunName: () => `run ${(computed += 1)}`,
        onRunning: [async (_flow, run) => void seen.push(run.name, (await test.runs.readFlowRun(run.id))?.name)],
      },
      boom,
    );
    await end(() => named());

    expect(seen).toEqual(Array.from({ length: 6 }, () => "run 1"));
  });

  it("20: one side, and only one, runs onCrashed and onCancellation: here the process itself", async () => {
    const crashing = flow({ name: "crashing", onCrashed: [say("onCrashed"), notify("inbox/ops")] }, () =>
      Promise.reject(new SystemExit("stop")),
    );
    await end(() => crashing());
    await test.hub.sweep();
    const { body, entered } = gate();
    let id = "";
    const waiting = flow(
      { name: "waiting", onCancellation: [say("onCancellation"), notify("inbox/ops")] },
      () => ((id = ownId()), body()),
    );
    const run = test.within(() => waiting());
    await test.clock.until(entered);
    const cancelled = test.finish(run);
    await test.within(() => cancelFlowRun(id));
    await test.within(() => cancelFlowRun(id));
    await cancelled;
    await test.hub.sweep();

    expect(calls).toEqual(["onCrashed", "onCancellation"]);
    const outbox = await test.hub.store.outbox.list();
    expect(outbox.map(({ flowRunId }) => flowRunId)).toHaveLength(2);
    expect(new Set(outbox.map(({ flowRunId }) => flowRunId)).size).toBe(2);
  });

  it("21: nobody moves a run out of its final state: no late cancellation and no signal of its caller", async () => {
    const stop = new AbortController();
    const done = flow({ name: "f", onCompletion: [() => stop.abort(new Error("too late"))] }, () => 1);

    expect(await end(() => done.run([], { signal: stop.signal }))).toEqual({ status: "fulfilled", value: 1 });
    const { id } = await test.stored.flowRun("f");
    await expect(test.within(() => cancelFlowRun(id))).rejects.toMatchObject({ code: "transition_refused" });
    await test.clock.advance(600_000);
    expect(await historyOf(id)).toEqual(names("Pending Running Completed"));
  });

  it("22: callbackFactory asks for exactly true, and a later handler sees what an earlier one returned", async () => {
    const truthy: never = (() => 1) as never;
    const replaced = Completed({ name: "Replaced", data: 7 });
    const step = task(
      {
        name: "t",
        stateHandlers: [
          callbackFactory(say("truthy"), truthy),
          (_task, _old, next) => (next.isFailed() ? replaced : undefined),
          callbackFactory(
            (_task, state) => void calls.push(state.name),
            (state) => state.isCompleted(),
          ),
          () => undefined,
        ],
      },
      boom,
    );

    expect(await end(() => step())).toEqual({ status: "fulfilled", value: 7 });
    expect(calls).toEqual(["Replaced"]);
  });

  it("2, 5: a crash by hand is neither a failure nor a cancellation", async () => {
    const crashed = flow({ name: "f", ...flowHooks(calls) }, () => Crashed());

    expect(await end(() => crashed())).toMatchObject({ status: "rejected", reason: expect.any(CrashedRun) });
    expect(calls).toEqual(["onRunning:Running", "onCrashed:Crashed"]);
  });
});
