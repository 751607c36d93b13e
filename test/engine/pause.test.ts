import { describe, expect, it } from "vitest";
import { z } from "zod";
import { newId } from "../../src/base/ids.ts";
import { moveFlowRun } from "../../src/engine/move-flow-run.ts";
import { pauseRun, type PauseTarget, suspendFlowRun, suspendRun } from "../../src/engine/pause.ts";
import { PauseGate, pauseGateOf } from "../../src/engine/pause-gate.ts";
import { proposeResume, resumeFlowRun } from "../../src/engine/resume.ts";
import type { FlowRunRecord } from "../../src/runs/flow-run.ts";
import { Cancelling, Failed, Paused, Running } from "../../src/states/constructors.ts";
import { rejected } from "../support/coded.ts";
import { type Controlled, openControlled, startRun } from "../support/controlled.ts";

interface Executed extends PauseTarget {
  readonly stop: AbortController;
}

function executed(rig: Controlled, record: FlowRunRecord): Executed {
  const stop = new AbortController();
  let count = 0;
  return { mover: rig.mover, record, signal: stop.signal, nextKey: () => String((count += 1)), stop };
}

/** What became of a promise so far. */
function watch<T>(promise: Promise<T>) {
  const seen: { value?: T; error?: unknown; isDone: boolean } = { isDone: false };
  promise.then(
    (value) => Object.assign(seen, { value, isDone: true }),
    (error: unknown) => Object.assign(seen, { error, isDone: true }),
  );
  return seen;
}

const typesOf = async (rig: Controlled, flowRunId: string): Promise<string[]> =>
  (await rig.store.runs.listStates({ flowRunId })).map(({ state }) => state.name);

const DEPLOYED = { hasDeployment: () => true };

