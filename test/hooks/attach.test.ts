import { describe, expect, it } from "vitest";
import { flow } from "../../src/flow.ts";
import { FLOW_EVENTS, HookLists, TASK_EVENTS } from "../../src/hooks/attach.ts";
import { bindHook } from "../../src/hooks/bind-hook.ts";
import { type FlowStateHook, hookName } from "../../src/hooks/hook.ts";
import { notify } from "../../src/hooks/notify.ts";
import { task } from "../../src/task.ts";

/** Gives options to code as a caller without types would. */
const untyped = (options: object): never => options as never;
const body = (): number => 1;

describe("hook lists", () => {
  it("refuse a bare function and show the list form", () => {
    const hook: FlowStateHook = () => undefined;

    const define = () => flow(untyped({ name: "f", onFailure: hook }), body);

    expect(define).toThrow(TypeError);
    expect(define).toThrow(
      expect.objectContaining({ code: "invalid_hook", hint: expect.stringContaining("onFailure: [myHook]") }),
    );
  });

  it.each([
    [[() => undefined, "not a hook"], /string/],
    [[null], /null/],
    [[{ when: "failed" }], /Object/],
    [5, /number/],
    ["abc", /string/],
  ])("refuse %o and name its type", (onFailure, message) => {
    expect(() => flow(untyped({ name: "f", onFailure }), body)).toThrow(message);
    expect(() => flow(untyped({ name: "f", onFailure }), body)).toThrow(TypeError);
  });

  it("take any iterable of functions", () => {
    const hook: FlowStateHook = () => undefined;

    expect(() => flow({ name: "f", onFailure: new Set([hook]) }, body)).not.toThrow();
  });

  it("refuse a hook that the object does not have, with those it has", () => {
    expect(() => task(untyped({ name: "t", onCrashed: [] }), body)).toThrow(
      /onRetry, onRunning, onCompletion, onFailure/,
    );
    expect(() => task(untyped({ name: "t", onCancellation: [] }), body)).toThrow(TypeError);
  });

  it("refuse a non-function given to a registrar", () => {
    const broken = flow({ name: "f" }, body);

    // A caller without types.
    expect(() => broken.onFailure("later" as never)).toThrow(expect.objectContaining({ code: "invalid_hook" }));
  });

  it("return the hook that was registered, so that it can be put on several objects", () => {
    const hook: FlowStateHook = () => undefined;

    const first = flow({ name: "a" }, body).onFailure(hook);

    expect(flow({ name: "b" }, body).onCrashed(first)).toBe(hook);
  });
});

describe("declared hooks", () => {
  it("are rows that say when they fire, counted over all lists of the object", () => {
    const page = notify("slack-webhook/ops", { severity: "critical" });
    const tell = notify("email-smtp/team");
    const lists = new HookLists(
      FLOW_EVENTS,
      {
        onFailure: [page, () => undefined, tell],
        onCrashed: [page],
        onRetry: [tell],
        onCancellation: [tell],
        onRunning: [tell],
        onCompletion: [tell],
      },
      null,
    );

    const { declared, listeners } = lists.participants;

    expect(declared).toEqual([
      { index: 0, on: [], retries: true, ref: "email-smtp/team", options: {} },
      { index: 1, on: ["RUNNING"], ref: "email-smtp/team", options: {} },
      { index: 2, on: ["COMPLETED"], ref: "email-smtp/team", options: {} },
      { index: 3, on: ["FAILED"], ref: "slack-webhook/ops", options: { severity: "critical" } },
      { index: 4, on: ["FAILED"], ref: "email-smtp/team", options: {} },
      { index: 5, on: ["CANCELLING"], ref: "email-smtp/team", options: {} },
      { index: 6, on: ["CRASHED"], ref: "slack-webhook/ops", options: { severity: "critical" } },
    ]);
    expect(listeners).toHaveLength(1);
  });

  it("can be registered after the definition", () => {
    const lists = new HookLists(TASK_EVENTS, {}, null);
    expect(lists.participants.declared).toEqual([]);

    lists.add("onFailure", notify("inbox/dev"));

    expect(lists.participants.declared).toEqual([{ index: 0, on: ["FAILED"], ref: "inbox/dev", options: {} }]);
  });
});

describe("hook names", () => {
  function tellOps(): void {}

  it.each([
    [tellOps, "tellOps"],
    [tellOps.bind(null), "tellOps"],
    [bindHook(tellOps, { x: 1 }), "tellOps"],
    [bindHook(bindHook(tellOps, 1), 2), "tellOps"],
    [
      (
        () => () =>
          undefined
      )(),
      "<anonymous>",
    ],
  ])("case %# reads as expected", (hook, name) => {
    expect(hookName(hook)).toBe(name);
  });
});

describe("notify", () => {
  it("is data that cannot be changed afterwards", () => {
    const vars = { team: ["a"] };

    const hook = notify("slack-webhook/ops", { template: "run-failed", vars, expiresInMs: 60_000 });
    vars.team.push("b");

    expect(hook.declaration).toEqual({
      ref: "slack-webhook/ops",
      options: { template: "run-failed", vars: { team: ["a"] }, expiresInMs: 60_000 },
    });
    expect(Object.isFrozen(hook)).toBe(true);
  });

  it("may name a fallback", () => {
    expect(notify("slack-webhook/ops", { fallback: "email-smtp/ops" }).declaration.options).toEqual({
      fallback: "email-smtp/ops",
    });
  });

  it.each(["ops", "slack-webhook/", "/ops", "Slack/ops", "slack-webhook/ops/x", ""])(
    "refuses the reference %o",
    (ref) => {
      expect(() => notify(ref)).toThrow(expect.objectContaining({ code: "invalid_block_reference" }));
    },
  );

  it.each([
    [{ severity: "fatal" }, /severity/],
    [{ template: "" }, /template/],
    [{ expiresInMs: 0 }, /expiresInMs/],
    [{ expiresInMs: "5m" }, /expiresInMs/],
    [{ fallback: "ops" }, /fallback/],
    [{ fallback: 7 }, /fallback/],
    [{ vars: { at: new Date() } }, /vars/],
    [{ vars: [1] }, /vars/],
    [{ subject: "x" }, /no such option/],
    ["run-failed", /object/],
  ])("refuses the options %o", (options, message) => {
    // A caller without types.
    expect(() => notify("slack-webhook/ops", options as never)).toThrow(message);
  });
});
