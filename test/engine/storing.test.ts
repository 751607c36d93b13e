import { describe, expect, it } from "vitest";
import { systemClock } from "../../src/base/clock.ts";
import { silentLogger } from "../../src/base/logger.ts";
import { type AnyFlow, type AnyTask, NOBODY } from "../../src/engine/definition.ts";
import type { EngineContext } from "../../src/engine/engine-context.ts";
import { runFlow } from "../../src/engine/run-flow.ts";
import { runTask } from "../../src/engine/run-task.ts";
import type { Transition, TransitionListener } from "../../src/engine/transition.ts";
import { flow } from "../../src/flow.ts";
import { HookLists, TASK_EVENTS } from "../../src/hooks/attach.ts";
import { notify } from "../../src/hooks/notify.ts";
import type { DeliveryRequest } from "../../src/runs/delivery-request.ts";
import type { RunChange, RunStore } from "../../src/runs/run-store.ts";
import { task } from "../../src/task.ts";

interface Write {
  readonly how: "commit" | "record";
  readonly kind: string;
  readonly state: string;
  readonly hooks: number | undefined;
  readonly requests: readonly string[];
}

/** An engine whose store only writes down what it was asked to keep; reading is not part of these tests. */
function engineOn(writes: Write[], listeners: readonly TransitionListener[] = []): EngineContext {
  const note = (how: Write["how"], { run, state, hooks, requests }: RunChange): void =>
    void writes.push({
      how,
      kind: run.kind,
      state: state.name,
      hooks: hooks?.length,
      requests: requests.map(({ id }) => id),
    });
  const runs: Pick<RunStore, "commit" | "record" | "recordHook" | "flush" | "commitSync"> = {
    commit: async (change) => note("commit", change),
    record: (change) => note("record", change),
    recordHook: () => undefined,
    flush: async () => undefined,
    commitSync: () => undefined,
  };
  // Only what the engine calls.
  return {
    runs: runs as RunStore,
    clock: systemClock,
    random: () => 0,
    log: silentLogger,
    leaseId: "l",
    listeners,
    uiUrl: null,
    apiUrl: null,
  };
}

const callFlow = (engine: EngineContext, object: AnyFlow) =>
  runFlow({ engine, flow: object, participants: NOBODY, args: [], options: {} });
const callTask = (engine: EngineContext, object: AnyTask, participants = NOBODY) =>
  runTask({ engine, task: object, participants, args: [], options: {} });

const request = (move: Transition): DeliveryRequest => ({
  id: `about ${move.to.name}`,
  dedupKey: move.to.id,
  destination: "inbox/ops",
  subject: `${move.run.kind}/${move.run.id}`,
  severity: "info",
  flowRunId: null,
  taskRunId: null,
  stateId: move.to.id,
  payload: {},
  createdAtMs: 0,
  expiresAtMs: null,
});

describe("what the engine stores", () => {
  it("is every flow-run state, durable before it goes on, and task-run states behind it", async () => {
    const writes: Write[] = [];
    const inner = task({ name: "inner" }, () => 1);
    const outer = flow({ name: "outer" }, () => inner());

    await callFlow(engineOn(writes), outer);

    expect(writes.map(({ how, kind, state }) => `${how} ${kind} ${state}`)).toEqual([
      "commit flow-run Pending",
      "commit flow-run Running",
      "record task-run Pending",
      "record task-run Running",
      "record task-run Completed",
      "commit flow-run Completed",
    ]);
  });

  it("is a task-run state at once when a notification hangs on it, in the same change", async () => {
    const writes: Write[] = [];
    const listener: TransitionListener = { requests: (move) => (move.to.isFinal() ? [request(move)] : []) };

    await callTask(
      engineOn(writes, [listener]),
      task({ name: "t" }, () => 1),
    );

    expect(writes).toEqual([
      { how: "record", kind: "task-run", state: "Pending", hooks: undefined, requests: [] },
      { how: "record", kind: "task-run", state: "Running", hooks: undefined, requests: [] },
      { how: "commit", kind: "task-run", state: "Completed", hooks: undefined, requests: ["about Completed"] },
    ]);
  });

  it("is the declared hooks with the first state of the run, and only with it", async () => {
    const writes: Write[] = [];
    const hooks = new HookLists(TASK_EVENTS, { onFailure: [notify("inbox/ops")] }, null);

    await callTask(
      engineOn(writes),
      task({ name: "t" }, () => 1),
      { ...NOBODY, ...hooks.participants },
    );

    expect(writes.map(({ how, state, hooks: count }) => [how, state, count])).toEqual([
      ["commit", "Pending", 1],
      ["record", "Running", undefined],
      ["record", "Completed", undefined],
    ]);
  });

  it("tells listeners what was thrown, and asks the object's own before those of the engine", async () => {
    const writes: Write[] = [];
    const asked: unknown[] = [];
    const error = new Error("e");
    const listener = (name: string): TransitionListener => ({
      requests: (move) => {
        if (move.to.isFailed()) asked.push(name, move.error, move.from?.name, move.run.state === move.to);
        return [];
      },
    });
    const bad = task({ name: "t" }, () => {
      throw error;
    });

    await callTask(engineOn(writes, [listener("engine")]), bad, {
      ...NOBODY,
      listeners: [listener("own")],
    });

    expect(asked).toEqual(["own", error, "Running", true, "engine", error, "Running", true]);
  });

  it("goes on when a listener breaks", async () => {
    const broken: TransitionListener = {
      requests: () => {
        throw new Error("cannot say");
      },
      committed: () => Promise.reject(new Error("cannot hear")),
    };
    const told: string[] = [];
    const listeners = [broken, { committed: (move: Transition) => void told.push(move.to.name) }];

    const ended = await callTask(
      engineOn([], listeners),
      task({ name: "t" }, () => 5),
    );

    expect(ended.returned).toEqual({ value: 5 });
    expect(told).toEqual(["Pending", "Running", "Completed"]);
  });

  it("never gives two states of a run the same time, nor an earlier one, when the wall clock goes back", async () => {
    const stamps: number[] = [];
    let now = 2_000_000;
    const engine = engineOn([], [{ committed: (move) => void stamps.push(move.to.timestampMicros) }]);
    const clock = { ...systemClock, nowMicros: () => (now -= 1_000) };

    await callTask(
      { ...engine, clock },
      task({ name: "t" }, () => 1),
    );

    expect(stamps).toEqual(stamps.toSorted((a, b) => a - b));
    expect(new Set(stamps).size).toBe(3);
  });
});
