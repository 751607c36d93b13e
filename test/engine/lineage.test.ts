import { describe, expect, it } from "vitest";
import { allowFailure } from "../../src/engine/annotations.ts";
import { lineageOf, rememberOrigin } from "../../src/engine/lineage.ts";
import { Completed } from "../../src/states/constructors.ts";
import { acceptState, type State } from "../../src/states/state.ts";
import { Handle } from "../support/futures.ts";

const FLOW = "flow-1";
const HERE = { flowRunId: FLOW };

const task = (id: string) => ({ input_type: "task_run", id });
const returned = <T>(value: T, id: string, kind: "task" | "flow" = "task"): T => {
  rememberOrigin(value, { kind, id }, FLOW);
  return value;
};

const committed = (flowRunId: string | null, taskRunId: string | null): State => {
  const state = Completed();
  acceptState(state, { timestampMicros: state.timestampMicros, flowRunId, taskRunId });
  return state;
};

describe("where arguments come from", () => {
  it.each([
    ["no argument", []],
    ["plain values", [1, "Fred", true, null, undefined]],
    ["objects that no run returned", [{ a: [1] }, new Date(0)]],
    ["a state made by hand", [Completed()]],
  ])("is empty for %s", (_, args) => {
    expect(lineageOf(args)).toEqual({});
  });

  it("is the run of a future, by parameter", () => {
    const [a, b] = [new Handle(), new Handle()];

    expect(lineageOf([a.future, 1, b.future], undefined, HERE)).toEqual({
      arg0: [task(a.id)],
      arg1: [],
      arg2: [task(b.id)],
    });
    expect(lineageOf([{ x: a.future, y: a.future, z: 1 }], undefined, HERE)).toEqual({
      x: [task(a.id)],
      y: [task(a.id)],
      z: [],
    });
  });

  it("is each run once, at any place", () => {
    const [a, b, c] = [new Handle(), new Handle(), new Handle()];

    expect(
      lineageOf([
        [a.future, a.future, b.future],
        new Map([[3, { 5: new Set([c.future, 4]) }]]),
        allowFailure([allowFailure(a.future)]),
      ]),
    ).toEqual({ arg0: [task(a.id), task(b.id)], arg1: [task(c.id)], arg2: [task(a.id)] });
  });

  it("is the task run of a state, also of a child flow run's", () => {
    expect(lineageOf([committed("flow", "task")])).toEqual({ arg0: [task("task")] });
    expect(lineageOf([committed("flow", null)])).toEqual({});
  });

  it("is the task run that stands for a child flow run, or a flow run at the top", () => {
    const child = new Handle({ kind: "flow", trackingTaskRunId: () => "tracking" }).future;
    const top = new Handle({ kind: "flow", id: "top" }).future;

    expect(lineageOf([child, top])).toEqual({
      arg0: [task("tracking")],
      arg1: [{ input_type: "flow_run", id: "top" }],
    });
  });

  it.each([
    ["a list", ["Fred"]],
    ["a Set", new Set([1])],
    ["an instance", new Date(0)],
    ["a function", () => 1],
  ])("is the run that returned the object: %s", (_, value) => {
    expect(lineageOf([returned(value, "t1")], undefined, HERE)).toEqual({ arg0: [task("t1")] });
  });

  it.each([true, false, null, undefined, 5, "Fred"])("is unknown for %s, which has no identity", (value) => {
    expect(lineageOf([returned(value, "t1")], undefined, HERE)).toEqual({});
  });

  it("is known for the parts of a returned value, one level deep", () => {
    const deep = { deep: true };
    const [part, other] = returned([[1, 2, deep], "Woof!"] as const, "t1");

    expect(lineageOf([part, other], undefined, HERE)).toEqual({ arg0: [task("t1")], arg1: [] });
    expect(lineageOf([deep], undefined, HERE)).toEqual({});
  });

  it("is known for a long list but not for each of its parts", () => {
    const parts = Array.from({ length: 500 }, () => ({}));
    returned(parts, "t1");

    expect(lineageOf([parts, parts[400]], undefined, HERE)).toEqual({ arg0: [task("t1")], arg1: [] });
  });

  it("stays known when the object is changed, and moves to the last run that returned it", () => {
    const list = returned([1], "t1");
    list.push(2);
    const before = lineageOf([list], undefined, HERE);
    returned(list, "t2");

    expect(before).toEqual({ arg0: [task("t1")] });
    expect(lineageOf([list], undefined, HERE)).toEqual({ arg0: [task("t2")] });
  });

  it("counts inside one flow run", () => {
    const shared = returned({}, "t1");

    expect(lineageOf([shared], undefined, { flowRunId: "another" })).toEqual({});
  });

  it("is the run that returned the object for each parameter, when the object gives the parameters their names", () => {
    const { future, id } = new Handle();

    expect(lineageOf([returned({ one: 1, two: future }, "t1")], undefined, HERE)).toEqual({
      one: [task("t1")],
      two: [task(id), task("t1")],
    });
    expect(lineageOf([{ one: returned({}, "t1") }], undefined, HERE)).toEqual({ one: [task("t1")] });
  });

  it("is a flow run for what a child flow returned", () => {
    expect(lineageOf([returned({}, "child", "flow")], undefined, HERE)).toEqual({
      arg0: [{ input_type: "flow_run", id: "child" }],
    });
  });

  it("names what was only waited for, in lists too", () => {
    const [a, b] = [new Handle(), new Handle()];

    expect(lineageOf([1], [a.future, [b.future]])).toEqual({ arg0: [], wait_for: [task(a.id), task(b.id)] });
    expect(lineageOf([1], [1])).toEqual({});
  });

  it("names what map took apart, beside the item's own", () => {
    const [list, item] = [new Handle(), new Handle()];

    expect(lineageOf([1, item.future, 2], undefined, { sources: [list.future, [item.future], [2]] })).toEqual({
      arg0: [task(list.id)],
      arg1: [task(item.id)],
      arg2: [],
    });
    expect(lineageOf([1], undefined, { ...HERE, sources: [returned([1], "t1")] })).toEqual({ arg0: [task("t1")] });
  });

  it("names the task run around", () => {
    expect(lineageOf([1], undefined, { parentTaskRunId: "outer" })).toEqual({ arg0: [], __parents__: [task("outer")] });
  });

  it("is found in a cycle", () => {
    const { future, id } = new Handle();
    const loop: Record<string, unknown> = { future };
    loop["self"] = loop;

    expect(lineageOf([[loop]])).toEqual({ arg0: [task(id)] });
  });
});