describe("pausing a flow run", () => {
  it("blocks until another process resumes it, and is not another attempt", async () => {
    await using rig = await openControlled();
    const record = await startRun(rig);
    const paused = watch(pauseRun(executed(rig, record)));
    await rig.clock.settle(20);
    expect(record.state).toMatchObject({ name: "Paused", stateDetails: { pauseKey: "1", pauseReschedule: false } });

    await resumeFlowRun(rig.other, record.id);
    await rig.clock.advance(10_000);

    expect(paused).toMatchObject({ isDone: true, value: undefined });
    expect(record.state.isRunning()).toBe(true);
    expect(record.runCount).toBe(1);
    expect(await typesOf(rig, record.id)).toEqual(["Running", "Paused", "Running"]);
  });

  it("looks first after half the timeout or the poll interval, then every poll interval", async () => {
    await using rig = await openControlled();
    const record = await startRun(rig);
    const paused = watch(pauseRun(executed(rig, record), { timeout: 8, pollInterval: 10 }));
    await rig.clock.settle(20);
    await resumeFlowRun(rig.other, record.id);

    await rig.clock.advance(3_999);
    const before = paused.isDone;
    await rig.clock.advance(1);

    expect([before, paused.isDone]).toEqual([false, true]);
  });

  it("looks once more at the deadline before it fails", async () => {
    await using rig = await openControlled();
    const record = await startRun(rig);
    const paused = watch(pauseRun(executed(rig, record), { timeout: 15, pollInterval: 10 }));
    await rig.clock.settle(20);
    await rig.clock.advance(14_000);
    await resumeFlowRun(rig.other, record.id);

    await rig.clock.advance(1_000);

    expect(paused).toMatchObject({ isDone: true });
    expect(paused.error).toBeUndefined();
  });

  it("throws FlowPauseTimeout when nobody resumes it in time", async () => {
    await using rig = await openControlled();
    const record = await startRun(rig);
    const paused = watch(pauseRun(executed(rig, record), { timeout: 60 }));
    await rig.clock.settle(20);

    await rig.clock.advance(60_000);

    expect(paused.error).toMatchObject({ name: "FlowPauseTimeout", code: "pause_timeout" });
  });

  it("goes on at once when its gate is opened", async () => {
    await using rig = await openControlled();
    const record = await startRun(rig);
    const paused = watch(pauseRun(executed(rig, record)));
    await rig.clock.settle(20);
    await resumeFlowRun(rig.other, record.id);

    pauseGateOf(record).open();
    await rig.clock.settle(20);

    expect(paused.isDone).toBe(true);
  });

  it("stops waiting when the run is interrupted", async () => {
    await using rig = await openControlled();
    const target = executed(rig, await startRun(rig));
    const paused = watch(pauseRun(target));
    await rig.clock.settle(20);

    target.stop.abort(new Error("interrupted"));
    await rig.clock.settle(20);

    expect(paused.error).toMatchObject({ message: "interrupted" });
    expect(rig.clock.pending.all).toBe(0);
  });

  it.each([
    { what: "is cancelled", make: () => Cancelling(), code: "cancelled_run" },
    { what: "is failed by the service", make: () => Failed(), code: "pause_timeout" },
  ])("stops waiting when the run $what by somebody else", async ({ make, code }) => {
    await using rig = await openControlled();
    const record = await startRun(rig);
    const paused = watch(pauseRun(executed(rig, record)));
    await rig.clock.settle(20);

    await moveFlowRun(rig.other, record.id, make());
    await rig.clock.advance(10_000);

    expect(paused.error).toMatchObject({ code });
  });

  it("passes a pause whose key was seen before, as a later attempt does", async () => {
    await using rig = await openControlled();
    const record = await startRun(rig, { empiricalPolicy: { pause_keys: ["1"] } });

    await pauseRun(executed(rig, record));

    expect(await typesOf(rig, record.id)).toEqual(["Running"]);
  });

  it("pauses once per key of its own, and again for the next one", async () => {
    await using rig = await openControlled();
    const target = executed(rig, await startRun(rig));
    for (const key of ["a", "a", "b"]) {
      const paused = watch(pauseRun(target, { key }));
      await rig.clock.settle(20);
      if (target.record.state.isPaused()) await resumeFlowRun(rig.other, target.record.id);
      await rig.clock.advance(10_000);
      expect(paused.isDone).toBe(true);
    }

    expect(target.record.empiricalPolicy["pause_keys"]).toEqual(["a", "b"]);
    expect(await typesOf(rig, target.record.id)).toEqual(["Running", "Paused", "Running", "Paused", "Running"]);
  });

  it("is refused while the run does not run", async () => {
    await using rig = await openControlled();
    const record = await startRun(rig);
    await moveFlowRun(rig.other, record.id, Cancelling());

    expect((await rejected(pauseRun(executed(rig, record)))).code).toBe("transition_refused");
  });

  it("holds new tasks back, and lets them go on with the resume", async () => {
    await using rig = await openControlled();
    const record = await startRun(rig);
    void pauseRun(executed(rig, record));
    await rig.clock.settle(20);
    const gate = pauseGateOf(record);
    const task = watch(gate.wait());
    await rig.clock.settle();
    expect([gate.isClosed, task.isDone]).toEqual([true, false]);

    await resumeFlowRun(rig.other, record.id);
    await rig.clock.advance(10_000);

    expect([gate.isClosed, task.isDone]).toEqual([false, true]);
  });

  it("starts no task when the pause has expired", async () => {
    await using rig = await openControlled();
    const record = await startRun(rig);
    const paused = watch(pauseRun(executed(rig, record), { timeout: 1 }));
    await rig.clock.settle(20);
    const task = watch(pauseGateOf(record).wait());

    await rig.clock.advance(1_000);

    expect(task.error).toBe(paused.error);
    expect(task.error).toMatchObject({ code: "pause_timeout" });
  });
});

