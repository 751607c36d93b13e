import { describe, expect, it } from "vitest";
import { newId } from "../../src/base/ids.ts";
import { errorCode } from "../../src/base/errors.ts";
import type { HookOutcome } from "../../src/runs/run-store.ts";
import type { StoreOpener } from "../support/store-fixture.ts";
import { aChange, aFlowRun, aRequest, aState, aTaskRun, START_MICROS } from "../support/store-records.ts";

const later = (micros: number) => START_MICROS + micros;

const anOutcome = (values: Partial<HookOutcome> = {}): HookOutcome => ({
  flowRunId: newId(),
  taskRunId: null,
  stateId: newId(),
  event: "onFailure",
  hook: "tellOps",
  status: "completed",
  startedMicros: START_MICROS,
  durationMicros: 1_250,
  error: null,
  ...values,
});

/** What every run store must do. */
export function runStoreSuite(open: StoreOpener): void {
  describe("reading runs", () => {
    it("reads a flow run back as it was committed", async () => {
      await using fixture = await open();
      const { runs } = fixture.store;
      const run = aFlowRun({
        nextScheduledStartMicros: later(5),
        totalRunTimeMicros: 12,
        parentFlowRunId: newId(),
        leaseId: newId(),
      });

      await runs.commit(aChange(run));
      const read = await runs.readFlowRun(run.id);

      expect({ ...read, state: read?.state.toWire() }).toEqual({ ...run, state: run.state.toWire() });
    });

    it("reads a task run back as it was recorded", async () => {
      await using fixture = await open();
      const { runs } = fixture.store;
      const taskInputs = { x: [{ input_type: "task_run", id: newId() }] };
      const run = aTaskRun({ flowRunId: newId(), tags: ["a", "b"], flowRunRunCount: 3, taskInputs });

      runs.record(aChange(run));
      const read = await runs.readTaskRun(run.id);

      expect({ ...read, state: read?.state.toWire() }).toEqual({ ...run, state: run.state.toWire() });
    });

    it("keeps every part of a state, with characters that SQL and JSON treat specially", async () => {
      await using fixture = await open();
      const { runs } = fixture.store;
      const scheduledTime = new Date("2026-01-02T03:04:05.678Z");
      const state = aState({
        type: "SCHEDULED",
        name: "AwaitingRetry",
        message: 'it\'s "odd"; \\ \u0000 \n %_ 💥',
        timestampMicros: later(678_901),
        stateDetails: { scheduledTime, pauseKey: "k" },
      });
      const run = aFlowRun({ state });

      await runs.commit(aChange(run));
      const [stored] = await runs.listStates({ flowRunId: run.id });

      expect(stored?.state).toEqual(state.toWire());
      expect((await runs.readFlowRun(run.id))?.state.stateDetails).toEqual({ scheduledTime, pauseKey: "k" });
    });

    it("gives null for what is not there", async () => {
      await using fixture = await open();
      const { runs } = fixture.store;

      expect(await runs.readFlowRun(newId())).toBeNull();
      expect(await runs.readTaskRun(newId())).toBeNull();
      expect(await runs.findFlowRun("nobody")).toBeNull();
      expect(await runs.readDeclaredHooks(newId())).toEqual([]);
    });

    it("finds a flow run by id, by a unique part of it and by the newest of a name", async () => {
      await using fixture = await open();
      const { runs } = fixture.store;
      const ids = [
        "aaaa1111-0000-7000-8000-000000000001",
        "aaaa2222-0000-7000-8000-000000000002",
        "bbbb3333-0000-7000-8000-000000000003",
      ];
      for (const id of ids) await runs.commit(aChange(aFlowRun({ id, name: id.startsWith("a") ? "twin" : "feed" })));
      const found = async (text: string) => (await runs.findFlowRun(text))?.id ?? null;

      expect(await found(ids[0] ?? "")).toBe(ids[0]);
      expect(await found("AAAA2")).toBe(ids[1]);
      expect(await found("aaaa")).toBeNull();
      expect(await found("bbb")).toBeNull();
      expect(await found("aaaa..002")).toBe(ids[1]);
      expect(await found("aaaa..00")).toBeNull();
      expect(await found("twin")).toBe(ids[1]);
      expect(await found("feed")).toBe(ids[2]);
    });

    it("lists flow runs newest first, filtered and in pages", async () => {
      await using fixture = await open();
      const { runs } = fixture.store;
      const all = Array.from({ length: 6 }, (_, index) =>
        aFlowRun({
          name: `run-${index}`,
          flowName: index % 2 === 0 ? "even" : "odd",
          tags: index < 3 ? ["early"] : ["late", `n${index}`],
          createdMicros: later(index),
          state: aState({
            type: index === 4 ? "FAILED" : index === 5 ? "CRASHED" : "COMPLETED",
            name: index === 1 ? "Cached" : "Done",
          }),
        }),
      );
      for (const run of all) await runs.commit(aChange(run));
      const names = async (filter?: Parameters<typeof runs.listFlowRuns>[0]) =>
        (await runs.listFlowRuns(filter)).map((run) => run.name);

      expect(await names()).toEqual(["run-5", "run-4", "run-3", "run-2", "run-1", "run-0"]);
      expect(await names({ flowName: "odd" })).toEqual(["run-5", "run-3", "run-1"]);
      expect(await names({ stateTypes: ["FAILED"] })).toEqual(["run-4"]);
      expect(await names({ stateTypes: ["FAILED", "CRASHED"] })).toEqual(["run-5", "run-4"]);
      expect(await names({ stateNames: ["Cached"], stateTypes: ["COMPLETED"] })).toEqual(["run-1"]);
      expect(await names({ flowName: "even", stateTypes: ["FAILED"] })).toEqual(["run-4"]);
      expect(await names({ tag: "early" })).toEqual(["run-2", "run-1", "run-0"]);
      expect(await names({ tag: "ear" })).toEqual([]);
      expect(await names({ sinceMicros: later(4) })).toEqual(["run-5", "run-4"]);
      expect(await names({ limit: 2, offset: 1 })).toEqual(["run-4", "run-3"]);
    });

    it("lists the task runs of a flow run in the order in which they began", async () => {
      await using fixture = await open();
      const { runs } = fixture.store;
      const flowRun = aFlowRun();
      await runs.commit(aChange(flowRun));
      for (const name of ["first", "second"]) runs.record(aChange(aTaskRun({ name, flowRunId: flowRun.id })));
      runs.record(aChange(aTaskRun({ name: "elsewhere", flowRunId: newId() })));

      expect((await runs.listTaskRuns(flowRun.id)).map((run) => run.name)).toEqual(["first", "second"]);
    });

    it("lists the open runs of one lease only", async () => {
      await using fixture = await open();
      const { runs } = fixture.store;
      const [mine, theirs] = [newId(), newId()];
      const open_ = aFlowRun({ leaseId: mine, name: "open" });
      const ended = aFlowRun({ leaseId: mine, name: "ended" });
      const task = aTaskRun({ leaseId: mine, name: "task" });
      for (const run of [open_, ended, task, aFlowRun({ leaseId: theirs }), aFlowRun()])
        await runs.commit(aChange(run));
      await runs.commit(aChange(ended, aState({ type: "CANCELLED", timestampMicros: later(1) })));

      const listed = await runs.listOpenRuns(mine);

      expect(listed.map((run) => [run.kind, run.name])).toEqual([
        ["flow-run", "open"],
        ["task-run", "task"],
      ]);
    });
  });

  describe("state changes", () => {
    it("moves the run to its new state and keeps both states in order", async () => {
      await using fixture = await open();
      const { runs } = fixture.store;
      const run = aFlowRun({ state: aState({ type: "PENDING" }) });
      const failed = aState({ type: "FAILED", message: "oops", timestampMicros: later(7) });

      await runs.commit(aChange(run));
      await runs.commit(
        aChange({ ...run, runCount: 2, endMicros: later(7), totalRunTimeMicros: 7 }, failed, { follows: run.state.id }),
      );

      const read = await runs.readFlowRun(run.id);
      expect(read).toMatchObject({ runCount: 2, endMicros: later(7), totalRunTimeMicros: 7 });
      expect(read?.state.toWire()).toEqual(failed.toWire());
      const states = await runs.listStates({ flowRunId: run.id });
      expect(states.map(({ state, follows }) => [state.type, follows])).toEqual([
        ["PENDING", null],
        ["FAILED", run.state.id],
      ]);
    });

    it("refuses a state from a process whose run another one has ended, with the deliveries that came with it", async () => {
      await using fixture = await open();
      const { runs, outbox } = fixture.store;
      const run = aFlowRun({ state: aState({ type: "RUNNING" }) });
      const crashed = aState({ type: "CRASHED", timestampMicros: later(5) });
      const completed = aState({ type: "COMPLETED", timestampMicros: later(9) });
      await runs.commit(aChange(run));
      await runs.commit(aChange({ ...run, leaseId: null }, crashed, { follows: run.state.id }));

      const late = runs.commit(aChange(run, completed, { follows: run.state.id, requests: [aRequest()] }));

      await expect(late).rejects.toMatchObject({ code: "run_superseded" });
      expect((await runs.readFlowRun(run.id))?.state.type).toBe("CRASHED");
      expect(await runs.listStates({ flowRunId: run.id })).toHaveLength(2);
      expect(await outbox.list()).toEqual([]);
    });

    it("drops what was written behind for a task run that another process has ended, and nothing else", async () => {
      await using fixture = await open();
      const { runs } = fixture.store;
      const [lost, other] = [aTaskRun({ state: aState({ type: "RUNNING" }) }), aTaskRun()];
      await runs.commit(aChange(lost));
      const crashed = aState({ type: "CRASHED", timestampMicros: later(5) });
      await runs.commit(aChange(lost, crashed, { follows: lost.state.id }));

      runs.record(aChange(lost, aState({ timestampMicros: later(9) }), { follows: lost.state.id }));
      runs.record(aChange(other));

      await expect(runs.flush()).resolves.toBeUndefined();
      expect((await runs.readTaskRun(lost.id))?.state.type).toBe("CRASHED");
      expect(await runs.readTaskRun(other.id)).not.toBeNull();
    });

    it("stores what a process leaves at its exit without the runs that another one has moved or ended", async () => {
      await using fixture = await open();
      const { runs } = fixture.store;
      const running = aState({ type: "RUNNING" });
      const [ended, moved, own] = [aFlowRun({ state: running }), aFlowRun(), aFlowRun()];
      for (const run of [ended, moved, own]) await runs.commit(aChange(run));
      for (const [run, type] of [
        [ended, "FAILED"],
        [moved, "CANCELLING"],
      ] as const)
        await runs.commit(aChange(run, aState({ type, timestampMicros: later(5) }), { follows: run.state.id }));

      runs.commitSync(
        [ended, moved, own].map((run) =>
          aChange(run, aState({ type: "CRASHED", timestampMicros: later(9) }), { follows: run.state.id }),
        ),
      );

      const types = await Promise.all(
        [ended, moved, own].map(async ({ id }) => (await runs.readFlowRun(id))?.state.type),
      );
      expect(types).toEqual(["FAILED", "CANCELLING", "CRASHED"]);
    });

    it("stores the state of the task run that stands for a nested flow run only together with that run's own", async () => {
      await using fixture = await open();
      const { runs } = fixture.store;
      const tracking = aTaskRun({ state: aState({ type: "RUNNING" }) });
      const nested = aFlowRun({ state: aState({ type: "RUNNING" }), parentTaskRunId: tracking.id });
      await runs.commit(aChange(tracking));
      await runs.commit(aChange(nested));
      const end = (type: "CANCELLED" | "COMPLETED", at: number, follows: string) =>
        runs.commit({
          ...aChange(nested, aState({ type, timestampMicros: later(at) }), { follows }),
          mirrored: aChange(tracking, aState({ type, timestampMicros: later(at) }), { follows: tracking.state.id }),
        });
      const cancelling = aState({ type: "CANCELLING", timestampMicros: later(1) });
      await runs.commit(aChange(nested, cancelling, { follows: nested.state.id }));

      await expect(end("COMPLETED", 2, nested.state.id)).rejects.toMatchObject({ code: "run_moved" });
      const refused = (await runs.readTaskRun(tracking.id))?.state.type;
      await end("CANCELLED", 3, cancelling.id);

      expect([refused, (await runs.readTaskRun(tracking.id))?.state.type]).toEqual(["RUNNING", "CANCELLED"]);
    });

    it("leaves a final state for one that follows it, as when a completed task is rolled back", async () => {
      await using fixture = await open();
      const { runs } = fixture.store;
      const run = aFlowRun({ state: aState({ type: "COMPLETED" }) });
      await runs.commit(aChange(run));

      const rolledBack = aState({ type: "COMPLETED", name: "RolledBack", timestampMicros: later(3) });
      await runs.commit(aChange(run, rolledBack, { follows: run.state.id }));

      expect((await runs.readFlowRun(run.id))?.state.name).toBe("RolledBack");
    });

    it("ignores a state id that is stored already, with the run and the deliveries that came with it", async () => {
      await using fixture = await open();
      const { runs, outbox } = fixture.store;
      const run = aFlowRun();
      const next = aState({ type: "COMPLETED", timestampMicros: later(1) });
      await runs.commit(aChange(run));
      await runs.commit(aChange(run, next));

      await runs.commit(aChange({ ...run, name: "renamed" }, next, { follows: run.state.id, requests: [aRequest()] }));
      await runs.commit(aChange({ ...run, name: "renamed" }, run.state, { follows: null, requests: [aRequest()] }));

      expect((await runs.readFlowRun(run.id))?.name).toBe(run.name);
      expect(await runs.listStates({ flowRunId: run.id })).toHaveLength(2);
      expect(await outbox.list()).toEqual([]);
    });

    it("makes no run for a state that belongs to another one", async () => {
      await using fixture = await open();
      const { runs } = fixture.store;
      const run = aFlowRun();
      await runs.commit(aChange(run));
      const other = aFlowRun({ state: run.state });

      await runs.commit(aChange(other));

      expect(await runs.readFlowRun(other.id)).toBeNull();
    });

    it("records a late state of a task run in the feed and leaves the newer state of the run", async () => {
      await using fixture = await open();
      const { runs } = fixture.store;
      const run = aTaskRun({ state: aState({ type: "PENDING" }) });
      const later20 = aState({ type: "RUNNING", timestampMicros: later(20) });
      const late = aState({ type: "SCHEDULED", timestampMicros: later(10) });
      await runs.commit(aChange(run));
      await runs.commit(aChange({ ...run, runCount: 1 }, later20, { follows: run.state.id }));

      await runs.commit(aChange({ ...run, runCount: 9 }, late, { follows: run.state.id }));

      const read = await runs.readTaskRun(run.id);
      expect([read?.state.type, read?.runCount]).toEqual(["RUNNING", 1]);
      const states = await runs.listStates({ taskRunId: run.id });
      expect(states.map(({ state }) => state.type)).toEqual(["PENDING", "RUNNING", "SCHEDULED"]);
    });

    it("refuses a flow run's state that follows another one than the current, and says which that is", async () => {
      await using fixture = await open();
      const { runs, outbox } = fixture.store;
      const run = aFlowRun({ state: aState({ type: "RUNNING" }) });
      const cancelling = aState({ type: "CANCELLING", timestampMicros: later(5) });
      const completed = aState({ type: "COMPLETED", timestampMicros: later(9) });
      await runs.commit(aChange(run));
      await runs.commit(aChange(run, cancelling));

      const refused = runs.commit(aChange(run, completed, { requests: [aRequest()] }));

      await expect(refused).rejects.toMatchObject({
        code: "run_moved",
        details: { run: run.name, state: "Completed", current: cancelling.toWire() },
      });
      expect((await runs.readFlowRun(run.id))?.state.type).toBe("CANCELLING");
      expect(await outbox.list()).toEqual([]);
    });

    it("moves a flow run to a state that follows, also when its clock is behind", async () => {
      await using fixture = await open();
      const { runs } = fixture.store;
      const run = aFlowRun({ state: aState({ type: "RUNNING", timestampMicros: later(9) }) });
      const failed = aState({ type: "FAILED", timestampMicros: later(3) });
      await runs.commit(aChange(run));

      await runs.commit(aChange(run, failed));

      expect((await runs.readFlowRun(run.id))?.state.type).toBe("FAILED");
    });

    it("stores a run whose first state never arrived", async () => {
      await using fixture = await open();
      const { runs } = fixture.store;
      const run = aTaskRun();

      await runs.commit(aChange(run, run.state, { follows: newId() }));

      expect((await runs.readTaskRun(run.id))?.state.id).toBe(run.state.id);
    });

    it("numbers states of all runs in the order of their commits", async () => {
      await using fixture = await open();
      const [one, two] = [fixture.store, await fixture.beside()];
      const order: string[] = [];
      for (let turn = 0; turn < 6; turn += 1) {
        const run = aFlowRun();
        order.push(run.id);
        await (turn % 2 === 0 ? one : two).runs.commit(aChange(run));
      }

      const seqs = await Promise.all(
        order.map(async (id) => (await one.runs.listStates({ flowRunId: id }))[0]?.seq ?? 0),
      );

      expect(seqs).toEqual(seqs.toSorted((a, b) => a - b));
      expect(new Set(seqs).size).toBe(6);
    });

    it("says of a task run's state which flow run it belongs to", async () => {
      await using fixture = await open();
      const { runs } = fixture.store;
      const run = aTaskRun({ flowRunId: newId() });
      runs.record(aChange(run));

      const [stored] = await runs.listStates({ taskRunId: run.id });

      expect(stored).toMatchObject({ flowRunId: run.flowRunId, taskRunId: run.id, follows: null });
      expect(await runs.listStates({ flowRunId: run.flowRunId ?? "" })).toEqual([]);
    });

    it("keeps the declared hooks of the first state", async () => {
      await using fixture = await open();
      const { runs } = fixture.store;
      const hooks = [
        { index: 0, on: ["FAILED" as const], ref: "slack-webhook/ops", options: { template: "run-failed" } },
      ];
      const run = aFlowRun();
      await runs.commit(aChange(run, run.state, { hooks }));
      await runs.commit(aChange(run, aState({ type: "FAILED", timestampMicros: later(1) })));

      expect(await runs.readDeclaredHooks(run.id)).toEqual(hooks);
    });

    it("refuses values that it could not give back", async () => {
      await using fixture = await open();
      const { runs } = fixture.store;
      // Values as untyped callers pass them.
      const cyclic: Record<string, never> = {};
      Object.assign(cyclic, { self: cyclic });

      const failure = await runs.commit(aChange(aFlowRun({ parameters: cyclic }))).catch(errorCode);

      expect(failure).toBe("store_value_invalid");
      expect(() => runs.record(aChange(aFlowRun({ parameters: cyclic })))).toThrow(/JSON/);
      expect(await runs.listFlowRuns()).toEqual([]);
    });
  });

  describe("writing behind", () => {
    it("shows recorded changes to every read of this process", async () => {
      await using fixture = await open();
      const { runs } = fixture.store;
      const run = aTaskRun();

      runs.record(aChange(run));

      expect((await runs.readTaskRun(run.id))?.id).toBe(run.id);
    });

    it("stores recorded changes with the next commit, before it", async () => {
      await using fixture = await open();
      const other = await fixture.beside();
      const { runs } = fixture.store;
      const [task, flowRun] = [aTaskRun(), aFlowRun()];

      runs.record(aChange(task));
      await runs.commit(aChange(flowRun));

      const [taskState] = await other.runs.listStates({ taskRunId: task.id });
      const [flowState] = await other.runs.listStates({ flowRunId: flowRun.id });
      expect(taskState?.seq).toBeLessThan(flowState?.seq ?? 0);
    });

    it("stores recorded changes after 50 ms although nobody asks, without holding the process open", async () => {
      await using fixture = await open();
      const other = await fixture.beside();
      const { clock, store } = fixture;
      const run = aTaskRun();

      store.runs.record(aChange(run));
      await clock.advance(49);
      const before = await other.runs.readTaskRun(run.id);
      const pending = clock.pending;
      await clock.advance(1);

      expect(before).toBeNull();
      expect(pending).toEqual({ all: 1, keepAlive: 0 });
      expect(await other.runs.readTaskRun(run.id)).not.toBeNull();
    });

    it("copies what it needs before it returns", async () => {
      await using fixture = await open();
      const { runs } = fixture.store;
      const run = aTaskRun({ name: "as-recorded" });
      const change = aChange(run);

      runs.record(change);
      change.run.name = "changed-later";

      expect((await runs.readTaskRun(run.id))?.name).toBe("as-recorded");
    });

    it("flushes everything that was recorded", async () => {
      await using fixture = await open();
      const other = await fixture.beside();
      const { runs } = fixture.store;
      const run = aTaskRun();

      runs.record(aChange(run));
      await runs.flush();

      expect(await other.runs.readTaskRun(run.id)).not.toBeNull();
    });

    it("stores the queue and the last changes before an exit returns", async () => {
      await using fixture = await open();
      const other = await fixture.beside();
      const { runs } = fixture.store;
      const [task, flowRun] = [aTaskRun(), aFlowRun()];

      runs.record(aChange(task));
      runs.commitSync([aChange(flowRun), aChange(flowRun, aState({ type: "CRASHED", timestampMicros: later(1) }))]);
      const read = [other.runs.readTaskRun(task.id), other.runs.readFlowRun(flowRun.id)] as const;

      expect((await read[0])?.id).toBe(task.id);
      expect((await read[1])?.state.type).toBe("CRASHED");
    });

    it("keeps what hooks did, in order", async () => {
      await using fixture = await open();
      const { runs } = fixture.store;
      const flowRunId = newId();
      const completed = anOutcome({ flowRunId });
      const failed = anOutcome({
        flowRunId,
        taskRunId: newId(),
        status: "failed",
        error: { name: "TypeError", message: "meh", stack: null },
      });

      runs.recordHook(completed);
      runs.recordHook(failed);
      runs.recordHook(anOutcome());

      expect(await runs.listHookOutcomes(flowRunId)).toEqual([completed, failed]);
    });
  });

  describe("deliveries of a state", () => {
    it("stores them with the state, once each", async () => {
      await using fixture = await open();
      const { runs, outbox } = fixture.store;
      const run = aFlowRun();
      const request = aRequest({ flowRunId: run.id, stateId: run.state.id });

      await runs.commit(
        aChange(run, run.state, { requests: [request, { ...aRequest(), dedupKey: request.dedupKey }] }),
      );

      expect(await outbox.list()).toMatchObject([
        {
          ...request,
          status: "queued",
          origin: "hook",
          attempts: 0,
          nextAttemptAtMs: request.createdAtMs,
          uncertain: false,
        },
      ]);
    });

    it("tells which destinations got one, after the commit and only then", async () => {
      await using fixture = await open();
      const other = await fixture.beside();
      const { runs, outbox } = fixture.store;
      const told: (readonly string[])[] = [];
      const seen: Promise<unknown>[] = [];
      const listening = outbox.onEnqueued((destinations) => {
        told.push(destinations);
        seen.push(other.outbox.list());
      });
      const run = aFlowRun();
      const [first, second] = [aRequest({ destination: "a/1" }), aRequest({ destination: "b/2" })];

      await runs.commit(aChange(aFlowRun()));
      await runs.commit(aChange(run, run.state, { requests: [first, second, aRequest({ destination: "a/1" })] }));
      const repeated = { ...aRequest(), dedupKey: first.dedupKey };
      await runs.commit(aChange(run, aState({ type: "FAILED", timestampMicros: later(1) }), { requests: [repeated] }));
      listening[Symbol.dispose]();
      await runs.commit(aChange(aFlowRun(), undefined, { requests: [aRequest()] }));

      expect(told).toEqual([["a/1", "b/2"]]);
      expect(await seen[0]).toHaveLength(3);
    });

    it("commits although a listener throws", async () => {
      await using fixture = await open();
      const { runs, outbox } = fixture.store;
      using _ = outbox.onEnqueued(() => {
        throw new Error("broken listener");
      });
      const run = aFlowRun();

      await runs.commit(aChange(run, run.state, { requests: [aRequest()] }));

      expect(await runs.readFlowRun(run.id)).not.toBeNull();
    });
  });

  describe("deciding about a flow run", () => {
    it("gives the run and its declared hooks, and stores the change with its deliveries and inputs", async () => {
      await using fixture = await open();
      const { runs, outbox } = fixture.store;
      const run = aFlowRun();
      const hooks = [{ index: 0, on: ["CANCELLING" as const], ref: "slack-webhook/ops", options: {} }];
      await runs.commit(aChange(run, run.state, { hooks }));
      const cancelling = aState({ type: "CANCELLING", timestampMicros: later(1) });

      const answer = await runs.decide(run.id, (current, declared) => ({
        change: aChange(run, cancelling, { requests: [aRequest()], inputs: [{ key: "k", value: { n: 1 } }] }),
        answer: [current?.state.id, declared],
      }));

      expect(answer).toEqual([run.state.id, hooks]);
      expect((await runs.readFlowRun(run.id))?.state.id).toBe(cancelling.id);
      expect(await outbox.list()).toHaveLength(1);
      expect(await runs.getInput(run.id, "k")).toEqual({ n: 1 });
    });

    it("gives null for a run that is not there, and stores nothing without a change", async () => {
      await using fixture = await open();
      const { runs } = fixture.store;

      expect(await runs.decide(newId(), (run) => ({ change: null, answer: run }))).toBeNull();
      expect(await runs.listFlowRuns()).toEqual([]);
    });

    it("rejects with what the decision throws, and stores nothing of it while others in the same batch are stored", async () => {
      await using fixture = await open();
      const { runs } = fixture.store;
      const [broken, fine] = [aFlowRun(), aFlowRun()];
      await runs.commit(aChange(broken));
      const bug = new TypeError("a bug in a rule");

      const decided = runs.decide(broken.id, () => {
        throw bug;
      });
      const stored = runs.commit(aChange(fine));

      await expect(decided).rejects.toBe(bug);
      await stored;
      expect(await runs.listStates({ flowRunId: broken.id })).toHaveLength(1);
      expect(await runs.readFlowRun(fine.id)).not.toBeNull();
    });

    it("lets one of several processes that decide at once win, and the others see what it did", async () => {
      await using fixture = await open();
      const stores = [fixture.store, await fixture.beside(), await fixture.beside()];
      const run = aFlowRun();
      await fixture.store.runs.commit(aChange(run));

      const answers = await Promise.all(
        stores.map((store, index) =>
          store.runs.decide(run.id, (current) => {
            if (current === null || current.state.isPaused()) return { change: null, answer: "too late" };
            const paused = aState({ type: "PAUSED", timestampMicros: later(index + 1) });
            return { change: aChange(current, paused), answer: "paused" };
          }),
        ),
      );

      expect(answers.toSorted()).toEqual(["paused", "too late", "too late"]);
      expect(await fixture.store.runs.listStates({ flowRunId: run.id })).toHaveLength(2);
    });
  });

  describe("inputs of a flow run", () => {
    it("are given once", async () => {
      await using fixture = await open();
      const { runs } = fixture.store;
      const id = newId();

      await runs.setInput(id, "paused-1-response", { ok: true });

      await expect(runs.setInput(id, "paused-1-response", {})).rejects.toMatchObject({ code: "run_input_exists" });
      expect(await runs.getInput(id, "paused-1-response")).toEqual({ ok: true });
      expect(await runs.getInput(id, "paused-2-response")).toBeUndefined();
      expect(await runs.getInput(newId(), "paused-1-response")).toBeUndefined();
    });

    it("that come with a state replace older ones, and are not stored when the state is refused", async () => {
      await using fixture = await open();
      const { runs } = fixture.store;
      const run = aFlowRun();
      const paused = aState({ type: "PAUSED", timestampMicros: later(1) });
      await runs.commit(aChange(run));
      await runs.setInput(run.id, "k", "old");
      await runs.commit(aChange(run, paused, { inputs: [{ key: "k", value: "new" }] }));

      const refused = aChange(run, aState({ timestampMicros: later(2) }), { inputs: [{ key: "k", value: "lost" }] });

      await expect(runs.commit(refused)).rejects.toMatchObject({ code: "run_moved" });
      expect(await runs.getInput(run.id, "k")).toBe("new");
    });
  });

  describe("what services look for", () => {
    const scheduledRun = (name: string, dueMicros: number) =>
      aFlowRun({ name, state: aState({ type: "SCHEDULED", name }), nextScheduledStartMicros: dueMicros });

    it("is what was to start and is named exactly Scheduled, the longest due first", async () => {
      await using fixture = await open();
      const { runs } = fixture.store;
      const [second, first] = [scheduledRun("Scheduled", later(5)), scheduledRun("Scheduled", later(3))];
      for (const run of [
        second,
        first,
        scheduledRun("Scheduled", later(6)),
        scheduledRun("AwaitingRetry", later(1)),
        scheduledRun("Resuming", later(1)),
        scheduledRun("AwaitingConcurrencySlot", later(1)),
        scheduledRun("Late", later(1)),
      ])
        await runs.commit(aChange(run));

      expect((await runs.listOverdue(later(5), 10)).map((run) => run.id)).toEqual([first.id, second.id]);
      expect((await runs.listOverdue(later(5), 1)).map((run) => run.id)).toEqual([first.id]);
    });

    it("is pauses that have expired", async () => {
      await using fixture = await open();
      const { runs } = fixture.store;
      const pausedUntil = (pauseTimeout: Date | null) =>
        aFlowRun({ state: aState({ type: "PAUSED", stateDetails: { pauseTimeout } }) });
      const expired = pausedUntil(new Date(later(1_000) / 1_000));
      for (const run of [expired, pausedUntil(new Date(later(5_000) / 1_000)), pausedUntil(null)])
        await runs.commit(aChange(run));

      expect((await runs.listExpiredPauses(later(3_000), 10)).map((run) => run.id)).toEqual([expired.id]);
    });

    it("is runs that have been cancelling for long", async () => {
      await using fixture = await open();
      const { runs } = fixture.store;
      const cancelling = (at: number) =>
        aFlowRun({ state: aState({ type: "CANCELLING", timestampMicros: later(at) }) });
      const long = cancelling(1);
      for (const run of [long, cancelling(9)]) await runs.commit(aChange(run));

      expect((await runs.listCancelling(later(5), 10)).map((run) => run.id)).toEqual([long.id]);
    });

    it("is what is open inside a cancelled run, and nothing else", async () => {
      await using fixture = await open();
      const { runs } = fixture.store;
      const leaseId = newId();
      const [cancelled, running] = [aFlowRun({ state: aState({ type: "CANCELLED" }) }), aFlowRun({ leaseId })];
      const child = aFlowRun({ leaseId, parentFlowRunId: cancelled.id });
      const task = aTaskRun({ leaseId, flowRunId: cancelled.id });
      for (const run of [
        cancelled,
        running,
        child,
        task,
        aTaskRun({ leaseId, flowRunId: cancelled.id, state: aState({ type: "COMPLETED" }) }),
        aTaskRun({ leaseId, flowRunId: running.id }),
        aFlowRun({ leaseId, parentFlowRunId: running.id }),
      ])
        await runs.commit(aChange(run));

      expect((await runs.listOpenInCancelled(10)).map((run) => run.id)).toEqual([task.id, child.id]);
    });

    it("is the processes that hold an open run, of a flow or of a task", async () => {
      await using fixture = await open();
      const { runs } = fixture.store;
      const [flowHolder, taskHolder] = [newId(), newId()];
      for (const run of [
        aFlowRun({ leaseId: flowHolder }),
        aFlowRun({ leaseId: flowHolder }),
        aTaskRun({ leaseId: taskHolder }),
        aTaskRun({ leaseId: newId(), state: aState({ type: "COMPLETED" }) }),
        aFlowRun(),
      ])
        runs.record(aChange(run));

      expect(new Set(await runs.listHolders())).toEqual(new Set([flowHolder, taskHolder]));
    });

    it("is the states of given runs", async () => {
      await using fixture = await open();
      const { runs } = fixture.store;
      const [one, two] = [aFlowRun(), aFlowRun()];
      for (const run of [one, two]) await runs.commit(aChange(run));

      expect(await runs.listCurrentStates([one.id, newId()])).toEqual([
        { flowRunId: one.id, stateId: one.state.id, stateType: "RUNNING", stateTimestampMicros: START_MICROS },
      ]);
    });
  });

  describe("the version of the store", () => {
    it("changes when another process commits, and not by what this one does", async () => {
      await using fixture = await open();
      const other = await fixture.beside();
      const { runs } = fixture.store;
      const before = runs.version();

      await runs.commit(aChange(aFlowRun()));
      const afterOwn = runs.version();
      await other.runs.commit(aChange(aFlowRun()));

      expect(afterOwn).toBe(before);
      expect(runs.version()).not.toBe(before);
    });
  });
}
