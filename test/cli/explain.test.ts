import { describe, expect, it } from "vitest";
import { newId } from "../../src/base/ids.ts";
import { registerSecret } from "../../src/base/redactor.ts";
import { stepsOf } from "../../src/cli/explain/decisions.ts";
import type { Facts, Life } from "../../src/cli/explain/facts.ts";
import { verdictsOf } from "../../src/cli/explain/verdicts.ts";
import { flow } from "../../src/flow.ts";
import { notify } from "../../src/hooks/notify.ts";
import { FIRES_ON, type HookEvent } from "../../src/hooks/on-state.ts";
import { withHub } from "../../src/hub.ts";
import type { DeclaredHook } from "../../src/runs/declared-hook.ts";
import type { StoredState } from "../../src/runs/run-store.ts";
import { State, type StateInit } from "../../src/states/state.ts";
import { task } from "../../src/task.ts";
import { cli } from "../support/cli.ts";
import { openTestHub } from "../support/hub.ts";
import { aChange, aFlowRun, aState, START_MICROS } from "../support/store-records.ts";
import { openDeliveryStage } from "./delivery-stage.ts";

interface Explained {
  readonly verdicts: readonly {
    readonly destination: string;
    readonly told: boolean;
    readonly why: string;
    readonly text: string;
  }[];
  readonly remarks: readonly string[];
  readonly steps: readonly { readonly state_name: string; readonly hooks: readonly Record<string, unknown>[] }[];
  readonly deliveries: readonly Record<string, unknown>[];
}

const TERMINAL = { columns: 80, env: { NO_COLOR: "1" } };
const oneLine = (text: string): string => text.replaceAll(/\s+/g, " ");

/** A hub, a saved inbox, and the explanation of the newest run of a flow. */
async function openStage() {
  const opened = await openTestHub();
  const home = ["--home", opened.home];
  await cli(["block", "save", "inbox/dev", ...home]);
  const runIdOf = async (flowName: string): Promise<string> =>
    (await opened.hub.runs.listFlowRuns({ flowName }))[0]?.id ?? "";
  return {
    ...opened,
    explain: async (flowName: string): Promise<Explained> => {
      const { code, stdout, stderr } = await cli(["explain", await runIdOf(flowName), "--json", ...home]);
      if (code !== 0) throw new Error(stderr);
      return JSON.parse(stdout) as Explained;
    },
    text: async (flowName: string): Promise<string> =>
      (await cli(["explain", await runIdOf(flowName), ...home], TERMINAL)).stdout,
    [Symbol.asyncDispose]: () => opened[Symbol.asyncDispose](),
  };
}

