import { describe, expect, it } from "vitest";
import { newId } from "../../src/base/ids.ts";
import { declaredDeliveries } from "../../src/hooks/declared.ts";
import { holdLease } from "../../src/hooks/lease.ts";
import { bootId, hostName, isProcessAlive } from "../../src/hooks/process-identity.ts";
import { type SweepParts, sweepDeadRuns } from "../../src/hooks/sweep.ts";
import type { DeclaredHook } from "../../src/runs/declared-hook.ts";
import type { FlowRunRecord, TaskRunRecord } from "../../src/runs/flow-run.ts";
import type { Lease } from "../../src/runs/lease-store.ts";
import { Cancelling, Completed, Running } from "../../src/states/constructors.ts";
import { acceptState } from "../../src/states/state.ts";
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
});
