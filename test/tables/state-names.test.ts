import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { moveFlowRun } from "../../src/engine/move-flow-run.ts";
import { resumeFlowRun as resumeOn } from "../../src/engine/resume.ts";
import {
  AwaitingConcurrencySlot,
  cancelFlowRun,
  Failed,
  flow,
  InfrastructurePending,
  pauseFlowRun,
  Pending,
  resumeFlowRun,
  Running,
  runtime,
  Scheduled,
  signals,
  State,
  StateType,
  Submitting,
  suspendFlowRun,
  SystemExit,
  task,
  transaction,
} from "../../src/index.ts";
import type { StateWire } from "../../src/index.ts";
import { openRig, type Rig, runOn, storeFlowRun, storeTaskRun } from "./rig.ts";

let rig: Rig;
beforeEach(async () => {
  rig = await openRig();
});
afterEach(() => rig[Symbol.asyncDispose]());

type History = readonly StateWire[];
/** Brings a run into the state, and reads what the store then holds about it. */
type Enter = () => Promise<History>;

const statesOf = async (run: { readonly flowRunId: string } | { readonly taskRunId: string }): Promise<History> =>
  (await rig.engine.runs.listStates(run)).map(({ state }) => state);

const ofFlow = async (name: string): Promise<History> => statesOf({ flowRunId: (await rig.stored.flowRun(name)).id });

const ofTask = async (flowName: string): Promise<History> => {
  const [first] = await rig.stored.taskRuns(flowName);
  if (first === undefined) throw new Error(`${flowName} has no task run`);
  return statesOf({ taskRunId: first.id });
};

const fail = (): never => {
  throw new Error("oops!");
};
const hang = (): Promise<never> => new Promise(() => undefined);
const exit = (): never => {
  throw new SystemExit("stop");
};
const skip = (): never => {
  throw new signals.SKIP("nothing to do");
};

interface Body {
  readonly body?: () => unknown;
  readonly options?: {
    readonly retries?: number;
    readonly retryDelaySeconds?: number;
    readonly timeoutSeconds?: number;
  };
}

/** The history of a flow run whose body is this. */
const flowRuns =
  ({ body = () => 1, options = {} }: Body = {}): Enter =>
  async () => {
    await rig
      .done(() => flow({ ...options, name: "outer" }, body).run([], { returnState: true }))
      .catch(() => undefined);
    return ofFlow("outer");
  };

/** The history of a task run whose body is this, in a flow. */
const taskRuns =
  ({ body = () => 1, options = {} }: Body = {}): Enter =>
  async () => {
    const inner = task({ ...options, name: "inner" }, body);
    const outer = flow({ name: "outer" }, () => inner.run([], { returnState: true }).then(String));
    await rig.done(() => outer.run([], { returnState: true })).catch(() => undefined);
    return ofTask("outer");
  };

const pausing: Enter = async () => {
  const outer = flow({ name: "outer" }, () => pauseFlowRun({ timeout: 60 }));
  const run = rig.within(() => outer());
  const isPaused = async (): Promise<boolean> => (await rig.stored.flowRun("outer")).state.isPaused();
  await rig.clock.settle(20);
  while (!(await isPaused())) await rig.clock.settle();
  await rig.within(async () => resumeFlowRun((await rig.stored.flowRun("outer")).id));
  await rig.done(() => run);
  return ofFlow("outer");
};

const suspending: Enter = async () => {
  const outer = flow({ name: "outer" }, () => suspendFlowRun());
  await runOn(rig.deployed, outer).catch(() => undefined);
  return ofFlow("outer");
};

const resuming: Enter = async () => {
  await suspending();
  await resumeOn(rig.deployed, (await rig.stored.flowRun("outer")).id);
  return ofFlow("outer");
};

/** Cancels the flow run from its own body, with a task under way. */
const cancelling: Enter = async () => {
  const inner = task({ name: "inner" }, hang);
  const outer = flow({ name: "outer" }, async () => {
    inner.submit();
    await cancelFlowRun(runtime.flowRun.id ?? "");
    await hang();
  });
  await rig.done(() => outer().catch(() => undefined));
  return ofFlow("outer");
};

const failedUpstream = () => task({ name: "upstream" }, fail);

const flowNotReady: Enter = async () => {
  const child = flow({ name: "child" }, () => 1);
  const outer = flow({ name: "outer" }, async () => {
    const upstream = await failedUpstream().run([], { returnState: true });
    await child.run([], { waitFor: [upstream], returnState: true });
  });
  await rig.done(() => outer());
  return ofFlow("child");
};

const taskNotReady: Enter = async () => {
  const inner = task({ name: "inner" }, () => 1);
  await rig.done(async () => {
    const upstream = await failedUpstream().run([], { returnState: true });
    await flow({ name: "outer" }, () => inner.run([], { waitFor: [upstream], returnState: true }).then(String))();
  });
  return ofTask("outer");
};

const cached: Enter = async () => {
  const inner = task({ name: "inner", persistResult: true, resultStorageKey: "one" }, () => 1);
  await rig.done(() => flow({ name: "first" }, () => inner())());
  await rig.done(() => flow({ name: "outer" }, () => inner())());
  return ofTask("outer");
};

const rolledBack: Enter = async () => {
  const inner = task({ name: "inner" }, () => 1);
  const outer = flow({ name: "outer" }, () =>
    transaction(async () => {
      await inner();
      fail();
    }),
  );
  await rig.done(() => outer().catch(() => undefined));
  return ofTask("outer");
};

/** Stored by hand, and then moved by the rules as a worker would do it. */
const moved =
  (from: () => State, ...to: readonly (() => State)[]): Enter =>
  async () => {
    const { id } = await storeFlowRun(rig, from());
    for (const make of to) await moveFlowRun(rig.engine, id, make());
    return statesOf({ flowRunId: id });
  };

