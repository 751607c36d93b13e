import { describe, expect, it } from "vitest";
import { newId } from "../../src/base/ids.ts";
import { registerSecret } from "../../src/base/redactor.ts";
import { declaredDeliveries } from "../../src/hooks/declared.ts";
import type { Transition } from "../../src/engine/transition.ts";
import type { DeclaredHook } from "../../src/runs/declared-hook.ts";
import type { FlowRunRecord, TaskRunRecord } from "../../src/runs/flow-run.ts";
import {
  AwaitingRetry,
  Cancelling,
  Completed,
  Crashed,
  Failed,
  Retrying,
  Running,
} from "../../src/states/constructors.ts";
import { acceptState, type State } from "../../src/states/state.ts";
import { RunMessage } from "../../src/templating/context.ts";
import { flowRun } from "../delivery/rig.ts";
import { ManualClock } from "../support/manual-clock.ts";

const START_MICROS = 1_767_225_600_000_000;
const SECOND_MICROS = 1_000_000;

const hook = (fields: Partial<DeclaredHook> = {}): DeclaredHook => ({
  index: 0,
  on: ["FAILED"],
  ref: "slack-webhook/ops",
  options: {},
  ...fields,
});

function move(to: State, fields: Partial<Transition> & { afterSeconds?: number } = {}): Transition {
  const { afterSeconds = 12, ...rest } = fields;
  const run = rest.run ?? flowRun({ createdMicros: START_MICROS });
  const flowRunId = run.kind === "flow-run" ? run.id : run.flowRunId;
  acceptState(to, {
    timestampMicros: START_MICROS + afterSeconds * SECOND_MICROS,
    flowRunId,
    taskRunId: run.kind === "task-run" ? run.id : null,
  });
  return {
    object: null,
    from: run.state,
    to,
    declared: [hook()],
    error: undefined,
    ...rest,
    run: { ...run, state: to },
  };
}

function requestsOf(transition: Transition, parts: { uiUrl?: string | null } = {}) {
  const listener = declaredDeliveries({
    clock: new ManualClock(),
    newId,
    uiUrl: parts.uiUrl ?? null,
    hubName: "bellhop",
  });
  return listener.requests?.(transition) ?? [];
}

/** The context of the only request, checked against the schema that templates rely on. */
function contextOf(transition: Transition, parts: { uiUrl?: string | null } = {}): RunMessage {
  const [request] = requestsOf(transition, parts);
  return RunMessage.parse(JSON.parse(JSON.stringify(request?.payload["context"])));
}

