import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { errorCode } from "../../src/base/errors.ts";
import { newId } from "../../src/base/ids.ts";
import type { TaskRunRecord } from "../../src/runs/flow-run.ts";
import type { RunChange, RunStore } from "../../src/runs/run-store.ts";
import type { StateType } from "../../src/states/state-type.ts";
import { sqliteFixture } from "../support/store-fixture.ts";
import { aState, aTaskRun, START_MICROS } from "../support/store-records.ts";

const SEQUENCE: readonly StateType[] = ["PENDING", "RUNNING", "SCHEDULED", "RUNNING", "COMPLETED"];

/** A run whose one record goes through its states, as the engine's does. */
class LiveRun {
  readonly record: TaskRunRecord;
  readonly states: string[] = [];
  constructor() {
    this.record = aTaskRun({ flowRunId: newId(), state: aState({ type: "PENDING" }), runCount: 0 });
  }

  get isOver(): boolean {
    return this.states.length === SEQUENCE.length;
  }

  /** Moves the record on and gives the change. */
  next(): RunChange {
    const at = this.states.length;
    const type = SEQUENCE[at] ?? "COMPLETED";
    const state = at === 0 ? this.record.state : aState({ type, timestampMicros: START_MICROS + at });
    const follows = this.states.at(-1) ?? null;
    if (type === "RUNNING") this.record.runCount += 1;
    this.record.state = state;
    this.record.name = `extract-${at}`;
    this.states.push(state.id);
    return { run: this.record, state, follows, requests: [] };
  }
}

/** Ends with run_superseded, and so takes its whole transaction back once. */
async function refusedChange(runs: RunStore): Promise<() => Promise<string | undefined>> {
  const ended = aTaskRun({ state: aState({ type: "COMPLETED" }) });
  await runs.commit({ run: ended, state: ended.state, follows: null, requests: [] });
  return () => {
    const state = aState({ type: "RUNNING", timestampMicros: START_MICROS + 9 });
    return runs
      .commit({ run: { ...ended, state }, state, follows: newId(), requests: [] })
      .then(() => "stored", errorCode);
  };
}

describe("states of one task run in one transaction", () => {
  it("are all stored, in the order of the calls across runs, and leave the run in the last one", async () => {
    await using fixture = await sqliteFixture({ durability: "normal" });
    const { runs } = fixture.store;
    const [a, b] = [new LiveRun(), new LiveRun()];

    for (let index = 0; index < SEQUENCE.length; index += 1) for (const run of [a, b]) runs.record(run.next());
    await runs.flush();

    for (const run of [a, b]) {
      const read = await runs.readTaskRun(run.record.id);
      expect([read?.state.type, read?.runCount, read?.name]).toEqual(["COMPLETED", 2, "extract-4"]);
    }
    const [ofA, ofB] = [
      await runs.listStates({ taskRunId: a.record.id }),
      await runs.listStates({ taskRunId: b.record.id }),
    ];
    expect(ofA.map(({ state }) => state.id)).toEqual(a.states);
    const merged = [...ofA, ...ofB].toSorted((x, y) => x.seq - y.seq).map(({ taskRunId }) => taskRunId);
    expect(merged).toEqual(SEQUENCE.flatMap(() => [a.record.id, b.record.id]));
  });

  it("do not show the run in a state whose transaction is still to come", async () => {
    await using fixture = await sqliteFixture({ durability: "normal" });
    const { runs } = fixture.store;
    const run = new LiveRun();
    runs.record(run.next());
    await runs.flush();
    runs.record(run.next());
    await runs.flush();

    const read = await (await fixture.beside()).runs.readTaskRun(run.record.id);
    runs.record(run.next());

    expect(read?.state.type).toBe("RUNNING");
  });

  it("are stored as if each had been written alone, whatever is refused beside them and whoever waits", async () => {
    const step = fc.oneof(
      { weight: 8, arbitrary: fc.record({ kind: fc.constant("record" as const), run: fc.nat(3) }) },
      { weight: 2, arbitrary: fc.record({ kind: fc.constant("commit" as const), run: fc.nat(3) }) },
      { weight: 1, arbitrary: fc.record({ kind: fc.constant("refused" as const), run: fc.constant(0) }) },
      { weight: 1, arbitrary: fc.record({ kind: fc.constant("turn" as const), run: fc.constant(0) }) },
    );
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 30 }), async (steps) => {
        await using fixture = await sqliteFixture({ durability: "normal" });
        const { runs } = fixture.store;
        const refused = await refusedChange(runs);
        const live = Array.from({ length: 4 }, () => new LiveRun());
        const waiting: Promise<unknown>[] = [];
        const refusals: Promise<string | undefined>[] = [];

        for (const { kind, run: index } of steps) {
          const run = live[index];
          if (kind === "turn") await fixture.clock.settle(1);
          else if (kind === "refused") refusals.push(refused());
          else if (run !== undefined && !run.isOver) {
            if (kind === "record") runs.record(run.next());
            else waiting.push(runs.commit(run.next()));
          }
        }
        await Promise.all(waiting);
        await runs.flush();

        for (const { record, states } of live.filter((run) => run.states.length > 0)) {
          const stored = await runs.listStates({ taskRunId: record.id });
          expect(stored.map(({ state }) => state.id)).toEqual(states);
          const read = await runs.readTaskRun(record.id);
          expect([read?.state.id, read?.runCount, read?.name]).toEqual([states.at(-1), record.runCount, record.name]);
        }
        expect((await Promise.all(refusals)).filter((code) => code !== "run_superseded")).toEqual([]);
      }),
      { numRuns: 40 },
    );
  });
});
