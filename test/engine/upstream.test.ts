import { describe, expect, it } from "vitest";
import { allowFailure, unmapped } from "../../src/engine/annotations.ts";
import { futureList } from "../../src/engine/future-list.ts";
import {
  futuresToStates,
  hasUpstreams,
  notReadyState,
  type Resolved,
  resolveUpstreams,
  type UpstreamRequest,
} from "../../src/engine/upstream.ts";
import { CancelledRun, MissingResult, PausedRun, UnfinishedRun } from "../../src/states/run-errors.ts";
import { Cancelled, Completed, Crashed, Failed, Paused, Pending, Running } from "../../src/states/constructors.ts";
import { keepThrown, keepValue, type State } from "../../src/states/state.ts";
import { completed, ended, failed, Handle } from "../support/futures.ts";
import { ManualClock } from "../support/manual-clock.ts";

const request = (args: readonly unknown[], more: Partial<UpstreamRequest> = {}): UpstreamRequest => ({
  args,
  allowSkip: true,
  ...more,
});

async function resolve(args: readonly unknown[], more: Partial<UpstreamRequest> = {}): Promise<Resolved> {
  const resolved = await resolveUpstreams(request(args, more));
  if (resolved === null) throw new Error("there was nothing to resolve");
  return resolved;
}

async function ready(args: readonly unknown[], more: Partial<UpstreamRequest> = {}): Promise<readonly unknown[]> {
  const resolved = await resolve(args, more);
  if (resolved.kind !== "ready") throw new Error(`it is ${resolved.kind}`);
  return resolved.args;
}

const value = (given: unknown): State => {
  const state = Completed();
  keepValue(state, given);
  return state;
};

const skipped = (): State => {
  const state = Completed({ name: "Skipped" });
  keepValue(state, undefined);
  return state;
};

class Instance {
  readonly inner: unknown;
  constructor(inner: unknown) {
    this.inner = inner;
  }
}

describe("arguments without upstreams", () => {
  const loop: Record<string, unknown> = {};
  loop["self"] = [loop];

  it.each([
    ["none at all", []],
    ["plain values", [1, "a", null, undefined, true, 5n, Symbol("s"), () => 1]],
    ["lists and objects", [[1, [2]], { a: { b: new Map([["k", new Set([1])]]) } }, new Date(0)]],
    ["a cycle", [loop]],
    ["an object without a prototype", [Object.create(null)]],
  ])("are left alone, without waiting: %s", (_, args) => {
    expect(resolveUpstreams(request(args))).toBeNull();
  });

  it("are left alone inside an instance of a class", async () => {
    const instance = new Instance(await completed(1));

    expect(resolveUpstreams(request([instance]))).toBeNull();
  });

  it("go on unchanged when waitFor names nothing to wait for", async () => {
    const args = [{ a: 1 }];

    expect((await ready(args, { waitFor: [] })).at(0)).toBe(args[0]);
    expect((await ready(args, { waitFor: [1, "done", { a: 2 }] })).at(0)).toBe(args[0]);
  });
});

