import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { z } from "zod";
import {
  flow,
  type FlowRun,
  pauseFlowRun,
  resumeFlowRun,
  runtime,
  Scheduled,
  signals,
  type StateWire,
  SystemExit,
  task,
  type TaskRun,
  transaction,
} from "../../src/index.ts";
import { openRig, type Rig, storeFlowRun } from "./rig.ts";

let rig: Rig;
beforeEach(async () => {
  rig = await openRig();
});
afterEach(() => rig[Symbol.asyncDispose]());

const SECOND = 1_000_000;

type RunId = { readonly flowRunId: string } | { readonly taskRunId: string };

/** Stored states with their instants in microseconds. */
async function history(run: RunId): Promise<readonly { readonly wire: StateWire; readonly atMs: number }[]> {
  const states = await rig.engine.runs.listStates(run);
  return states.map(({ state }) => ({ wire: state, atMs: Date.parse(state.timestamp) }));
}

/** The body takes this long. */
const work = (seconds: number): Promise<void> => rig.clock.sleep(seconds * 1_000);

/** Fails the first `times` times, after a second of work. */
function flaky(times: number): () => Promise<string> {
  let calls = 0;
  return async () => {
    calls += 1;
    await work(1);
    if (calls <= times) throw new Error(`attempt ${calls}`);
    return "done";
  };
}

const onlyTaskRun = async (flowName: string) => {
  const [run, ...others] = await rig.stored.taskRuns(flowName);
  if (run === undefined || others.length > 0) throw new Error(`${flowName} has ${others.length + 1} task runs`);
  return run;
};

async function whenPaused(flowName: string): Promise<string> {
  for (;;) {
    await rig.clock.settle(10);
    const [run] = await rig.engine.runs.listFlowRuns({ flowName });
    if (run?.state.isPaused() === true) return run.id;
  }
}

const nearly = (micros: number): unknown => expect.toSatisfy((value: number) => Math.abs(value - micros) < 1_000);

