import { describe, expect, it } from "vitest";
import { newId } from "../../src/base/ids.ts";
import { dateToMicros } from "../../src/base/instant.ts";
import { moveFlowRun } from "../../src/engine/move-flow-run.ts";
import { declaredDeliveries } from "../../src/hooks/declared.ts";
import { holdLease } from "../../src/hooks/lease.ts";
import { bootId, hostName, isProcessAlive } from "../../src/hooks/process-identity.ts";
import {
  cancelInsideCancelled,
  endCancelling,
  expirePauses,
  markLate,
  runServices,
  type ServiceParts,
} from "../../src/hooks/services.ts";
import { type SweepParts, sweepDeadRuns } from "../../src/hooks/sweep.ts";
import { startSweeper } from "../../src/hooks/sweeper.ts";
import type { DeclaredHook } from "../../src/runs/declared-hook.ts";
import type { FlowRunRecord, TaskRunRecord } from "../../src/runs/flow-run.ts";
import type { Lease } from "../../src/runs/lease-store.ts";
import {
  Cancelled,
  Cancelling,
  Completed,
  Paused,
  Running,
  Scheduled,
  Suspended,
} from "../../src/states/constructors.ts";
import { acceptState, type State } from "../../src/states/state.ts";
import { finish, flowRun, openRig, type Rig } from "../delivery/rig.ts";

const ON_CRASH: DeclaredHook = { index: 0, on: ["CRASHED"], ref: "test/ops", options: {} };

async function deadLease(rig: Rig, fields: Partial<Lease> = {}): Promise<Lease> {
  const nowMs = rig.clock.now();
  const lease: Lease = {
    id: newId(),
    pid: 4_711,
    host: "elsewhere",
    bootId: "b",
    startedAtMs: nowMs,
    heartbeatAtMs: nowMs,
    ...fields,
  };
  await rig.store.leases.acquire(lease);
  return lease;
}

async function startRun(
  rig: Rig,
  leaseId: string,
  fields: Partial<FlowRunRecord> = {},
  hooks: readonly DeclaredHook[] = [ON_CRASH],
) {
  const run = flowRun({ createdMicros: rig.clock.nowMicros(), leaseId, ...fields });
  await rig.store.runs.commit({ run, state: run.state, follows: null, requests: [], hooks });
  return run;
}

async function startTask(rig: Rig, parent: FlowRunRecord, name: string): Promise<TaskRunRecord> {
  const id = newId();
  const state = Running();
  acceptState(state, { timestampMicros: rig.clock.nowMicros(), flowRunId: parent.id, taskRunId: id });
  const run: TaskRunRecord = {
    ...parent,
    kind: "task-run",
    id,
    name,
    state,
    flowRunId: parent.id,
    taskName: name,
    taskKey: name,
    dynamicKey: "0",
    flowRunRunCount: 1,
  };
  await rig.store.runs.commit({ run, state, follows: null, requests: [] });
  return run;
}

const partsOf = (rig: Rig, fields: Partial<SweepParts> = {}): SweepParts => ({
  ...rig.store,
  listeners: [declaredDeliveries({ clock: rig.clock, newId, uiUrl: null, hubName: "bellhop" })],
  clock: rig.clock,
  leaseId: newId(),
  log: rig.log,
  ...fields,
});