describe("futures and states in arguments", () => {
  it("are replaced by their values", async () => {
    const future = await completed({ rows: 3 });

    expect(await ready([future, value(7), "plain"])).toEqual([{ rows: 3 }, 7, "plain"]);
  });

  it("are waited for", async () => {
    const handle = new Handle();
    const waiting = ready([handle.future]);

    await handle.complete("late");

    expect(await waiting).toEqual(["late"]);
  });

  it("are replaced at any place, without a change to the caller's objects", async () => {
    const future = await completed(1);
    const untouched = { deep: [1] };
    const given = {
      list: [future, [future]],
      set: new Set([future, 2]),
      map: new Map<unknown, unknown>([[future, { inner: future }]]),
      untouched,
    };

    const [got] = await ready([given]);

    expect(got).toEqual({ list: [1, [1]], set: new Set([1, 2]), map: new Map([[1, { inner: 1 }]]), untouched });
    expect(got).toHaveProperty("untouched", untouched);
    expect((got as typeof given).untouched).toBe(untouched);
    expect(given.list[0]).toBe(future);
  });

  it("are replaced in an object without a prototype, and beside a symbol and a key named __proto__", async () => {
    const future = await completed(1);
    const bare: Record<string, unknown> = Object.assign(Object.create(null), { a: future });
    const key = Symbol("key");
    const odd = JSON.parse('{"__proto__":{"x":1}}');

    const [first, second] = await ready([bare, { ...odd, [key]: 2, future }]);

    expect(Object.getPrototypeOf(first)).toBeNull();
    expect({ ...(first as object) }).toEqual({ a: 1 });
    expect(second).toMatchObject({ [key]: 2, future: 1 });
    expect(Object.getPrototypeOf(second)).toBe(Object.prototype);
    expect(Object.keys(second as object)).toEqual(["__proto__", "future"]);
  });

  it("are replaced in cycles, which stay cycles", async () => {
    const loop: Record<string, unknown> = { future: await completed(1) };
    loop["list"] = [loop];

    const [got] = (await ready([loop])) as [{ future: unknown; list: unknown[] }];

    expect(got.future).toBe(1);
    expect(got.list[0]).toBe(got);
    expect(got).not.toBe(loop);
  });

  it("keep one copy of a list that stands in two places", async () => {
    const shared = [await completed(1)];

    const [first, second] = await ready([shared, shared]);

    expect(first).toEqual([1]);
    expect(second).toBe(first);
  });

  it("pass on what is no value as it is: nothing, null, and an error returned by the run", async () => {
    const error = new Error("returned");

    expect(await ready([value(undefined), value(null), value(error)])).toEqual([undefined, null, error]);
  });

  it("pass on the values of the runs whose states were returned", async () => {
    const states = await completed([value(1), value(2)]);
    const mixed = await completed([value(1), "x"]);

    expect((await ready([states, await completed(value(3))])).slice(0, 2)).toEqual([[1, 2], 3]);
    expect(await ready([mixed])).toEqual([[expect.objectContaining({ type: "COMPLETED" }), "x"]]);
  });

  it("take a list of futures, as map returns it", async () => {
    expect(await ready([futureList([await completed(1), await completed(2)])])).toEqual([[1, 2]]);
  });

  it("lose the wrapper that only map needs", async () => {
    expect(await ready([unmapped([1]), unmapped(await completed(2)), { a: allowFailure("x") }])).toEqual([
      [1],
      2,
      { a: "x" },
    ]);
  });

  it("do not look into a value for further futures", async () => {
    const open = new Handle().future;

    expect(await ready([await completed({ open })])).toEqual([{ open }]);
  });
});