describe("deliveries of declarative hooks", () => {
  it("make one for each hook that waits for the state, with the state and the hook in its identity", () => {
    const to = Failed({ message: "boom" });
    const declared = [
      hook({ index: 0 }),
      hook({ index: 1, on: ["COMPLETED"] }),
      hook({ index: 2, on: ["CRASHED", "FAILED"], ref: "email-smtp/oncall" }),
    ];

    const requests = requestsOf(move(to, { declared }));

    expect(requests.map((request) => request.dedupKey)).toEqual([
      `${to.id}/0/slack-webhook/ops`,
      `${to.id}/2/email-smtp/oncall`,
    ]);
    expect(requests.map((request) => request.destination)).toEqual(["slack-webhook/ops", "email-smtp/oncall"]);
    expect(new Set(requests.map((request) => request.id)).size).toBe(2);
  });

  it.each([
    { to: Failed(), on: "FAILED", template: "run-failed", severity: "error" },
    { to: Crashed(), on: "CRASHED", template: "run-crashed", severity: "critical" },
    { to: Completed(), on: "COMPLETED", template: "run-completed", severity: "success" },
    { to: Cancelling(), on: "CANCELLING", template: "run-cancelled", severity: "warning" },
    { to: Running(), on: "RUNNING", template: "default", severity: "info" },
  ] as const)("choose template and severity by the state: $on", ({ to, on, template, severity }) => {
    const [request] = requestsOf(move(to, { declared: [hook({ on: [on] })] }));

    expect(request).toMatchObject({ severity, payload: { template, severity } });
  });

  it("take template, severity, variables and expiry from the hook", () => {
    const options = {
      template: "deploy-failed",
      severity: "warning",
      vars: { runbook: "https://wiki.example/x" },
      expiresInMs: 60_000,
    };

    const [request] = requestsOf(move(Failed(), { declared: [hook({ options })] }));

    expect(request).toMatchObject({
      severity: "warning",
      payload: { template: "deploy-failed", vars: options.vars, context: { severity: "warning", vars: options.vars } },
    });
    expect(request?.expiresAtMs).toBe((request?.createdAtMs ?? 0) + 60_000);
  });

  it("carry the fallback that the hook names", () => {
    const options = { fallback: "email-smtp/ops" };

    expect(requestsOf(move(Failed(), { declared: [hook({ options })] }))[0]?.payload["fallback"]).toBe(
      "email-smtp/ops",
    );
    expect(requestsOf(move(Failed(), { declared: [hook({})] }))[0]?.payload).not.toHaveProperty("fallback");
  });

  it("fire on a retry that was decided, and not on an ordinary start", () => {
    const declared = [hook({ on: [], retries: true })];

    expect(requestsOf(move(AwaitingRetry({ message: "boom" }), { declared }))[0]?.payload["template"]).toBe(
      "run-retrying",
    );
    expect(requestsOf(move(Retrying(), { declared }))).toHaveLength(1);
    expect(requestsOf(move(Running(), { declared, from: null }))).toEqual([]);
  });

  it("may be overtaken while they tell of progress, and never when they tell of an end", () => {
    const declared = [hook({ on: ["RUNNING", "FAILED", "COMPLETED", "CANCELLING"], retries: true })];
    const coalesceOf = (to: State) => requestsOf(move(to, { declared }))[0]?.coalesce;

    expect([Running(), AwaitingRetry(), Retrying()].map(coalesceOf)).toEqual(["latest", "latest", "latest"]);
    expect([Failed(), Completed(), Cancelling()].map(coalesceOf)).toEqual([null, null, null]);
  });

  it("still go out when the context of the run cannot be built", () => {
    const error = Object.defineProperty(new Error("x"), "message", {
      get() {
        throw new Error("the getter of a user");
      },
    });

    const context = contextOf(move(Failed({ message: "boom" }), { error }));

    expect(context).toMatchObject({
      error: null,
      flow: { name: "nightly" },
      state: { message: "boom" },
      title: "nightly/keen-otter failed: boom",
    });
  });
});