describe("sweep", () => {
  it("ends the runs of a process without a sign of life for 30 s, with the deliveries they owe", async () => {
    await using rig = await openRig();
    const lease = await deadLease(rig);
    const run = await startRun(rig, lease.id);
    await rig.clock.advance(30_001);

    const report = await sweepDeadRuns(partsOf(rig));

    expect(report).toEqual({ leases: 1, crashed: [run.id], recovered: 0 });
    const after = await rig.store.runs.readFlowRun(run.id);
    expect(after).toMatchObject({ leaseId: null, state: { type: "CRASHED", name: "Crashed" } });
    expect(after?.state.message).toContain("Process 4711 on elsewhere disappeared");
    expect(after?.endMicros).toBe(after?.state.timestampMicros);
    const [delivery] = await rig.outbox.list({ flowRunId: run.id });
    expect(delivery).toMatchObject({
      destination: "test/ops",
      status: "queued",
      severity: "critical",
      stateId: after?.state.id,
    });
  });

  it("leaves a process alone that gave a sign of life", async () => {
    await using rig = await openRig();
    const lease = await deadLease(rig);
    const run = await startRun(rig, lease.id);
    await rig.clock.advance(25_000);
    await rig.store.leases.beat(lease.id, rig.clock.now());
    await rig.clock.advance(25_000);

    expect(await sweepDeadRuns(partsOf(rig))).toEqual({ leases: 0, crashed: [], recovered: 0 });
    expect((await rig.store.runs.readFlowRun(run.id))?.state.type).toBe("RUNNING");
  });

  it("does not wait for the heartbeat where the process can be looked at", async () => {
    await using rig = await openRig();
    const dead = await deadLease(rig, { pid: 1 });
    const alive = await deadLease(rig, { pid: 2 });
    await startRun(rig, dead.id);
    await startRun(rig, alive.id);
    await rig.clock.advance(1_000_000);

    const report = await sweepDeadRuns(partsOf(rig, { isAlive: ({ pid }) => pid === 2 }));

    expect(report).toMatchObject({ leases: 1 });
    expect((await rig.store.leases.others("none")).map((lease) => lease.id)).toEqual([alive.id]);
  });

  it("ends children before what they are part of", async () => {
    await using rig = await openRig();
    const lease = await deadLease(rig);
    const parent = await startRun(rig, lease.id);
    const tracking = await startTask(rig, parent, "tracking");
    const child = await startRun(rig, lease.id, { parentTaskRunId: tracking.id, parentFlowRunId: parent.id });
    const task = await startTask(rig, child, "load");
    await rig.clock.advance(30_001);

    const report = await sweepDeadRuns(partsOf(rig));

    expect(report.crashed).toEqual([task.id, child.id, tracking.id, parent.id]);
    const queued = await rig.outbox.list({ status: ["queued"] });
    expect(queued.toSorted((a, b) => a.seq - b.seq).map((delivery) => delivery.flowRunId)).toEqual([
      child.id,
      parent.id,
    ]);
  });

  it("ends a run that was being cancelled as Cancelled", async () => {
    await using rig = await openRig();
    const lease = await deadLease(rig);
    const run = await startRun(rig, lease.id);
    const to = Cancelling();
    acceptState(to, { timestampMicros: rig.clock.nowMicros(), flowRunId: run.id, taskRunId: null });
    await rig.store.runs.commit({ run: { ...run, state: to }, state: to, follows: run.state.id, requests: [] });
    await rig.clock.advance(30_001);

    await sweepDeadRuns(partsOf(rig));

    expect((await rig.store.runs.readFlowRun(run.id))?.state.type).toBe("CANCELLED");
  });

  it("queues again what the process was sending, as uncertain and under the same id", async () => {
    await using rig = await openRig();
    const lease = await deadLease(rig);
    const [id] = await rig.enqueue({});
    await rig.outbox.claim({ destination: "test/a", leaseId: lease.id, nowMs: rig.clock.now(), limit: 10 });
    await rig.clock.advance(30_001);
    rig.start();

    const report = await sweepDeadRuns(partsOf(rig));
    await rig.clock.until(() => rig.sent.length === 1);
    await rig.clock.settle(50);

    expect(report).toEqual({ leases: 1, crashed: [], recovered: 1 });
    expect(rig.sent[0]).toMatchObject({ id });
    expect(await rig.read(id)).toMatchObject({ status: "delivered", uncertain: true });
  });

  it("tells each run once, however many processes sweep at the same time", async () => {
    await using rig = await openRig();
    const lease = await deadLease(rig);
    const runs = await Promise.all(Array.from({ length: 5 }, () => startRun(rig, lease.id)));
    await rig.clock.advance(30_001);

    const reports = await Promise.all(Array.from({ length: 4 }, () => sweepDeadRuns(partsOf(rig))));

    expect(reports.map((report) => report.leases).toSorted((a, b) => a - b)).toEqual([0, 0, 0, 1]);
    expect(await rig.outbox.list({})).toHaveLength(5);
    for (const run of runs) expect(await rig.store.runs.listStates({ flowRunId: run.id })).toHaveLength(2);
  });

  it("is finished by another process when the sweeper dies half way", async () => {
    await using rig = await openRig();
    const lease = await deadLease(rig);
    const first = await startRun(rig, lease.id);
    const second = await startRun(rig, lease.id);
    await rig.clock.advance(30_001);
    const { runs } = rig.store;
    let commits = 0;
    const dying = {
      ...runs,
      commit: async (change: Parameters<typeof runs.commit>[0]) =>
        commits++ === 0 ? runs.commit(change) : Promise.reject(new Error("killed")),
    };

    const half = await sweepDeadRuns(partsOf(rig, { runs: dying }));
    expect(half).toEqual({ leases: 0, crashed: [], recovered: 0 });
    const report = await sweepDeadRuns(partsOf(rig));

    expect(report.crashed).toHaveLength(1);
    for (const run of [first, second]) {
      expect((await runs.readFlowRun(run.id))?.state.type).toBe("CRASHED");
      expect(await rig.outbox.list({ flowRunId: run.id })).toHaveLength(1);
    }
  });

  it("stores the end of a run even if a listener throws", async () => {
    await using rig = await openRig();
    const lease = await deadLease(rig);
    const run = await startRun(rig, lease.id);
    await rig.clock.advance(30_001);
    const broken = {
      requests: () => {
        throw new Error("a bug");
      },
    };

    await sweepDeadRuns(partsOf(rig, { listeners: [broken] }));

    expect((await rig.store.runs.readFlowRun(run.id))?.state.type).toBe("CRASHED");
  });

  it("finds what a process left behind that gave its lease back", async () => {
    await using rig = await openRig();
    const held = await holdLease({ leases: rig.store.leases, clock: rig.clock, log: rig.log });
    const run = await startRun(rig, held.id);
    const [id] = await rig.enqueue({});
    await rig.outbox.claim({ destination: "test/a", leaseId: held.id, nowMs: rig.clock.now(), limit: 10 });
    held.removeSync();

    const report = await sweepDeadRuns(partsOf(rig));

    expect(report).toEqual({ leases: 1, crashed: [run.id], recovered: 1 });
    expect((await rig.store.runs.readFlowRun(run.id))?.state).toMatchObject({ type: "CRASHED" });
    expect(await rig.read(id)).toMatchObject({ status: "queued", uncertain: true });
    expect(await sweepDeadRuns(partsOf(rig))).toEqual({ leases: 0, crashed: [], recovered: 0 });
  });

  it("does not touch its own runs and those of the living", async () => {
    await using rig = await openRig();
    await using own = await holdLease({ leases: rig.store.leases, clock: rig.clock, log: rig.log });
    await using other = await holdLease({ leases: rig.store.leases, clock: rig.clock, log: rig.log });
    await startRun(rig, own.id);
    await startRun(rig, other.id);
    await startRun(rig, "", { leaseId: null });

    expect(await sweepDeadRuns(partsOf(rig, { leaseId: own.id }))).toEqual({ leases: 0, crashed: [], recovered: 0 });
  });

  it("finds a task run without a flow that a process left behind with its lease", async () => {
    await using rig = await openRig();
    const leaseId = newId();
    const flow = flowRun({ leaseId });
    const alone: TaskRunRecord = {
      ...flow,
      kind: "task-run",
      flowRunId: null,
      taskName: "load",
      taskKey: "load",
      dynamicKey: "0",
      flowRunRunCount: 0,
    };
    await rig.store.runs.commit({ run: alone, state: alone.state, follows: null, requests: [] });

    const report = await sweepDeadRuns(partsOf(rig));

    expect(report.crashed).toEqual([alone.id]);
    expect((await rig.store.runs.readTaskRun(alone.id))?.state.type).toBe("CRASHED");
  });

  it("leaves a suspended run to whoever resumes it, although its process is gone", async () => {
    await using rig = await openRig();
    const lease = await deadLease(rig);
    const run = await startRun(rig, lease.id);
    const mover = { runs: rig.store.runs, clock: rig.clock, log: rig.log, listeners: [], hasDeployment: () => true };
    await moveFlowRun(mover, run.id, Suspended());
    await rig.clock.advance(30_001);

    expect(await sweepDeadRuns(partsOf(rig))).toMatchObject({ crashed: [] });
    expect((await rig.store.runs.readFlowRun(run.id))?.state.name).toBe("Suspended");
  });

  it("leaves a run as it ended when somebody ends it in the same moment, and cleans up all the same", async () => {
    await using rig = await openRig();
    const lease = await deadLease(rig);
    const run = await startRun(rig, lease.id);
    await rig.clock.advance(30_001);
    const { runs } = rig.store;
    const mover = { runs, clock: rig.clock, log: rig.log, listeners: [] };
    const racing = {
      ...runs,
      commit: async (change: Parameters<typeof runs.commit>[0]) => {
        await moveFlowRun(mover, run.id, Completed());
        await runs.commit(change);
      },
    };

    const report = await sweepDeadRuns(partsOf(rig, { runs: racing }));

    expect(report).toMatchObject({ leases: 1, crashed: [] });
    expect((await runs.readFlowRun(run.id))?.state.type).toBe("COMPLETED");
  });

  it("has no effect on runs that have ended", async () => {
    await using rig = await openRig();
    const lease = await deadLease(rig);
    const run = await startRun(rig, lease.id);
    const to = Completed();
    acceptState(to, { timestampMicros: rig.clock.nowMicros(), flowRunId: run.id, taskRunId: null });
    await rig.store.runs.commit({ run: { ...run, state: to }, state: to, follows: run.state.id, requests: [] });
    await rig.clock.advance(30_001);

    expect(await sweepDeadRuns(partsOf(rig))).toEqual({ leases: 1, crashed: [], recovered: 0 });
    expect((await rig.store.runs.readFlowRun(run.id))?.state.type).toBe("COMPLETED");
  });
});