describe("a pause that waits for input", () => {
  const form = z.object({ approved: z.boolean(), note: z.string().default("none") });

  /** Pauses, resumes with the input, and gives what the code that waited got. */
  async function answered(rig: Controlled, waitForInput: z.ZodType, runInput?: unknown) {
    const record = await startRun(rig);
    const paused = watch(pauseRun(executed(rig, record), { waitForInput }));
    await rig.clock.settle(20);
    const refusal = await resumeFlowRun(rig.other, record.id, { runInput }).then(
      () => null,
      (error: unknown) => error,
    );
    await rig.clock.advance(10_000);
    return { record, paused, refusal };
  }

  it("gives the typed object of an object schema, with its defaults", async () => {
    await using rig = await openControlled();

    const { record, paused } = await answered(rig, form, { approved: true });

    expect(paused.value).toEqual({ approved: true, note: "none" });
    expect(await rig.store.runs.getInput(record.id, "paused-1-response")).toEqual({ approved: true });
    expect(await rig.store.runs.getInput(record.id, "paused-1-schema")).toMatchObject({ type: "object" });
  });

  it("wraps any other schema as a value, and gives that value", async () => {
    await using rig = await openControlled();

    const { paused } = await answered(rig, z.int(), { value: 42 });

    expect(paused.value).toBe(42);
  });

  it("can be resumed without input when defaults will do", async () => {
    await using rig = await openControlled();

    const { paused, refusal } = await answered(rig, z.object({ note: z.string().default("fine") }));

    expect(refusal).toBeNull();
    expect(paused.value).toEqual({ note: "fine" });
  });

  it.each([
    { what: "does not fit", runInput: { approved: "perhaps" }, reason: /approved/ },
    { what: "is missing and has no default", runInput: undefined, reason: /approved/ },
    { what: "is not an object", runInput: 7, reason: /object/ },
    {
      what: "holds a broken placeholder",
      runInput: { approved: { __prefect_kind: "json", value: "{" } },
      reason: /JSON/,
    },
    { what: "holds an unknown placeholder", runInput: { approved: { __prefect_kind: "jinja" } }, reason: /jinja/ },
    { what: "is not JSON", runInput: { approved: 1n }, reason: /not JSON/ },
  ])("stays paused when the input $what, and says so", async ({ runInput, reason }) => {
    await using rig = await openControlled();

    const { record, paused, refusal } = await answered(rig, form, runInput);

    expect(refusal).toMatchObject({ name: "ResumeRefusedError", message: expect.stringMatching(reason) });
    expect(paused.isDone).toBe(false);
    expect((await rig.store.runs.readFlowRun(record.id))?.state.isPaused()).toBe(true);
    expect(await rig.store.runs.getInput(record.id, "paused-1-response")).toBeUndefined();
  });

  it("replaces a placeholder by the JSON it holds", async () => {
    await using rig = await openControlled();

    const { paused } = await answered(rig, form, { approved: { __prefect_kind: "json", value: "true" } });

    expect(paused.value).toMatchObject({ approved: true });
  });

  it.each([
    { what: "is missing", schema: undefined, reason: /missing/ },
    { what: "is not JSON", schema: "{", reason: /not JSON/ },
  ])("cannot be resumed when the stored schema $what", async ({ schema, reason }) => {
    await using rig = await openControlled();
    const record = await startRun(rig);
    const keyset = { description: "d", response: "r", schema: "s" };
    if (schema !== undefined) await rig.store.runs.setInput(record.id, "s", schema);
    await moveFlowRun(rig.other, record.id, Paused({ stateDetails: { runInputKeyset: keyset } }));

    const verdict = await proposeResume(rig.other, record.id, { runInput: {} });

    expect(verdict).toMatchObject({ status: "reject", written: null, reason: expect.stringMatching(reason) });
  });

  it("gives the stored input again when the pause is passed a second time", async () => {
    await using rig = await openControlled();
    const { record } = await answered(rig, form, { approved: false });

    expect(await pauseRun(executed(rig, record), { waitForInput: form })).toEqual({ approved: false, note: "none" });
  });
});

describe("resuming a flow run", () => {
  it("needs a paused run", async () => {
    await using rig = await openControlled();
    const record = await startRun(rig);

    expect(await rejected(resumeFlowRun(rig.other, record.id))).toMatchObject({ name: "NotPausedError" });
    expect((await rejected(resumeFlowRun(rig.other, newId()))).code).toBe("run_not_found");
    expect(await typesOf(rig, record.id)).toEqual(["Running"]);
  });

  it("fails the run when its pause has expired, and tells the caller", async () => {
    await using rig = await openControlled();
    const record = await startRun(rig);
    watch(pauseRun(executed(rig, record), { timeout: 5, pollInterval: 100 }));
    await rig.clock.settle(20);
    await rig.clock.advance(5_001);

    const error = await rejected(resumeFlowRun(rig.other, record.id));

    expect(error).toMatchObject({ name: "FlowPauseTimeout" });
    expect((await rig.store.runs.readFlowRun(record.id))?.state.type).toBe("FAILED");
  });

  it("is done once when two do it at the same time", async () => {
    await using rig = await openControlled();
    const record = await startRun(rig);
    watch(pauseRun(executed(rig, record)));
    await rig.clock.settle(20);

    const results = await Promise.allSettled([
      resumeFlowRun(rig.other, record.id),
      resumeFlowRun(rig.other, record.id),
      resumeFlowRun(rig.mover, record.id),
    ]);

    expect(results.filter(({ status }) => status === "fulfilled")).toHaveLength(1);
    expect(await typesOf(rig, record.id)).toEqual(["Running", "Paused", "Running"]);
  });
});

