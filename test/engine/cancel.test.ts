import { describe, expect, it } from "vitest";
import { newId } from "../../src/base/ids.ts";
import { cancelFlowRun } from "../../src/engine/cancel.ts";
import type { DeclaredHook } from "../../src/runs/declared-hook.ts";
import { Cancelling, Completed, Paused, Scheduled, Suspended } from "../../src/states/constructors.ts";
import { acceptState, type State } from "../../src/states/state.ts";
import { rejected } from "../support/coded.ts";
import { type Controlled, openControlled, startRun } from "../support/controlled.ts";

const ON_CANCELLATION: DeclaredHook = { index: 0, on: ["CANCELLING"], ref: "test/ops", options: {} };

async function runIn(rig: Controlled, state: State, leaseId: string | null = newId()) {
  const id = newId();
  acceptState(state, { timestampMicros: rig.clock.nowMicros(), flowRunId: id, taskRunId: null });
  return startRun(rig, { id, state, leaseId }, [ON_CANCELLATION]);
}

const namesOf = async (rig: Controlled, flowRunId: string): Promise<string[]> =>
  (await rig.store.runs.listStates({ flowRunId })).map(({ state }) => state.name);

describe("cancelling a flow run", () => {
  it("asks a run under way to end, and stores its declarative onCancellation with that, once", async () => {
    await using rig = await openControlled();
    const run = await startRun(rig, {}, [ON_CANCELLATION]);

    const states = [await cancelFlowRun(rig.other, run.id), await cancelFlowRun(rig.mover, run.id)];

    expect(states.map(({ type }) => type)).toEqual(["CANCELLING", "CANCELLING"]);
    expect(await namesOf(rig, run.id)).toEqual(["Running", "Cancelling"]);
    const deliveries = await rig.store.outbox.list({ flowRunId: run.id });
    expect(deliveries).toMatchObject([{ destination: "test/ops", stateId: states[0]?.id }]);
  });

  it.each([
    { what: "a scheduled run without a process", make: () => Scheduled(), leaseId: null },
    { what: "a resuming run", make: () => Scheduled({ name: "Resuming" }), leaseId: newId() },
    { what: "a suspended run", make: () => Suspended(), leaseId: null },
  ])("ends $what at once, and no hook hears of it", async ({ make, leaseId }) => {
    await using rig = await openControlled();
    const run = await runIn(rig, make(), leaseId);

    const state = await cancelFlowRun(rig.other, run.id);

    expect(state.type).toBe("CANCELLED");
    expect(await rig.store.outbox.list({ flowRunId: run.id })).toEqual([]);
    const stored = await rig.store.runs.readFlowRun(run.id);
    expect(stored?.endMicros).toBe(stored?.state.timestampMicros);
  });

  it("asks a run that is paused in its process", async () => {
    await using rig = await openControlled();
    const run = await runIn(rig, Paused());

    expect((await cancelFlowRun(rig.other, run.id)).type).toBe("CANCELLING");
  });

  it("is refused once the run has ended, and changes nothing", async () => {
    await using rig = await openControlled();
    const run = await runIn(rig, Completed());

    const error = await rejected(cancelFlowRun(rig.other, run.id));

    expect(error.code).toBe("transition_refused");
    expect(await namesOf(rig, run.id)).toEqual(["Completed"]);
  });

  it("needs a run", async () => {
    await using rig = await openControlled();

    expect((await rejected(cancelFlowRun(rig.other, newId()))).code).toBe("run_not_found");
  });

  it("makes the state that the run's own process stores at the same time lose", async () => {
    await using rig = await openControlled();
    const run = await startRun(rig);
    const completed = Completed();
    acceptState(completed, { timestampMicros: rig.clock.nowMicros(), flowRunId: run.id, taskRunId: null });
    await cancelFlowRun(rig.other, run.id);

    const commit = rig.store.runs.commit({
      run: { ...run, state: completed },
      state: completed,
      follows: run.state.id,
      requests: [],
    });

    await expect(commit).rejects.toMatchObject({ code: "run_moved", details: { current: { type: "CANCELLING" } } });
  });

  it("stores the state although a listener throws", async () => {
    const broken = {
      requests: () => {
        throw new Error("a bug");
      },
    };
    await using rig = await openControlled({ listeners: [broken] });
    const run = await startRun(rig);

    await cancelFlowRun(rig.other, run.id);

    expect(await namesOf(rig, run.id)).toEqual(["Running", "Cancelling"]);
  });

  it("leaves a run that is cancelling as it is", async () => {
    await using rig = await openControlled();
    const run = await runIn(rig, Cancelling());

    await cancelFlowRun(rig.other, run.id);

    expect(await namesOf(rig, run.id)).toEqual(["Cancelling"]);
  });
});