const serviceParts = (rig: Rig, fields: Partial<ServiceParts> = {}): ServiceParts => ({
  runs: rig.store.runs,
  leases: rig.store.leases,
  listeners: [declaredDeliveries({ clock: rig.clock, newId, uiUrl: null, hubName: "bellhop" })],
  clock: rig.clock,
  leaseId: newId(),
  log: rig.log,
  ...fields,
});

async function runInState(
  rig: Rig,
  state: State,
  fields: Partial<FlowRunRecord> = {},
  hooks?: readonly DeclaredHook[],
) {
  const id = newId();
  acceptState(state, { timestampMicros: rig.clock.nowMicros(), flowRunId: id, taskRunId: null });
  const { scheduledTime } = state.stateDetails;
  const nextScheduledStartMicros = scheduledTime == null ? null : dateToMicros(scheduledTime);
  return startRun(rig, "", { leaseId: null, id, state, nextScheduledStartMicros, ...fields }, hooks ?? []);
}

const namesOf = async (rig: Rig, flowRunId: string): Promise<string[]> =>
  (await rig.store.runs.listStates({ flowRunId })).map(({ state }) => state.name);

describe("late runs", () => {
  const dueIn = (rig: Rig, ms: number): Date => new Date(rig.clock.now() + ms);

  it("are marked 15 s after their start was due, with the same time, and only once", async () => {
    await using rig = await openRig();
    const scheduledTime = dueIn(rig, 0);
    const run = await runInState(rig, Scheduled({ scheduledTime }));
    await rig.clock.advance(14_999);
    expect(await markLate(serviceParts(rig), 15)).toBe(0);
    await rig.clock.advance(1);

    const counts = [await markLate(serviceParts(rig), 15), await markLate(serviceParts(rig), 15)];

    expect(counts).toEqual([1, 0]);
    expect(await namesOf(rig, run.id)).toEqual(["Scheduled", "Late"]);
    expect((await rig.store.runs.readFlowRun(run.id))?.state.stateDetails.scheduledTime).toEqual(scheduledTime);
  });

  it("are marked once by any number of processes at the same time", async () => {
    await using rig = await openRig();
    const run = await runInState(rig, Scheduled({ scheduledTime: dueIn(rig, -60_000) }));

    await Promise.all([1, 2, 3].map(() => markLate(serviceParts(rig), 15)));

    expect(await namesOf(rig, run.id)).toEqual(["Scheduled", "Late"]);
  });

  it("are never those that wait for a retry, a resume or a slot", async () => {
    await using rig = await openRig();
    for (const name of ["AwaitingRetry", "Resuming", "AwaitingConcurrencySlot", "Late"]) {
      await runInState(rig, Scheduled({ name, scheduledTime: dueIn(rig, -60_000) }));
    }

    expect(await markLate(serviceParts(rig), 15)).toBe(0);
  });
});