describe("run_count", () => {
  it("counts every attempt of a flow and of a task, and hooks see it fresh", async () => {
    const seen: string[] = [];
    const note = (_object: unknown, run: FlowRun | TaskRun): void => void seen.push(`${run.stateName} ${run.runCount}`);
    const inner = task({ name: "inner", retries: 2, onRunning: [note], onCompletion: [note] }, flaky(2));
    const outer = flow({ name: "outer", retries: 1, retryDelaySeconds: 1, onRunning: [note] }, async () => {
      if (runtime.flowRun.runCount === 1) throw new Error("first");
      await inner();
    });

    await rig.done(() => outer());

    expect((await rig.stored.flowRun("outer")).runCount).toBe(2);
    expect((await onlyTaskRun("outer")).runCount).toBe(3);
    expect(seen).toEqual(["Running 1", "Retrying 2", "Running 1", "Retrying 2", "Retrying 3", "Completed 3"]);
  });

  it("is 1 for a cached task, and 0 for runs whose body was never begun", async () => {
    const kept = task({ name: "kept", persistResult: true, resultStorageKey: "k" }, () => 1);
    const waiting = task({ name: "waiting" }, () => 1);
    const skipping = task({ name: "skipping" }, () => {
      throw new signals.SKIP();
    });
    const strict = flow({ name: "strict", parameters: z.object({ day: z.string() }) }, () => 1);
    const outer = flow({ name: "outer" }, async () => {
      const skipped = await skipping.run([], { returnState: true });
      await waiting.run([], { waitFor: [skipped], returnState: true });
      await kept();
    });

    await rig.done(() => kept());
    await rig.done(() => outer());
    // A caller without types.
    await rig.done(() => strict.run([{ day: 1 } as never], { returnState: true }));

    const counts = Object.fromEntries(
      (await rig.stored.taskRuns("outer")).map(({ taskName, state, runCount }) => [
        `${taskName} ${state.name}`,
        runCount,
      ]),
    );
    expect(counts).toEqual({ "skipping Skipped": 1, "waiting Skipped": 0, "kept Cached": 1 });
    expect((await rig.stored.flowRun("strict")).runCount).toBe(0);
  });

  it("does not grow when a pause is over, for the flow and for the task that paused", async () => {
    const approve = task({ name: "approve" }, () => {
      if (!runtime.taskRun.resumed) throw new signals.PAUSE("approve me");
    });
    const outer = flow({ name: "paused" }, async () => {
      await pauseFlowRun({ timeout: 3_600 });
      await approve();
    });

    const run = rig.within(() => outer());
    for (const _pause of [1, 2]) {
      const id = await whenPaused("paused");
      expect((await rig.stored.flowRun("paused")).empiricalPolicy["resuming"]).not.toBe(true);
      await rig.within(() => resumeFlowRun(id));
      await rig.clock.advance(20_000);
      await rig.clock.settle(20);
    }
    await rig.done(() => run);

    expect(await rig.stored.flowStates("paused")).toEqual([
      "Pending",
      "Running",
      "Paused",
      "Running",
      "Paused",
      "Running",
      "Completed",
    ]);
    expect((await rig.stored.flowRun("paused")).runCount).toBe(1);
    expect((await onlyTaskRun("paused")).runCount).toBe(1);
    expect((await rig.stored.flowRun("paused")).empiricalPolicy["resuming"] ?? false).toBe(false);
  });

  it("counts the attempts after a resume on", async () => {
    let bodies = 0;
    const outer = flow({ name: "resumed-and-retried", retries: 1 }, async () => {
      bodies += 1;
      await pauseFlowRun({ timeout: 3_600 });
      if (bodies === 1) throw new Error("after the pause");
    });

    const run = rig.within(() => outer());
    const id = await whenPaused("resumed-and-retried");
    await rig.within(() => resumeFlowRun(id));
    await rig.done(() => run);

    // The second attempt passes the pause, whose key it has seen.
    expect(bodies).toBe(2);
    expect(await rig.stored.flowStates("resumed-and-retried")).toEqual([
      "Pending",
      "Running",
      "Paused",
      "Running",
      "AwaitingRetry",
      "Retrying",
      "Completed",
    ]);
    expect((await rig.stored.flowRun("resumed-and-retried")).runCount).toBe(2);
  });
});

