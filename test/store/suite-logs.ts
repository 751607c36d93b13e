import { describe, expect, it } from "vitest";
import { newId } from "../../src/base/ids.ts";
import type { RunLogRecord } from "../../src/runs/run-log.ts";
import type { HookOutcome } from "../../src/runs/run-store.ts";
import type { StoreFixture, StoreOpener } from "../support/store-fixture.ts";
import { aChange, aFlowRun, aState, aTaskRun, START_MICROS } from "../support/store-records.ts";

const later = (micros: number): number => START_MICROS + micros;

const aLine = (values: Partial<RunLogRecord> = {}): RunLogRecord => ({
  flowRunId: newId(),
  taskRunId: null,
  timestampMicros: START_MICROS,
  level: 20,
  logger: "prefect.flow_runs",
  message: "half way",
  ...values,
});

const anOutcome = (values: Partial<HookOutcome> = {}): HookOutcome => ({
  flowRunId: null,
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

/** A flow run that was retried and failed, with two task runs in it, one of them completed. */
async function storeRuns({ store: { runs } }: StoreFixture) {
  const flowRun = aFlowRun({
    state: aState({ type: "PENDING" }),
    runCount: 2,
    empiricalPolicy: { retries: 1, retry_delay: 0 },
  });
  const states = [
    aState({ type: "RUNNING", timestampMicros: later(10) }),
    aState({ type: "SCHEDULED", name: "AwaitingRetry", timestampMicros: later(40) }),
    aState({ type: "RUNNING", name: "Retrying", timestampMicros: later(50) }),
    aState({ type: "FAILED", message: "oops", timestampMicros: later(90) }),
  ];
  const [good, bad] = ["load", "send"].map((taskName) =>
    aTaskRun({
      flowRunId: flowRun.id,
      taskName,
      name: `${taskName}-0`,
      state: aState({ timestampMicros: later(20) }),
      empiricalPolicy: {},
    }),
  );
  if (good === undefined || bad === undefined) throw new Error("two task runs were made");
  await runs.commit(aChange(flowRun));
  for (const task of [good, bad]) runs.record(aChange(task));
  runs.record(aChange(good, aState({ type: "COMPLETED", timestampMicros: later(30) })));
  runs.record(aChange(bad, aState({ type: "CANCELLED", timestampMicros: later(31) })));
  for (const [at, state] of states.entries())
    await runs.commit(aChange({ ...flowRun, state: states[at - 1] ?? flowRun.state }, state));
  return { flowRun, good, bad, failed: states[3] };
}

/** What every log store must do. */
export function logStoreSuite(open: StoreOpener): void {
  describe("log lines", () => {
    it("read back as they were recorded, with the names of their runs", async () => {
      await using fixture = await open();
      const { flowRun, good } = await storeRuns(fixture);
      const { logs } = fixture.store;
      const line = aLine({
        flowRunId: flowRun.id,
        taskRunId: good.id,
        level: 35,
        logger: "prefect.task_runs",
        message: 'it\'s "odd"; \u0000 \n %_ 💥',
      });

      logs.recordLog(line);

      expect(await logs.listLogs()).toEqual([
        {
          ...line,
          key: expect.any(Number),
          flowRunName: flowRun.name,
          flowName: "load",
          taskRunName: "load-0",
          taskName: "load",
        },
      ]);
    });

    it("are kept without their run, as lines of a run that is stored elsewhere", async () => {
      await using fixture = await open();
      const line = aLine();

      fixture.store.logs.recordLog(line);

      expect(await fixture.store.logs.listLogs({ flowRunId: String(line.flowRunId) })).toMatchObject([
        { ...line, flowRunName: null, flowName: null, taskRunName: null, taskName: null },
      ]);
    });

    it("are filtered by run, task, level and time", async () => {
      await using fixture = await open();
      const { flowRun, good, bad } = await storeRuns(fixture);
      const { logs } = fixture.store;
      const flowRunId = flowRun.id;
      logs.recordLog(aLine({ message: "elsewhere" }));
      logs.recordLog(aLine({ flowRunId, message: "flow", level: 10, timestampMicros: later(1) }));
      logs.recordLog(aLine({ flowRunId, taskRunId: good.id, message: "good", timestampMicros: later(2) }));
      logs.recordLog(aLine({ flowRunId, taskRunId: bad.id, message: "bad", level: 40, timestampMicros: later(3) }));
      const messages = async (filter: Parameters<typeof logs.listLogs>[0]) =>
        (await logs.listLogs(filter)).map(({ message }) => message);

      expect(await messages({})).toEqual(["elsewhere", "flow", "good", "bad"]);
      expect(await messages({ flowRunId })).toEqual(["flow", "good", "bad"]);
      expect(await messages({ taskRunId: bad.id })).toEqual(["bad"]);
      expect(await messages({ flowRunId, taskRunId: good.id })).toEqual(["good"]);
      expect(await messages({ flowRunId: newId(), taskRunId: good.id })).toEqual([]);
      expect(await messages({ flowRunId, task: "load" })).toEqual(["good"]);
      expect(await messages({ flowRunId, task: "send-0" })).toEqual(["bad"]);
      expect(await messages({ flowRunId, minLevel: 20 })).toEqual(["good", "bad"]);
      expect(await messages({ flowRunId, sinceMicros: later(2) })).toEqual(["good", "bad"]);
      expect(await messages({ flowRunId, sinceMicros: later(2), untilMicros: later(3) })).toEqual(["good"]);
    });

    it("come in pages by key, from either end", async () => {
      await using fixture = await open();
      const { logs } = fixture.store;
      const flowRunId = newId();
      for (const message of ["1", "2", "3", "4", "5"]) logs.recordLog(aLine({ flowRunId, message }));
      const messages = (lines: readonly RunLogRecord[]) => lines.map(({ message }) => message).join("");

      const first = await logs.listLogs({ flowRunId, limit: 2 });
      const second = await logs.listLogs({ flowRunId, limit: 2, after: first.at(-1)?.key ?? 0 });
      const last = await logs.listLogs({ flowRunId, limit: 2, newestFirst: true });
      const before = await logs.listLogs({ flowRunId, limit: 2, newestFirst: true, before: last.at(-1)?.key ?? 0 });

      expect([first, second, last, before].map(messages)).toEqual(["12", "34", "54", "32"]);
    });

    it("are written in one order with the states that are recorded around them", async () => {
      await using fixture = await open();
      const { runs, logs } = fixture.store;
      const run = aFlowRun();

      runs.record(aChange(run));
      logs.recordLog(aLine({ flowRunId: run.id }));
      await runs.commit(aChange(run, aState({ type: "COMPLETED", timestampMicros: later(9) })));

      // Another process sees what is committed, and nothing that is still queued.
      const beside = await fixture.beside();
      expect(await beside.logs.listLogs({ flowRunId: run.id })).toHaveLength(1);
    });

    it("are readable as soon as they are recorded", async () => {
      await using fixture = await open();
      const line = aLine();

      fixture.store.logs.recordLog(line);

      expect(await fixture.store.logs.listLogs()).toHaveLength(1);
    });
  });

  describe("the life of a run", () => {
    it("is its states and those of its task runs, in the order in which they were stored", async () => {
      await using fixture = await open();
      const { flowRun, good } = await storeRuns(fixture);
      const { logs } = fixture.store;

      const states = await logs.listLifeStates({ flowRunId: flowRun.id });
      const ofTask = await logs.listLifeStates({ taskRunId: good.id });

      const shown = states.map(({ runName, state, level, begun }) => [runName, state.name, level, begun].join(" "));
      expect(shown).toEqual([
        "brave-otter Pending 10 0",
        "load-0 Running 20 1",
        "send-0 Running 20 1",
        "load-0 Completed 20 0",
        "send-0 Cancelled 40 0",
        "brave-otter Running 20 1",
        "brave-otter AwaitingRetry 30 0",
        "brave-otter Retrying 20 2",
        "brave-otter Failed 40 0",
      ]);
      expect(states.at(-1)).toMatchObject({
        flowRunId: flowRun.id,
        taskRunId: null,
        objectName: "load",
        retries: 1,
        runCount: 2,
        timestampMicros: later(90),
        state: { message: "oops" },
      });
      expect(ofTask.map(({ state }) => state.name)).toEqual(["Running", "Completed"]);
      expect(ofTask[0]).toMatchObject({ flowRunId: flowRun.id, taskRunId: good.id, objectName: "load", retries: 0 });
    });

    it("is filtered by task and level, and comes in pages", async () => {
      await using fixture = await open();
      const { flowRun } = await storeRuns(fixture);
      const { logs } = fixture.store;
      const of = { flowRunId: flowRun.id };
      const names = async (filter: Parameters<typeof logs.listLifeStates>[1]) =>
        (await logs.listLifeStates(of, filter)).map(({ state }) => state.name);
      const [newest] = await logs.listLifeStates(of, { newestFirst: true, limit: 1 });

      expect(await names({ task: "load" })).toEqual(["Running", "Completed"]);
      expect(await names({ task: "send-0" })).toEqual(["Running", "Cancelled"]);
      expect(await names({ minLevel: 40 })).toEqual(["Cancelled", "Failed"]);
      expect(await names({ minLevel: 30 })).toEqual(["Cancelled", "AwaitingRetry", "Failed"]);
      expect(await names({ newestFirst: true, limit: 2 })).toEqual(["Failed", "Retrying"]);
      expect(await names({ newestFirst: true, limit: 1, before: newest?.key ?? 0 })).toEqual(["Retrying"]);
      expect(await names({ after: newest?.key ?? 0 })).toEqual([]);
    });

    it("has what hooks did, with the state that each was called for", async () => {
      await using fixture = await open();
      const { flowRun, good, failed } = await storeRuns(fixture);
      const { runs, logs } = fixture.store;
      const error = { name: "TypeError", message: "no", stack: null };
      const ofFlow = anOutcome({ flowRunId: flowRun.id, stateId: String(failed?.id), status: "failed", error });
      const ofTask = anOutcome({ flowRunId: flowRun.id, taskRunId: good.id, hook: "note" });
      for (const outcome of [ofTask, ofFlow]) runs.recordHook(outcome);

      const hooks = await logs.listLifeHooks({ flowRunId: flowRun.id });

      expect(hooks).toMatchObject([
        { runName: "load-0", stateName: null, outcome: ofTask },
        { runName: flowRun.name, stateName: "Failed", outcome: ofFlow },
      ]);
      const names = (found: typeof hooks) => found.map(({ outcome }) => outcome.hook);
      const of = { flowRunId: flowRun.id };
      expect(names(await logs.listLifeHooks({ taskRunId: good.id }))).toEqual(["note"]);
      expect(names(await logs.listLifeHooks(of, { minLevel: 30 }))).toEqual(["tellOps"]);
      expect(names(await logs.listLifeHooks(of, { task: "load" }))).toEqual(["note"]);
      expect(names(await logs.listLifeHooks(of, { newestFirst: true, limit: 1 }))).toEqual(["tellOps"]);
      expect(names(await logs.listLifeHooks(of, { after: hooks[0]?.key ?? 0 }))).toEqual(["tellOps"]);
      expect(names(await logs.listLifeHooks({ taskRunId: good.id }, { newestFirst: true }))).toEqual(["note"]);
    });
  });
}