describe("expired pauses", () => {
  const until = (rig: Rig, ms: number) => ({ pauseExpirationTime: new Date(rig.clock.now() + ms) });

  it("fail their runs, with the deliveries they owe, and only once", async () => {
    await using rig = await openRig();
    const onFailure: DeclaredHook = { index: 0, on: ["FAILED"], ref: "test/ops", options: {} };
    const run = await runInState(rig, Paused(until(rig, 1_000)), {}, [onFailure]);
    const later = await runInState(rig, Paused(until(rig, 60_000)));
    await rig.clock.advance(1_001);

    const counts = [await expirePauses(serviceParts(rig)), await expirePauses(serviceParts(rig))];

    expect(counts).toEqual([1, 0]);
    expect(await namesOf(rig, run.id)).toEqual(["Paused", "Failed"]);
    expect(await namesOf(rig, later.id)).toEqual(["Paused"]);
    expect(await rig.outbox.list({ flowRunId: run.id })).toHaveLength(1);
  });

  it("of suspended runs without a deployment fail as well", async () => {
    await using rig = await openRig();
    const run = await runInState(rig, Suspended(until(rig, 1_000)));
    await rig.clock.advance(2_000);

    await expirePauses(serviceParts(rig));

    expect(await namesOf(rig, run.id)).toEqual(["Suspended", "Failed"]);
  });

  it("are first left to the living process that waits in them", async () => {
    await using rig = await openRig();
    await using held = await holdLease({ leases: rig.store.leases, clock: rig.clock, log: rig.log });
    await runInState(rig, Paused(until(rig, 1_000)), { leaseId: held.id });
    await rig.clock.advance(1_001);
    const atOnce = await expirePauses(serviceParts(rig));
    await rig.clock.advance(5_000);

    expect([atOnce, await expirePauses(serviceParts(rig))]).toEqual([0, 1]);
  });
});