describe("an upstream that did not complete", () => {
  const boom = new TypeError("boom");
  const returned = Failed({ message: "by hand" });
  const cases: readonly [string, () => Promise<unknown>, string, unknown][] = [
    ["failed", () => failed(boom), "Failed (TypeError: boom)", boom],
    [
      "timed out",
      () => ended(Failed({ name: "TimedOut", message: "late" })),
      "TimedOut (FailedRun: late)",
      expect.anything(),
    ],
    ["returned a failure", () => ended(returned), "Failed (FailedRun: by hand)", expect.anything()],
    ["crashed", () => ended(Crashed({ data: boom })), "Crashed (TypeError: boom)", boom],
    [
      "was cancelled",
      () => ended(Cancelled()),
      "Cancelled (CancelledRun: The run was cancelled.)",
      expect.any(CancelledRun),
    ],
    ["is paused", () => ended(Paused()), "Paused (PausedRun: ", expect.any(PausedRun)],
    ["could not start", () => ended(notReadyState({ message: "m", cause: boom })), "NotReady (TypeError: boom)", boom],
    ["has not ended", async () => Running(), "Running (UnfinishedRun: ", expect.any(UnfinishedRun)],
    ["is pending", async () => Pending(), "Pending (UnfinishedRun: ", expect.any(UnfinishedRun)],
  ];

  it.each(cases)("leaves the run not ready and says why: it %s", async (_, upstream, says, cause) => {
    const inArgs = await resolve([{ nested: [await upstream()] }]);
    const besides = await resolve([], { waitFor: [await upstream()] });

    for (const resolved of [inArgs, besides])
      expect(resolved).toMatchObject({ kind: "not-ready", message: expect.stringContaining(says), cause });
  });

  it("is named by its run, or its id, or as made by hand", async () => {
    const future = await failed(boom);
    const [byName, byId, byHand] = [await resolve([future]), await resolve([future.state]), await resolve([Failed()])];

    expect(byName).toMatchObject({
      message: 'Upstream task run "load-1a2" did not complete: it is Failed (TypeError: boom).',
    });
    expect(byId).toMatchObject({ message: expect.stringContaining(`Upstream task run ${future.id} did not`) });
    expect(byHand).toMatchObject({ message: expect.stringContaining("Upstream state made by hand did not") });
  });

  it("hands its own error down a chain of runs that could not start", async () => {
    const first = await resolve([await failed(boom)]);
    if (first.kind !== "not-ready") throw new Error("it is ready");
    const second = await resolve([await ended(notReadyState(first))]);

    expect(second).toMatchObject({ kind: "not-ready", cause: boom });
  });

  it("is waited for although another one has failed already, so that the outcome does not depend on time", async () => {
    const open = new Handle({ name: "open" });
    let isDone = false;
    const resolving = resolve([await failed(boom), open.future]).finally(() => {
      isDone = true;
    });

    await new ManualClock().settle();
    const early = isDone;
    await open.complete(skipped());

    expect(early).toBe(false);
    expect(await resolving).toMatchObject({ kind: "not-ready" });
  });

  it("leaves the run not ready when it completed but its value is lost", async () => {
    const resolved = await resolve([Completed()]);

    expect(resolved).toMatchObject({
      kind: "not-ready",
      message: expect.stringContaining("its result is not at hand"),
      cause: expect.any(MissingResult),
    });
  });

  it("needs no value when it is only waited for", async () => {
    expect(await ready([1], { waitFor: [Completed()] })).toEqual([1]);
  });

  it("is what a run that was interrupted counts as", async () => {
    const handle = new Handle();
    await handle.interrupt(boom, Crashed({ data: boom }));

    expect(await resolve([handle.future])).toMatchObject({ kind: "not-ready", cause: boom });
  });
});

describe("allowFailure", () => {
  const boom = new Error("boom");

  it("passes the error of a failed upstream, and the value of one that completed", async () => {
    expect(await ready([allowFailure(await failed(boom)), allowFailure(await completed(1))])).toEqual([boom, 1]);
  });

  it("passes the error of an upstream that could not start", async () => {
    const future = await ended(notReadyState({ message: "m", cause: boom }));

    expect(await ready([allowFailure(future)])).toEqual([boom]);
  });

  it("reaches into lists, also around unmapped and inside it", async () => {
    const future = await failed(boom);

    expect(
      await ready([
        allowFailure([future, 1, { a: future }]),
        allowFailure(unmapped(future)),
        unmapped(allowFailure(future)),
      ]),
    ).toEqual([[boom, 1, { a: boom }], boom, boom]);
  });

  it.each([
    ["crashed", Crashed()],
    ["was cancelled", Cancelled()],
    ["is running", Running()],
  ])("does not let through an upstream that %s", async (_, state) => {
    expect(await resolve([allowFailure(state)])).toMatchObject({ kind: "not-ready" });
  });

  it("counts for its own place only", async () => {
    const future = await failed(boom);
    const list = [future];

    expect(await resolve([allowFailure(future), future])).toMatchObject({ kind: "not-ready" });
    expect(await resolve([allowFailure(list), list])).toMatchObject({ kind: "not-ready" });
    expect(await resolve([allowFailure(future)], { waitFor: [future] })).toMatchObject({ kind: "not-ready" });
  });

  it("counts in waitFor, also around a list", async () => {
    const list = futureList([await completed(1), await failed(boom)]);

    expect(await ready([5], { waitFor: [allowFailure(list)] })).toEqual([5]);
  });

  it("passes a value that the failed run returned by hand", async () => {
    const state = Failed();
    keepValue(state, { partial: true });

    expect(await ready([allowFailure(await ended(state))])).toEqual([{ partial: true }]);
  });
});