describe("the times of a run", () => {
  it("start at its first Running and end at its last state, however many attempts are between", async () => {
    const inner = task({ name: "inner", retries: 1, retryDelaySeconds: 5 }, flaky(1));
    const outer = flow({ name: "outer", retries: 1, retryDelaySeconds: 20 }, async () => {
      if (runtime.flowRun.runCount === 2) return inner();
      await work(3);
      throw new Error("first");
    });

    await rig.done(() => outer());

    const flowRun = await rig.stored.flowRun("outer");
    const taskRun = await onlyTaskRun("outer");
    for (const [run, id] of [
      [flowRun, { flowRunId: flowRun.id }],
      [taskRun, { taskRunId: taskRun.id }],
    ] as const) {
      const states = await history(id);
      const firstRunning = states.find(({ wire }) => wire.type === "RUNNING");
      expect(run.startMicros).toSatisfy((start: number) => Math.floor(start / 1_000) === firstRunning?.atMs);
      expect(run.endMicros).toBe(run.state.timestampMicros);
      expect(run.state.id).toBe(states.at(-1)?.wire.id);
      expect(run.expectedStartMicros).toSatisfy((at: number) => Math.floor(at / 1_000) === states[0]?.atMs);
      expect(run.nextScheduledStartMicros).toBeNull();
    }
    // 3 s, then 1 s + 5 s + 1 s in the second attempt; the task ran twice for 1 s.
    expect(flowRun.totalRunTimeMicros).toEqual(nearly(10 * SECOND));
    expect(taskRun.totalRunTimeMicros).toEqual(nearly(2 * SECOND));
    expect((flowRun.endMicros ?? 0) - (flowRun.startMicros ?? 0)).toEqual(nearly(30 * SECOND));
  });

  it("leave out of total_run_time what was spent paused", async () => {
    const outer = flow({ name: "paused" }, async () => {
      await work(2);
      await pauseFlowRun({ timeout: 3_600 });
      await work(3);
    });

    const run = rig.within(() => outer());
    await rig.clock.settle(30);
    await rig.clock.advance(2_000);
    const id = await whenPaused("paused");
    await rig.clock.advance(60_000);
    await rig.within(() => resumeFlowRun(id));
    await rig.done(() => run);

    const { totalRunTimeMicros, startMicros, endMicros } = await rig.stored.flowRun("paused");
    expect(totalRunTimeMicros).toEqual(nearly(5 * SECOND));
    expect((endMicros ?? 0) - (startMicros ?? 0)).toEqual(nearly(65 * SECOND));
  });

  it("are all there when the run crashes", async () => {
    const outer = flow({ name: "crashes" }, async () => {
      await work(4);
      throw new SystemExit("stop");
    });

    await rig.done(() => outer().catch(() => undefined));

    const run = await rig.stored.flowRun("crashes");
    expect(run.endMicros).toBe(run.state.timestampMicros);
    expect(run.totalRunTimeMicros).toEqual(nearly(4 * SECOND));
  });

  it("start and end at one instant for a run that never ran", async () => {
    const named = flow({ name: "badly-named", flowRunName: () => Promise.reject(new Error("no name")) }, () => 1);
    const called = task({ name: "badly-called", taskRunName: "{nothing}" }, () => 1);
    const outer = flow({ name: "outer" }, () => called.run([], { returnState: true }).then(String));

    await rig.done(() => named.run([], { returnState: true }));
    await rig.done(() => outer());

    for (const run of [await rig.stored.flowRun("badly-named"), await onlyTaskRun("outer")]) {
      expect(run.state.type).toBe("FAILED");
      expect(run).toMatchObject({ runCount: 0, totalRunTimeMicros: 0, startMicros: run.state.timestampMicros });
      expect(run.endMicros).toBe(run.startMicros);
    }
  });

  it("have no start and no end while the run is not ready", async () => {
    const failing = task({ name: "failing" }, () => Promise.reject(new Error("upstream")));
    const waiting = task({ name: "waiting" }, () => 1);

    const state = await rig.done(async () =>
      waiting.run([], { waitFor: [await failing.run([], { returnState: true })], returnState: true }),
    );

    expect(await rig.engine.runs.readTaskRun(state.stateDetails.taskRunId ?? "")).toMatchObject({
      startMicros: null,
      endMicros: null,
      runCount: 0,
      totalRunTimeMicros: 0,
    });
  });

  it("keep their end when a completed task is rolled back", async () => {
    const inner = task({ name: "inner" }, () => 1);
    let endedMicros: number | undefined;
    const outer = flow({ name: "outer" }, () =>
      transaction(async () => {
        await inner();
        endedMicros = (await onlyTaskRun("outer")).endMicros ?? 0;
        await work(5);
        throw new Error("undo");
      }),
    );

    await rig.done(() => outer().catch(() => undefined));

    const run = await onlyTaskRun("outer");
    expect(run.state.name).toBe("RolledBack");
    expect(run.endMicros).toBe(endedMicros);
    expect(run.state.timestampMicros).toBeGreaterThan(endedMicros ?? 0);
  });

  it("have the start of the next attempt while the run waits for it, and not after", async () => {
    const outer = flow({ name: "waits", retries: 1, retryDelaySeconds: 30 }, flaky(1));

    const run = rig.within(() => outer());
    await rig.clock.settle(30);
    await rig.clock.advance(1_000);
    await rig.clock.settle(30);
    const waiting = await rig.stored.flowRun("waits");
    await rig.done(() => run);

    expect(waiting.state.name).toBe("AwaitingRetry");
    expect(waiting.nextScheduledStartMicros).toBe((waiting.state.startTime?.getTime() ?? 0) * 1_000);
    expect(waiting.endMicros).toBeNull();
    expect((await rig.stored.flowRun("waits")).nextScheduledStartMicros).toBeNull();
  });

  it("expect a scheduled run at its time", async () => {
    const scheduledTime = new Date(rig.clock.now() + 60_000);
    const run = await storeFlowRun(rig, Scheduled({ scheduledTime }));

    expect(await rig.engine.runs.readFlowRun(run.id)).toMatchObject({
      expectedStartMicros: scheduledTime.getTime() * 1_000,
      nextScheduledStartMicros: scheduledTime.getTime() * 1_000,
    });
  });
});