const late: Enter = async () => {
  const { id } = await storeFlowRun(rig, Scheduled({ scheduledTime: new Date(rig.clock.now()) }));
  for (let waited = 0; waited < 25; waited += 5) {
    await rig.clock.advance(5_000);
    await rig.clock.settle(50);
  }
  return statesOf({ flowRunId: id });
};

const deferred: Enter = async () => statesOf({ taskRunId: (await storeTaskRun(rig, Scheduled())).id });

interface Row {
  readonly name: string;
  readonly type: StateType;
  readonly flow?: Enter;
  readonly task?: Enter;
}

const retried: Body = { body: fail, options: { retries: 1, retryDelaySeconds: 1 } };

const ROWS: readonly Row[] = [
  { name: "Scheduled", type: "SCHEDULED", flow: moved(Scheduled), task: deferred },
  { name: "Late", type: "SCHEDULED", flow: late },
  { name: "AwaitingRetry", type: "SCHEDULED", flow: flowRuns(retried), task: taskRuns(retried) },
  { name: "AwaitingConcurrencySlot", type: "SCHEDULED", flow: moved(Scheduled, AwaitingConcurrencySlot) },
  { name: "Resuming", type: "SCHEDULED", flow: resuming },
  { name: "Pending", type: "PENDING", flow: flowRuns(), task: taskRuns() },
  { name: "Submitting", type: "PENDING", flow: moved(Pending, Submitting) },
  { name: "InfrastructurePending", type: "PENDING", flow: moved(Pending, Submitting, InfrastructurePending) },
  { name: "NotReady", type: "PENDING", flow: flowNotReady, task: taskNotReady },
  { name: "Running", type: "RUNNING", flow: flowRuns(), task: taskRuns() },
  { name: "Retrying", type: "RUNNING", flow: flowRuns(retried), task: taskRuns(retried) },
  { name: "Paused", type: "PAUSED", flow: pausing },
  { name: "Suspended", type: "PAUSED", flow: suspending },
  { name: "Cancelling", type: "CANCELLING", flow: cancelling },
  {
    name: "Cancelled",
    type: "CANCELLED",
    flow: cancelling,
    task: async () => {
      await cancelling();
      return ofTask("outer");
    },
  },
  { name: "Completed", type: "COMPLETED", flow: flowRuns(), task: taskRuns() },
  { name: "Cached", type: "COMPLETED", task: cached },
  { name: "RolledBack", type: "COMPLETED", task: rolledBack },
  { name: "Skipped", type: "COMPLETED", task: taskRuns({ body: skip }) },
  { name: "Failed", type: "FAILED", flow: flowRuns({ body: fail }), task: taskRuns({ body: fail }) },
  {
    name: "TimedOut",
    type: "FAILED",
    flow: flowRuns({ body: hang, options: { timeoutSeconds: 1 } }),
    task: taskRuns({ body: hang, options: { timeoutSeconds: 1 } }),
  },
  { name: "Crashed", type: "CRASHED", flow: flowRuns({ body: exit }), task: taskRuns({ body: exit }) },
];

const CASES = ROWS.flatMap(({ name, type, ...ways }) =>
  (["flow", "task"] as const).flatMap((kind) => {
    const enter = ways[kind];
    return enter === undefined ? [] : [{ name, type, kind, enter }];
  }),
);

const FINAL: ReadonlySet<StateType> = new Set(["CANCELLED", "COMPLETED", "CRASHED", "FAILED"]);

describe("the history of a run", () => {
  it.each(CASES)("holds $name of type $type once a $kind run has entered it", async ({ name, type, enter }) => {
    const history = await enter();

    const stored = history.filter((state) => state.name === name);
    expect(stored.map((state) => state.type)).toContain(type);
    const read = stored.map((wire) => State.fromWire(wire)).filter((state) => state.type === type);
    expect(read.every((state) => state.isFinal() === FINAL.has(type))).toBe(true);
    if (FINAL.has(type)) expect(history.at(-1)?.type).toBe(type);
  });

  it("holds no second AwaitingRetry of a task without a delay, but Retrying at once", async () => {
    const history = await taskRuns({ body: fail, options: { retries: 1 } })();

    expect(history.map(({ name }) => name)).toEqual(["Pending", "Running", "Retrying", "Failed"]);
  });

  it("holds a Late that keeps the time of the Scheduled before it, once", async () => {
    const history = await late();

    expect(history.map(({ name }) => name)).toEqual(["Scheduled", "Late"]);
    expect(history[1]?.state_details.scheduled_time).toBe(history[0]?.state_details.scheduled_time);
  });

  it("tells a pause in the process from one that ends it", async () => {
    const details = async (enter: Enter): Promise<unknown> =>
      (await enter()).find(({ type }) => type === "PAUSED")?.state_details.pause_reschedule;

    expect(await details(pausing)).toBe(false);
    await rig[Symbol.asyncDispose]();
    rig = await openRig();
    expect(await details(suspending)).toBe(true);
  });
});

describe("a name that the engine never gives", () => {
  it("is taken as it comes: Rerunning for a run that goes on", async () => {
    const history = await moved(Pending, () => Running({ name: "Rerunning" }))();

    expect(history.at(-1)).toMatchObject({ type: "RUNNING", name: "Rerunning" });
  });

  it("may be any text on a state that a body returns, and the type alone decides", async () => {
    const enter = flowRuns({ body: () => Failed({ name: "Skimmed" }) });

    expect((await enter()).at(-1)).toMatchObject({ type: "FAILED", name: "Skimmed" });
  });
});

it("every type has a name here", () => {
  expect(new Set(ROWS.map(({ type }) => type))).toEqual(new Set(StateType.options));
});
