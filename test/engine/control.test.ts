import { describe, expect, it } from "vitest";
import { type ControlledRun, openControl } from "../../src/engine/control.ts";
import { cancelFlowRun } from "../../src/engine/cancel.ts";
import { follow, moveFlowRun, type Mover, moveOwnRun } from "../../src/engine/move-flow-run.ts";
import type { FlowRunRecord } from "../../src/runs/flow-run.ts";
import { Cancelling, Completed, Paused, Running } from "../../src/states/constructors.ts";
import { type Controlled, openControlled, startRun } from "../support/controlled.ts";

/** A run as the engine has it, which writes down what it is told. */
function fakeRun(record: FlowRunRecord): ControlledRun & { readonly told: string[] } {
  const told: string[] = [];
  const note = (what: string) => (stored: FlowRunRecord) => {
    told.push(what);
    follow(record, stored);
  };
  return {
    id: record.id,
    get state() {
      return record.state;
    },
    told,
    onCancelling: note("cancelling"),
    onSuspended: note("suspended"),
    onResumed: note("resumed"),
    onEnded: note("ended"),
  };
}

async function watchedRun(rig: Controlled) {
  const record = await startRun(rig);
  const run = fakeRun(record);
  const control = openControl({ runs: rig.store.runs, clock: rig.clock, log: rig.log });
  return { record, run, control, watching: control.add(run) };
}

describe("watching what others do to the runs of this process", () => {
  it("notices within 250 ms that another process cancels one, and tells it once", async () => {
    await using rig = await openControlled();
    const { run } = await watchedRun(rig);
    await cancelFlowRun(rig.other, run.id);

    await rig.clock.advance(250);
    await rig.clock.advance(1_000);

    expect(run.told).toEqual(["cancelling"]);
    expect(run.state.isCancelling()).toBe(true);
  });

  it("notices a pause, a resume and an end", async () => {
    await using rig = await openControlled();
    const { run } = await watchedRun(rig);

    for (const to of [Paused({ pauseKey: "x" }), Running(), Completed()]) {
      await moveFlowRun(rig.other, run.id, to);
      await rig.clock.advance(250);
    }

    expect(run.told).toEqual(["suspended", "resumed", "ended"]);
  });

  it("looks at once when code of this process moved the run", async () => {
    await using rig = await openControlled();
    const { run, control } = await watchedRun(rig);
    const mover: Mover = { ...rig.mover, control };

    await cancelFlowRun(mover, run.id);

    expect(run.told).toEqual(["cancelling"]);
  });

  it("does not tell a run what its own process did to it", async () => {
    await using rig = await openControlled();
    const { run, record, control } = await watchedRun(rig);

    const moving = moveOwnRun({ ...rig.mover, control }, record, Paused({ pauseKey: "1" }));
    const looking = control.look();
    await Promise.all([moving, looking, control.look()]);
    await rig.clock.advance(500);

    expect(run.told).toEqual([]);
    expect(run.state.isPaused()).toBe(true);
  });

  it("lets a run be whose own newer state is on its way to the store", async () => {
    await using rig = await openControlled();
    const { run, record, control } = await watchedRun(rig);
    await moveFlowRun(rig.other, run.id, Cancelling());
    await rig.clock.advance(100);
    const own = Completed();
    record.state = own.copy({ timestampMicros: rig.clock.nowMicros() });

    await control.look();

    expect(run.told).toEqual([]);
  });

  it("reads nothing while nobody else commits", async () => {
    await using rig = await openControlled();
    const { runs } = rig.store;
    let reads = 0;
    const counting = {
      version: () => runs.version(),
      readFlowRun: (id: string) => runs.readFlowRun(id),
      listCurrentStates: (ids: readonly string[]) => {
        reads += 1;
        return runs.listCurrentStates(ids);
      },
    };
    const control = openControl({ runs: counting, clock: rig.clock, log: rig.log });
    using _ = control.add(fakeRun(await startRun(rig)));
    await rig.clock.advance(250);

    await rig.clock.advance(60_000);

    expect(reads).toBe(1);
  });

  it("looks only while there are runs, and never holds the process open", async () => {
    await using rig = await openControlled();
    const { watching } = await watchedRun(rig);
    const during = rig.clock.pending;

    watching[Symbol.dispose]();

    expect(during).toEqual({ all: 1, keepAlive: 0 });
    expect(rig.clock.pending.all).toBe(0);
  });

  it("asks again after the store could not be read", async () => {
    await using rig = await openControlled();
    const { runs } = rig.store;
    let isBroken = true;
    const flaky = {
      version: () => runs.version(),
      readFlowRun: (id: string) => runs.readFlowRun(id),
      listCurrentStates: (ids: readonly string[]) =>
        isBroken ? Promise.reject(new Error("locked")) : runs.listCurrentStates(ids),
    };
    const run = fakeRun(await startRun(rig));
    const control = openControl({ runs: flaky, clock: rig.clock, log: rig.log });
    using _ = control.add(run);
    await cancelFlowRun(rig.other, run.id);
    await rig.clock.advance(250);
    isBroken = false;

    await rig.clock.advance(250);

    expect(run.told).toEqual(["cancelling"]);
    expect(rig.log.lines.map(({ level }) => level)).toEqual(["warn"]);
  });
});