describe("the task run that stands for a child flow run", () => {
  it("goes through the same states as fresh copies that name the child, with books of its own", async () => {
    const child = flow({ name: "child", retries: 1, retryDelaySeconds: 5 }, flaky(1));
    const parent = flow({ name: "parent" }, () => child());

    await rig.done(() => parent());

    const [parentRun, childRun] = [await rig.stored.flowRun("parent"), await rig.stored.flowRun("child")];
    const tracking = await onlyTaskRun("parent");
    const [own, copies] = [await history({ flowRunId: childRun.id }), await history({ taskRunId: tracking.id })];
    const names = ["Pending", "Running", "AwaitingRetry", "Retrying", "Completed"];
    expect(own.map(({ wire }) => wire.name)).toEqual(names);
    expect(copies.map(({ wire }) => wire.name)).toEqual(names);
    expect(new Set([...own, ...copies].map(({ wire }) => wire.id)).size).toBe(2 * names.length);
    for (const { wire } of own)
      expect(wire.state_details).toMatchObject({ flow_run_id: childRun.id, task_run_id: tracking.id });
    // The first state is there before the child is: nothing can name it yet.
    for (const { wire } of copies)
      expect(wire.state_details).toMatchObject({ flow_run_id: parentRun.id, task_run_id: tracking.id });
    for (const { wire } of copies.slice(1)) expect(wire.state_details.child_flow_run_id).toBe(childRun.id);
    expect(copies.slice(1).map(({ wire }) => wire.timestamp)).toEqual(own.slice(1).map(({ wire }) => wire.timestamp));
    expect(tracking).toMatchObject({
      runCount: childRun.runCount,
      startMicros: childRun.startMicros,
      endMicros: childRun.endMicros,
      totalRunTimeMicros: childRun.totalRunTimeMicros,
      flowRunId: parentRun.id,
      flowRunRunCount: 1,
    });
    expect(childRun).toMatchObject({ parentTaskRunId: tracking.id, parentFlowRunId: parentRun.id, runCount: 2 });
  });

  it("does not carry the child's value or error into the store", async () => {
    const child = flow({ name: "child" }, () => ({ secret: "value" }));
    const parent = flow({ name: "parent" }, async () => void (await child()));

    await rig.done(() => parent());

    const copies = await history({ taskRunId: (await onlyTaskRun("parent")).id });
    expect(copies.map(({ wire }) => wire.data)).toEqual([null, null, null]);
  });

  it("is there for a child that a task of the parent calls", async () => {
    const child = flow({ name: "child" }, () => 1);
    const calling = task({ name: "calling" }, () => child());
    const parent = flow({ name: "parent" }, () => calling());

    await rig.done(() => parent());

    const runs = await rig.stored.taskRuns("parent");
    expect(runs.map(({ taskName, state }) => `${taskName} ${state.name}`)).toEqual([
      "calling Completed",
      "child Completed",
    ]);
    expect((await rig.stored.flowRun("child")).parentTaskRunId).toBe(runs[1]?.id);
  });
});