describe("waitFor", () => {
  it("takes futures, states, lists of them, a generator and a single future", async () => {
    const [first, second] = [new Handle(), new Handle()];
    const list = resolve(["a"], { waitFor: [value(1), [first.future, new Set([second.future])]] });
    const generator = resolve(["b"], {
      waitFor: (function* () {
        yield first.future;
      })(),
    });
    const single = resolve(["c"], { waitFor: first.future as unknown as Iterable<unknown> });

    await first.complete(1);
    await second.complete(2);

    expect(await list).toEqual({ kind: "ready", args: ["a"] });
    expect(await generator).toEqual({ kind: "ready", args: ["b"] });
    expect(await single).toEqual({ kind: "ready", args: ["c"] });
  });

  it("refuses a promise, which is a call without submit", async () => {
    await expect(resolve([], { waitFor: [Promise.resolve(1)] })).rejects.toThrow(/a promise is no future/);
    await expect(resolve([], { waitFor: [[Promise.resolve(1)]] })).rejects.toThrow(TypeError);
  });
});

describe("a skipped upstream", () => {
  it("skips the run, in the arguments and in waitFor", async () => {
    const future = await ended(skipped());

    expect(await resolve([[future]])).toEqual({ kind: "skipped", state: future.state });
    expect(await resolve([], { waitFor: [future] })).toMatchObject({ kind: "skipped" });
  });

  it("goes before a failed one", async () => {
    expect(await resolve([await failed(new Error("boom")), await ended(skipped())])).toMatchObject({ kind: "skipped" });
  });

  it("is like any other when skipping is not handed on", async () => {
    expect(await ready([await ended(skipped())], { allowSkip: false })).toEqual([undefined]);
  });
});

describe("giving up the wait", () => {
  it("throws the signal's reason and stops listening", async () => {
    const controller = new AbortController();
    const reason = new Error("stop");
    const waiting = resolve([new Handle().future], { signal: () => controller.signal });

    await new ManualClock().settle();
    controller.abort(reason);

    await expect(waiting).rejects.toBe(reason);
    await expect(resolve([new Handle().future], { signal: () => controller.signal })).rejects.toBe(reason);
  });

  it("asks for the signal only when there is something to wait for", async () => {
    let asked = 0;
    const signal = (): AbortSignal => {
      asked += 1;
      return new AbortController().signal;
    };

    expect(resolveUpstreams(request([1], { signal }))).toBeNull();
    await resolve([await completed(1)], { signal });

    expect(asked).toBe(0);
  });
});

describe("futures in a return value", () => {
  it("become the last states of their runs, at any place", async () => {
    const handle = new Handle();
    const given = { list: [handle.future, 1], state: value(2) };
    const replacing = futuresToStates(given);
    await handle.complete(7);

    const got = await replacing;

    expect(got).toEqual({ list: [handle.future.state, 1], state: given.state });
    expect(given.list[0]).toBe(handle.future);
  });

  it("become a list of states when they are one, and a state when it is one", async () => {
    const [first, second] = [await completed(1), await failed(new Error("boom"))];

    expect(await futuresToStates(futureList([first, second]))).toEqual([first.state, second.state]);
    expect(await futuresToStates(first)).toBe(first.state);
  });

  it("are not looked for where there are none: the value is the same object, without a wait", () => {
    expect(futuresToStates({ a: [value(1), allowFailure(2)] })).toBeNull();
    expect(futuresToStates(5)).toBeNull();
  });
});

describe("the state of a run whose upstream did not complete", () => {
  it("is Pending, named NotReady, and keeps the cause", () => {
    const cause = new Error("boom");
    const state = notReadyState({ message: "Upstream …", cause });

    expect(state).toMatchObject({ type: "PENDING", name: "NotReady", message: "Upstream …" });
    expect(state.peek()).toBe(cause);
    expect(state.toWire().data).toBeNull();
  });
});

describe("looking for upstreams", () => {
  it("stops at the first one and sees through lists, objects, Maps, Sets and wrappers", () => {
    const state = keptThrown();

    expect(
      [[state], { a: [state] }, new Map([[state, 1]]), new Set([state]), allowFailure(1)].map((arg) =>
        hasUpstreams([arg]),
      ),
    ).toEqual([true, true, true, true, true]);
    expect(hasUpstreams([1], [])).toBe(true);
    expect(hasUpstreams([1])).toBe(false);
  });
});

function keptThrown(): State {
  const state = Failed();
  keepThrown(state, new Error("boom"));
  return state;
}