describe("runs that are being cancelled for too long", () => {
  it("end as Cancelled after 300 s when no living process holds them", async () => {
    await using rig = await openRig();
    const run = await runInState(rig, Cancelling());
    const orphan = await runInState(rig, Cancelling(), { leaseId: newId() });
    await rig.clock.advance(299_000);
    expect(await endCancelling(serviceParts(rig), 300)).toBe(0);
    await rig.clock.advance(1_001);

    expect(await endCancelling(serviceParts(rig), 300)).toBe(2);
    expect(await namesOf(rig, run.id)).toEqual(["Cancelling", "Cancelled"]);
    expect(await namesOf(rig, orphan.id)).toEqual(["Cancelling", "Cancelled"]);
  });

  it("are left to the living process that runs them", async () => {
    await using rig = await openRig();
    await using held = await holdLease({ leases: rig.store.leases, clock: rig.clock, log: rig.log });
    await runInState(rig, Cancelling(), { leaseId: held.id });
    await rig.clock.advance(400_000);

    expect(await endCancelling(serviceParts(rig), 300)).toBe(0);
    expect(await endCancelling(serviceParts(rig, { leaseId: held.id }), 300)).toBe(0);
  });
});

describe("what is inside a cancelled run", () => {
  async function family(rig: Rig, state: State) {
    const leaseId = newId();
    const parent = await startRun(rig, leaseId);
    const task = await startTask(rig, parent, "load");
    const child = await startRun(rig, leaseId, { parentFlowRunId: parent.id }, []);
    acceptState(state, { timestampMicros: rig.clock.nowMicros(), flowRunId: parent.id, taskRunId: null });
    await rig.store.runs.commit({ run: { ...parent, state }, state, follows: parent.state.id, requests: [] });
    return { parent, task, child };
  }

  it("is cancelled: task runs and inline flow runs", async () => {
    await using rig = await openRig();
    const { task, child } = await family(rig, Cancelled());

    const counts = [await cancelInsideCancelled(serviceParts(rig)), await cancelInsideCancelled(serviceParts(rig))];

    expect(counts).toEqual([2, 0]);
    expect((await rig.store.runs.readTaskRun(task.id))?.state.type).toBe("CANCELLED");
    expect((await rig.store.runs.readFlowRun(child.id))?.state.type).toBe("CANCELLED");
  });

  it("is asked to end when it has a deployment of its own, once", async () => {
    await using rig = await openRig();
    const { child } = await family(rig, Cancelled());
    const parts = serviceParts(rig, { hasDeployment: (run) => run.id === child.id });

    await cancelInsideCancelled(parts);
    await cancelInsideCancelled(parts);

    expect(await namesOf(rig, child.id)).toEqual(["Running", "Cancelling"]);
  });

  it("is left alone when it has ended, or when the run around it was not cancelled", async () => {
    await using rig = await openRig();
    await family(rig, Completed());
    const ended = await family(rig, Cancelled());
    const done = Completed();
    for (const run of [ended.task, ended.child]) {
      const state = done.freshCopy();
      acceptState(state, { timestampMicros: rig.clock.nowMicros(), flowRunId: null, taskRunId: null });
      await rig.store.runs.commit({ run: { ...run, state }, state, follows: run.state.id, requests: [] });
    }

    expect(await cancelInsideCancelled(serviceParts(rig))).toBe(0);
  });
});