describe("bellhop explain", () => {
  it("says who was told, who was not, and why", async () => {
    await using stage = await openStage();
    const broken = task({ name: "broken", onFailure: [notify("inbox/dev")] }, async () => {
      throw new Error("no such table");
    });
    const hook = (): void => {
      throw new TypeError("the hook itself is broken");
    };
    const failing = flow(
      {
        name: "failing",
        retries: 1,
        onRetry: [notify("inbox/dev")],
        onFailure: [notify("inbox/dev"), notify("inbox/nobody"), hook],
        onCompletion: [notify("slack-webhook/ops")],
      },
      async () => broken(),
    );
    await withHub(stage.hub, () => failing.run([], { returnState: true }));
    await stage.hub.drain({ deadlineMs: 10_000 });

    const { verdicts, remarks, steps, deliveries } = await stage.explain("failing");
    const text = oneLine(await stage.text("failing"));

    expect(verdicts.map(({ destination, told, why }) => ({ destination, told, why }))).toEqual([
      { destination: "inbox/dev", told: true, why: "delivered" },
      { destination: "inbox/dev", told: true, why: "delivered" },
      { destination: "inbox/dev", told: true, why: "delivered" },
      { destination: "inbox/dev", told: true, why: "delivered" },
      { destination: "inbox/nobody", told: false, why: "dead" },
      { destination: "slack-webhook/ops", told: false, why: "did-not-fire" },
    ]);
    expect(remarks).toEqual([
      'Block inbox/nobody is not saved. Save it with "bellhop block save inbox/nobody".',
      'Block slack-webhook/ops is not saved. Save it with "bellhop block save slack-webhook/ops".',
      "Hook hook in onFailure of the run threw TypeError: the hook itself is broken",
      expect.stringMatching(/^To send what was given up again: bellhop delivery replay [0-9a-f-]{36}$/),
    ]);
    expect(steps.filter(({ state_name }) => state_name === "AwaitingRetry")).toMatchObject([
      {
        hooks: [
          { event: "onRetry", destination: "inbox/dev", matched: true, why: "a retry was decided" },
          { event: "onCompletion", matched: false, why: "it waits for COMPLETED, and this is SCHEDULED" },
          { event: "onFailure", matched: false },
          { event: "onFailure", matched: false },
        ],
      },
    ]);
    expect(steps.at(-1)).toMatchObject({
      state_name: "Failed",
      hooks: [
        { kind: "notify", event: "onRetry", matched: false },
        { kind: "notify", event: "onCompletion", matched: false },
        { kind: "notify", event: "onFailure", matched: true, destination: "inbox/dev" },
        { kind: "notify", event: "onFailure", matched: true, destination: "inbox/nobody" },
        { kind: "function", event: "onFailure", hook: "hook", status: "failed", error: { name: "TypeError" } },
      ],
    });
    expect(deliveries).toHaveLength(5);
    expect(deliveries.at(-1)).toMatchObject({ status: "dead", attempt_log: [{ outcome: "permanent" }] });
    expect(text).toContain("✓ inbox/dev was told of AwaitingRetry (");
    expect(text).toMatch(/✓ inbox\/dev was told of Failed of task broken-\w+ \(/);
    expect(text).toContain("✗ inbox/nobody was not told of Failed: given up after 1 attempt, because the target");
    expect(text).toContain("– onCompletion to slack-webhook/ops did not fire: the run is Failed.");
    expect(text).toContain("onFailure: function hook threw TypeError: the hook itself is broken");
    expect(text).toContain("onFailure → inbox/nobody: matched, it waits for FAILED; delivery stored with the state");
    expect(text).toContain("not for: onCompletion → slack-webhook/ops");
  });

  it("says that no hooks are declared", async () => {
    await using stage = await openStage();
    const quiet = flow({ name: "quiet" }, async () => 1);
    await withHub(stage.hub, () => quiet());

    expect(await stage.text("quiet")).toMatch(/Who was told\nNobody\.\n\nRemarks\n! No hooks are declared/);
    expect(await stage.explain("quiet")).toMatchObject({
      verdicts: [],
      remarks: [expect.stringContaining("No hooks are declared on this flow or its tasks")],
    });
  });

  it("says that functions tell people by themselves where no notify is declared", async () => {
    await using stage = await openStage();
    const own = flow({ name: "own", onCompletion: [() => undefined] }, async () => 1);
    await withHub(stage.hub, () => own());

    expect((await stage.explain("own")).remarks).toEqual([
      expect.stringContaining("No hook with notify(…) is declared"),
    ]);
  });

  it("names nested flow runs, and tasks that nobody asked about", async () => {
    await using stage = await openStage();
    const child = flow({ name: "child" }, async () => 1);
    const plain = task({ name: "plain" }, async () => 1);
    const parent = flow({ name: "parent", onCompletion: [notify("inbox/dev")] }, async () => {
      await plain();
      return child();
    });
    await withHub(stage.hub, () => parent());
    const [nested] = await stage.hub.runs.listFlowRuns({ flowName: "child" });

    const text = await stage.text("parent");

    expect(oneLine(text)).toContain("2 task runs have no hooks; see");
    expect(oneLine(text)).toContain(
      `Nested flow run ${nested?.name} has hooks of its own: bellhop explain ${nested?.id}`,
    );
    expect(text).not.toContain("plain-");
    expect(await stage.explain("parent")).toMatchObject({ nested_flow_runs: [{ id: nested?.id, flow_name: "child" }] });
  });

  it("says that a dead process could call no functions, and who was told all the same", async () => {
    await using stage = await openStage();
    const run = aFlowRun({ name: "left-alone", flowName: "left", leaseId: newId() });
    const hooks = [{ index: 0, on: ["CRASHED"], ref: "inbox/dev", options: {} }] as const;
    await stage.hub.store.runs.commit(aChange(run, run.state, { hooks }));
    await stage.hub.sweep();
    await stage.hub.drain({ deadlineMs: 10_000 });

    const { verdicts, remarks } = await stage.explain("left");

    expect(verdicts).toMatchObject([{ destination: "inbox/dev", told: true }]);
    expect(remarks).toEqual([expect.stringContaining("Its process was gone when it ended")]);
  });

  it("masks secrets, and says that a run does not exist", async () => {
    await using stage = await openStage();
    const hook = (): void => {
      throw new Error("cannot reach c4n4ryexplained");
    };
    const leaky = flow({ name: "leaky", onCompletion: [hook] }, async () => 1);
    await withHub(stage.hub, () => leaky());
    registerSecret("c4n4ryexplained");

    expect((await stage.text("leaky")) + JSON.stringify(await stage.explain("leaky"))).not.toContain("c4n4ryexplained");
    expect((await cli(["explain", "nobody", "--home", stage.home])).stderr).toContain("code: run_not_found");
  });
});

describe("what bellhop explain says of a message", () => {
  const verdictOf = async (stage: Awaited<ReturnType<typeof openDeliveryStage>>): Promise<Explained["verdicts"]> =>
    ((await stage.json(["explain", "crimson-fox"])) as Explained).verdicts;

  it("that was overtaken by a newer one", async () => {
    await using stage = await openDeliveryStage();
    const [, newer = ""] = await stage.enqueue(
      { subject: "a", coalesce: "latest" },
      { subject: "a", coalesce: "latest" },
    );

    expect((await verdictOf(stage))[0]).toMatchObject({
      told: false,
      why: "suppressed",
      text: expect.stringContaining(`a newer message about the same subject took its place (delivery ${newer})`),
    });
  });

  it("that a person cancelled", async () => {
    await using stage = await openDeliveryStage();
    await stage.outbox.cancel(await stage.enqueue({}));

    expect(await verdictOf(stage)).toMatchObject([
      {
        why: "suppressed",
        text: expect.stringContaining("not sent, without an attempt, because a person cancelled it"),
      },
    ]);
  });

  it("that expired", async () => {
    await using stage = await openDeliveryStage();
    const ids = await stage.enqueue({});
    await stage.outbox.retire(
      ids,
      { to: "suppressed", reason: "expired", detail: "expired before it could be sent" },
      null,
    );

    expect(await verdictOf(stage)).toMatchObject([
      { why: "suppressed", text: expect.stringContaining("because its time was up (expired before it could be sent)") },
    ]);
  });

  it("that waits, and for what", async () => {
    await using stage = await openDeliveryStage();
    await stage.enqueue({ destination: "inbox/paused" });
    await stage.outbox.pause("inbox/paused", stage.nowMs + 3_600_000);

    expect(await verdictOf(stage)).toMatchObject([
      { why: "waiting", text: expect.stringContaining("It waits for the destination, which is paused until") },
    ]);
  });

  it("that was given up and may have arrived all the same, and where it went instead", async () => {
    await using stage = await openDeliveryStage();
    const [id = ""] = await stage.enqueue({ destination: "inbox/first" });
    const outcome = { kind: "retry", reason: "timeout", detail: "no answer", ambiguous: true } as const;
    const also = [
      {
        ...(await stage.outbox.read(id)),
        id: newId(),
        dedupKey: `fallback/${id}`,
        destination: "inbox/second",
      } as never,
    ];
    await stage.settle(id, { to: "dead", reason: "attempts-exhausted", uncertain: true, also, attempt: { outcome } });

    const [first, second] = await verdictOf(stage);
    const text = oneLine((await stage.cli(["explain", "crimson-fox"], TERMINAL)).stdout);

    expect(first).toMatchObject({ destination: "inbox/first", told: false, why: "dead" });
    expect(first?.text).toContain("given up after 1 attempt, because as many attempts as the channel allows were made");
    expect(first?.text).toContain("inbox/second got a message in its place");
    expect(first?.text).toContain("it may have arrived all the same");
    expect(second).toMatchObject({ destination: "inbox/second", told: false, why: "waiting" });
    expect(text).toContain("in its place → inbox/second");
  });

  it("that reached some recipients only", async () => {
    await using stage = await openDeliveryStage();
    const [id = ""] = await stage.enqueue({});
    const outcome = { kind: "delivered", warnings: ["partial: b@example.org was refused"] } as const;
    await stage.settle(id, { to: "delivered", attempt: { outcome } });

    expect(await verdictOf(stage)).toMatchObject([
      { told: true, why: "in-part", text: expect.stringContaining("but not every recipient") },
    ]);
  });

  it("when there are more than one page of them", async () => {
    await using stage = await openDeliveryStage();
    await stage.enqueue(...Array.from({ length: 230 }, () => ({})));

    expect(await verdictOf(stage)).toHaveLength(230);
  });
});

describe("why a hook did not fire", () => {
  const hookOf = (event: HookEvent): DeclaredHook => ({ index: 0, ref: "inbox/dev", options: {}, ...FIRES_ON[event] });

  function silence(event: HookEvent, ...inits: readonly StateInit[]): string | undefined {
    const states = inits.map((init, index) => aState({ ...init, timestampMicros: START_MICROS + index }));
    const run = aFlowRun({ state: states.at(-1) ?? new State({ type: "PENDING" }) });
    const stored = states.map((state, index): StoredState => ({
      seq: index + 1,
      flowRunId: run.id,
      taskRunId: null,
      follows: states[index - 1]?.id ?? null,
      state: state.toWire(),
    }));
    const life: Life = { run, states: stored, declared: [hookOf(event)], outcomes: [] };
    const facts: Facts = { run, lives: [life], told: [], missingBlocks: [], nested: [] };
    return verdictsOf(facts, stepsOf(facts), 0).verdicts[0]?.text;
  }

  const running = { type: "RUNNING" } as const;
  const awaitingRetry = { type: "SCHEDULED", name: "AwaitingRetry" } as const;

  it.each([
    { event: "onFailure", states: [running, { type: "COMPLETED" }], says: "did not fire: the run is Completed." },
    {
      event: "onFailure",
      states: [running, awaitingRetry, { type: "RUNNING", name: "Retrying" }, { type: "COMPLETED" }],
      says: "did not fire: the run is Completed; attempts that failed were retried, and only the last one counts.",
    },
    {
      event: "onFailure",
      states: [running, { type: "CRASHED" }],
      says: "did not fire: the run is Crashed, which is not Failed; onCrashed is for that.",
    },
    {
      event: "onCrashed",
      states: [running, { type: "FAILED", name: "TimedOut" }],
      says: "did not fire: the run is TimedOut, which is not Crashed; onFailure is for that.",
    },
    {
      event: "onCancellation",
      states: [{ type: "SCHEDULED" }, { type: "CANCELLED" }],
      says: "did not fire: the run is Cancelled without having been Cancelling: there was nothing to end.",
    },
    { event: "onRetry", states: [running, { type: "FAILED" }], says: "did not fire: no retry of the run was decided." },
    {
      event: "onRunning",
      states: [{ type: "PENDING" }, { type: "FAILED" }],
      says: "did not fire: the run is Failed, and it never ran.",
    },
    {
      event: "onFailure",
      states: [{ type: "PENDING" }, { type: "PENDING", name: "NotReady" }],
      says: "did not fire: the run was never called (NotReady), because something before it did not complete.",
    },
    {
      event: "onFailure",
      states: [{ type: "PENDING" }, running],
      says: "has not fired yet: it waits for FAILED, and the run is Running.",
    },
    {
      event: "onRetry",
      states: [running],
      says: "has not fired yet: it waits for a retry, and the run is Running.",
    },
  ] as const)("$event: $says", ({ event, states, says }) => {
    expect(silence(event, ...states)).toBe(`${event} to inbox/dev ${says}`);
  });

  it.each([
    { event: "onRetry", states: [running, { type: "RUNNING", name: "Retrying" }] },
    { event: "onRetry", states: [running, awaitingRetry] },
    { event: "onCancellation", states: [running, { type: "CANCELLING" }, { type: "CANCELLED" }] },
    { event: "onCompletion", states: [running, { type: "COMPLETED", name: "Cached" }] },
  ] as const)("is not asked of one that did: $event on $states.1.name $states.1.type", ({ event, states }) => {
    expect(silence(event, ...states)).toBeUndefined();
  });

  it("is told of a message that was owed and is not stored", () => {
    const state = aState({ type: "FAILED", timestampMicros: START_MICROS });
    const run = aFlowRun({ state });
    const stored = { seq: 1, flowRunId: run.id, taskRunId: null, follows: null, state: state.toWire() };
    const life: Life = { run, states: [stored], declared: [hookOf("onFailure")], outcomes: [] };
    const facts: Facts = { run, lives: [life], told: [], missingBlocks: [], nested: [] };

    expect(verdictsOf(facts, stepsOf(facts), 0).remarks).toEqual([
      "inbox/dev was owed a message on Failed, and none is stored.",
    ]);
  });
});