describe("the context of a message", () => {
  it("holds the state as it was entered, and does not change with the run", () => {
    const transition = move(Failed({ message: "boom" }));
    const [request] = requestsOf(transition);
    const before = JSON.stringify(request?.payload);

    transition.run.name = "renamed";
    transition.run.state = Completed();

    expect(JSON.stringify(request?.payload)).toBe(before);
    expect(contextOf(move(Failed({ message: "boom" })))).toMatchObject({
      kind: "problem",
      state: { name: "Failed", type: "FAILED", message: "boom", is_final: true },
      previous_state: { name: "Running", is_final: false },
      flow_run: { state_type: "FAILED", duration_seconds: 12, lateness_seconds: 0 },
      links: { run: null, flow: null, logs: null },
    });
  });

  it("describes the error with its causes and the first frame of the user's code", () => {
    const error = new TypeError("bad row 17\nsecond line", { cause: new RangeError("too large") });

    const { error: described } = contextOf(move(Failed(), { error }));

    expect(described).toMatchObject({
      type: "TypeError",
      message: "bad row 17\nsecond line",
      first_line: "bad row 17",
    });
    expect(described?.stack).toContain("Caused by: RangeError: too large");
    expect(described?.location).toMatch(/^test\/hooks-declared\/declared\.test\.ts:\d+:\d+/);
  });

  it("cuts a stack at 4,000 characters", () => {
    const error = new Error("x");
    error.stack = `Error: x\n${"    at f (/app/a.ts:1:1)\n".repeat(1_000)}`;

    expect(contextOf(move(Failed(), { error })).error?.stack?.length).toBeLessThanOrEqual(4_000);
  });

  it.each([
    { thrown: "just text", type: "string", message: "just text" },
    { thrown: { code: 7 }, type: "Object", message: '{"code":7}' },
    { thrown: null, type: "object", message: "null" },
  ])("describes what is no error: $thrown", ({ thrown, type, message }) => {
    expect(contextOf(move(Failed(), { error: thrown })).error).toMatchObject({
      type,
      message,
      stack: null,
      location: null,
    });
  });

  it("masks known secrets, values under names of secrets, and users in addresses", () => {
    registerSecret("hunter2-hunter2");
    const parameters = {
      day: "2026-01-01",
      api_key: "k",
      nested: { password: "p", url: "postgres://bob:pw@db.example/x" },
      list: ["hunter2-hunter2"],
    };
    const run = flowRun({ createdMicros: START_MICROS, parameters });
    const error = new Error("cannot log in with hunter2-hunter2 at https://u:pw@host.example/");

    const context = contextOf(move(Failed({ message: "used hunter2-hunter2" }), { run, error }));

    const text = JSON.stringify(context);
    expect(text).not.toContain("hunter2-hunter2");
    expect(text).not.toContain("bob:pw");
    expect(text).not.toContain("u:pw");
    expect(context.flow_run?.parameters).toEqual({
      day: "2026-01-01",
      api_key: "********",
      nested: { password: "********", url: "postgres://db.example/x" },
      list: ["********"],
    });
    expect(context.title).toContain("********");
  });

  it("says which attempt it was, and when the next one comes", () => {
    const run = flowRun({ createdMicros: START_MICROS, runCount: 2, empiricalPolicy: { retries: 3 } });
    const next = new Date((START_MICROS + 42 * SECOND_MICROS) / 1_000);
    const waiting = move(AwaitingRetry({ message: "boom", scheduledTime: next }), {
      run,
      declared: [hook({ on: [], retries: true })],
    });

    expect(contextOf(move(Failed(), { run })).retry).toEqual({
      attempt: 2,
      max: 4,
      next_at: null,
      delay_seconds: null,
    });
    expect(contextOf(waiting).retry).toEqual({
      attempt: 3,
      max: 4,
      next_at: "2026-01-01T00:00:42.000000Z",
      delay_seconds: 30,
    });
    expect(contextOf(move(Failed())).retry).toBeNull();
  });

  it("names the flow run around a task, and keeps both apart", () => {
    const parent: FlowRunRecord = flowRun({ createdMicros: START_MICROS });
    const task: TaskRunRecord = {
      ...parent,
      kind: "task-run",
      id: newId(),
      name: "load-0",
      tags: ["etl"],
      flowRunId: parent.id,
      taskName: "load",
      taskKey: "load-1",
      dynamicKey: "0",
      flowRunRunCount: 1,
    };

    const transition = move(Failed({ message: "boom" }), { run: task, flowRun: parent });
    const [request] = requestsOf(transition);

    expect(request).toMatchObject({ subject: `task-run/${task.id}`, flowRunId: parent.id, taskRunId: task.id });
    expect(contextOf(transition)).toMatchObject({
      title: "nightly/keen-otter/load-0 failed: boom",
      flow_run: { id: parent.id, state_name: "Running" },
      task_run: { id: task.id, task_name: "load", state_name: "Failed", tags: ["etl"] },
    });
  });

  it("links to the run where people can see it", () => {
    const transition = move(Failed());

    expect(contextOf(transition, { uiUrl: "https://hub.example/" }).links).toEqual({
      run: `https://hub.example/runs/${transition.run.id}`,
      flow: "https://hub.example/flows/nightly",
      logs: `https://hub.example/runs/${transition.run.id}/logs`,
    });
  });
});