describe("services of the sweeper", () => {
  const IDLE = {
    sweep: () => Promise.resolve({ leases: 0, crashed: [], recovered: 0 }),
    rescan: () => Promise.resolve(),
  };

  it("run at their own pace without holding the process open, and end with it", async () => {
    await using rig = await openRig();
    const scheduledTime = new Date(rig.clock.now());
    const run = await runInState(rig, Scheduled({ scheduledTime }));
    const services = runServices(serviceParts(rig));
    const sweeper = startSweeper({ ...IDLE, services, clock: rig.clock, log: rig.log });
    await rig.clock.advance(10_000);
    const early = await namesOf(rig, run.id);
    await rig.clock.advance(5_000);
    await sweeper.settled();

    expect([early, await namesOf(rig, run.id)]).toEqual([["Scheduled"], ["Scheduled", "Late"]]);
    expect(rig.clock.pending.keepAlive).toBe(0);
    await sweeper[Symbol.asyncDispose]();
    expect(rig.clock.pending.all).toBe(0);
  });

  it("go on after a failure, which is logged", async () => {
    await using rig = await openRig();
    let turns = 0;
    const broken = { name: "broken", everyMs: 1_000, run: () => Promise.reject(new Error(`turn ${(turns += 1)}`)) };
    await using _ = startSweeper({ ...IDLE, services: [broken], clock: rig.clock, log: rig.log });

    await rig.clock.advance(2_000);

    expect(turns).toBe(2);
    expect(rig.log.lines).toMatchObject([{ level: "warn" }, { level: "warn" }]);
  });

  it("leave late runs alone when that is switched off", async () => {
    await using rig = await openRig();
    const lateRuns = { enabled: false, afterSeconds: 15, loopSeconds: 5 };

    const names = runServices(serviceParts(rig, { settings: { lateRuns } })).map(({ name }) => name);

    expect(names).toEqual(["pause expirations", "cancellations"]);
  });
});