describe("suspending a flow run", () => {
  it("throws Pause once the state is stored, and lets go of the run", async () => {
    await using rig = await openControlled(DEPLOYED);
    const record = await startRun(rig);

    const error = await rejected(suspendRun(executed(rig, record)));

    expect(error).toMatchObject({ name: "Pause", code: "flow_paused" });
    const stored = await rig.store.runs.readFlowRun(record.id);
    expect(stored).toMatchObject({ leaseId: null, state: { name: "Suspended" } });
    expect(stored?.state.stateDetails).toMatchObject({ pauseReschedule: true, pauseKey: "1" });
    expect(stored?.state.stateDetails.pauseTimeout).toBeUndefined();
  });

  it("is refused without a deployment and inside another run", async () => {
    await using plain = await openControlled();
    await using deployed = await openControlled(DEPLOYED);
    const inside = await startRun(deployed, { parentTaskRunId: newId() });

    expect((await rejected(suspendRun(executed(plain, await startRun(plain))))).code).toBe("transition_refused");
    expect((await rejected(suspendRun(executed(deployed, inside)))).code).toBe("transition_refused");
  });

  it("is resumed as Resuming, which is not another attempt, and passes the same suspension", async () => {
    await using rig = await openControlled(DEPLOYED);
    const record = await startRun(rig);
    const waitForInput = z.string();
    await rejected(suspendRun(executed(rig, record), { waitForInput }));

    const state = await resumeFlowRun(rig.other, record.id, { runInput: { value: "go" } });
    const { run } = await moveFlowRun(rig.other, record.id, Running());
    const again = await suspendRun({ ...executed(rig, { ...run }), nextKey: () => "1" }, { waitForInput });

    expect(state).toMatchObject({ type: "SCHEDULED", name: "Resuming" });
    expect(run.runCount).toBe(1);
    expect(again).toBe("go");
  });

  it("of another run gives the pause a key of its own", async () => {
    await using rig = await openControlled(DEPLOYED);
    const record = await startRun(rig);

    await suspendFlowRun({ flowRunId: record.id, timeout: 60 }, rig.other);

    const stored = await rig.store.runs.readFlowRun(record.id);
    expect(stored?.state.name).toBe("Suspended");
    expect(stored?.state.stateDetails.pauseKey).toMatch(/^[0-9a-f-]{36}$/);
    expect(stored?.state.stateDetails.pauseTimeout).toEqual(new Date(rig.clock.now() + 60_000));
  });

  it("needs a run around it when none is named", async () => {
    expect((await rejected(suspendFlowRun())).code).toBe("missing_context");
  });
});

describe("the gate of a paused run", () => {
  it("lets everyone through while it is open, and does not wait", async () => {
    await expect(new PauseGate().wait(AbortSignal.abort())).resolves.toBeUndefined();
  });

  it("lets go of whoever is interrupted while waiting", async () => {
    const gate = new PauseGate();
    gate.close();
    const stop = new AbortController();
    const waiting = gate.wait(stop.signal);

    stop.abort(new Error("interrupted"));

    await expect(waiting).rejects.toThrow("interrupted");
    expect(gate.isClosed).toBe(true);
  });

  it("is the same one for one run", () => {
    const [one, two] = [{}, {}];

    expect(pauseGateOf(one)).toBe(pauseGateOf(one));
    expect(pauseGateOf(one)).not.toBe(pauseGateOf(two));
  });
});