describe("flow_run_run_count", () => {
  it("is the attempt of the flow in which the task run was made, also for tracking runs", async () => {
    const inner = task({ name: "inner" }, () => 1);
    const child = flow({ name: "child" }, () => 1);
    const outer = flow({ name: "outer", retries: 1 }, async () => {
      await inner();
      await child();
      if (runtime.flowRun.runCount === 1) throw new Error("first");
    });
    const alone = task({ name: "alone" }, () => 1);

    await rig.done(() => outer());
    const state = await rig.done(() => alone.run([], { returnState: true }));

    const runs = await rig.stored.taskRuns("outer");
    expect(runs.map(({ taskName, flowRunRunCount }) => `${taskName} ${flowRunRunCount}`)).toEqual([
      "inner 1",
      "child 1",
      "inner 2",
      "child 2",
    ]);
    expect((await rig.engine.runs.readTaskRun(state.stateDetails.taskRunId ?? ""))?.flowRunRunCount).toBe(0);
  });
});

describe("empirical_policy", () => {
  it("holds the retries of flows and tasks, and what a flow run remembers", async () => {
    const inner = task({ name: "inner", retries: 2, retryDelaySeconds: [1, 2.5], retryJitterFactor: 0.5 }, () => 1);
    const policies: unknown[] = [];
    const outer = flow({ name: "outer", retries: 1, retryDelaySeconds: 0.5 }, async () => {
      await inner();
      policies.push((await rig.stored.flowRun("outer")).empiricalPolicy["retry_type"] ?? null);
      if (policies.length === 1) throw new Error("first");
    });
    const failing = flow({ name: "failing", retries: 1 }, () => Promise.reject(new Error("always")));

    await rig.done(() => outer());
    await rig.done(() => failing().catch(() => undefined));

    expect((await rig.stored.taskRuns("outer"))[0]?.empiricalPolicy).toEqual({
      retries: 2,
      retry_delay: [1, 2.5],
      retry_jitter_factor: 0.5,
    });
    expect((await rig.stored.flowRun("outer")).empiricalPolicy).toMatchObject({ retries: 1, retry_delay: 0.5 });
    expect(policies).toEqual([null, "in_process"]);
    expect((await rig.stored.flowRun("failing")).empiricalPolicy["retry_type"] ?? null).toBeNull();
  });

  it("remembers the keys of pauses", async () => {
    const outer = flow({ name: "keys" }, async () => {
      await pauseFlowRun({ timeout: 3_600 });
      await pauseFlowRun({ timeout: 3_600, key: "own" });
    });

    const run = rig.within(() => outer());
    for (const _pause of [1, 2]) {
      const id = await whenPaused("keys");
      await rig.within(() => resumeFlowRun(id));
      await rig.clock.advance(20_000);
      await rig.clock.settle(20);
    }
    await rig.done(() => run);

    expect((await rig.stored.flowRun("keys")).empiricalPolicy["pause_keys"]).toEqual(["1", "own"]);
  });
});

describe("what is not written", () => {
  it("changes nothing: a pause that has happened before, and a refused state", async () => {
    const seen: unknown[] = [];
    const books = async (): Promise<unknown> => {
      const { runCount, startMicros, totalRunTimeMicros, state } = await rig.stored.flowRun("repeats");
      return { runCount, startMicros, totalRunTimeMicros, state: state.id };
    };
    const outer = flow({ name: "repeats" }, async () => {
      await pauseFlowRun({ timeout: 3_600, key: "once" });
      seen.push(await books());
      await work(3);
      await pauseFlowRun({ timeout: 3_600, key: "once" });
      seen.push(await books());
    });

    const run = rig.within(() => outer());
    const id = await whenPaused("repeats");
    await rig.within(() => resumeFlowRun(id));
    await rig.done(() => run);

    expect(seen).toHaveLength(2);
    expect(seen[1]).toEqual(seen[0]);
  });
});