describe("lease", () => {
  it("is renewed every 5 s without holding the process open, and given back at the end", async () => {
    await using rig = await openRig();
    const held = await holdLease({ leases: rig.store.leases, clock: rig.clock, log: rig.log });
    await rig.clock.advance(60_000);

    const [lease] = await rig.store.leases.others("none");
    expect(lease).toMatchObject({ id: held.id, pid: process.pid, host: hostName(), heartbeatAtMs: rig.clock.now() });
    expect(rig.clock.pending.keepAlive).toBe(0);

    await finish(held[Symbol.asyncDispose](), rig.clock);
    expect(await rig.store.leases.others("none")).toEqual([]);
    expect(rig.clock.pending.all).toBe(0);
  });

  it("is taken again by a process that was wrongly taken for dead", async () => {
    await using rig = await openRig();
    await using held = await holdLease({ leases: rig.store.leases, clock: rig.clock, log: rig.log });
    await rig.store.leases.remove(held.id);

    await rig.clock.advance(5_000);
    await rig.clock.settle(20);

    expect(held.wasLost).toBe(true);
    expect((await rig.store.leases.others("none")).map((lease) => lease.id)).toEqual([held.id]);
    expect(rig.log.lines.at(-1)).toMatchObject({ level: "error" });
  });
});

describe("whether a process is alive", () => {
  const ours = (rig: Rig): Lease => ({
    id: newId(),
    pid: process.pid,
    host: hostName(),
    bootId: bootId(rig.clock),
    startedAtMs: rig.clock.now(),
    heartbeatAtMs: rig.clock.now(),
  });

  it("is known for processes of this machine, and for no others", async () => {
    await using rig = await openRig();

    expect(isProcessAlive(ours(rig), rig.clock)).toBe(true);
    // Above the largest process number that Linux gives.
    expect(isProcessAlive({ ...ours(rig), pid: 4_194_305 }, rig.clock)).toBe(false);
    expect(isProcessAlive({ ...ours(rig), host: "elsewhere" }, rig.clock)).toBeUndefined();
    expect(isProcessAlive({ ...ours(rig), bootId: "an earlier boot" }, rig.clock)).toBeUndefined();
  });

  it.runIf(process.platform === "linux")("is not taken from a process number that was given away again", async () => {
    await using rig = await openRig();

    expect(isProcessAlive({ ...ours(rig), heartbeatAtMs: rig.clock.now() - 365 * 86_400_000 }, rig.clock)).toBe(false);
  });

  it.runIf(process.platform === "linux")(
    "does not depend on a clock that was set, or a machine that slept",
    async () => {
      await using rig = await openRig();
      await using held = await holdLease({ leases: rig.store.leases, clock: rig.clock, log: rig.log });
      const [lease] = await rig.store.leases.others("none");
      // As it looks to a process that starts right after the clock was set.
      const before = { ...ours(rig), ...lease, heartbeatAtMs: rig.clock.now() - 3_600_000 };

      expect(before).toMatchObject({ id: held.id, startTicks: expect.any(Number) });
      expect(isProcessAlive(before, rig.clock)).toBe(true);
      expect(isProcessAlive({ ...before, startTicks: (before.startTicks ?? 0) - 1 }, rig.clock)).toBe(false);
    },
  );
});
