import { describe, expect, it } from "vitest";
import { Annotation, allowFailure, unmapped } from "../../src/engine/annotations.ts";
import { futureList } from "../../src/engine/future-list.ts";
import { expandMap, type Mapping } from "../../src/engine/map.ts";
import { Completed } from "../../src/states/constructors.ts";
import { keepValue } from "../../src/states/state.ts";
import { coded, rejected } from "../support/coded.ts";
import { completed, ended, failed, Handle } from "../support/futures.ts";

const SKIPS = { allowSkip: true };

const calls = (...args: readonly unknown[]): Mapping["calls"] => {
  const mapping = expandMap(args, SKIPS);
  if (mapping instanceof Promise) throw new Error("it waits");
  return mapping.calls;
};

const callsLater = async (...args: readonly unknown[]): Promise<Mapping["calls"]> =>
  (await expandMap(args, SKIPS)).calls;

describe("the arguments of map", () => {
  it.each([
    ["an array", [1, 2]],
    ["a Set", new Set([1, 2])],
    [
      "a generator",
      (function* () {
        yield 1;
        yield 2;
      })(),
    ],
    [
      "whatever can be iterated over",
      new Map([
        [1, "a"],
        [2, "b"],
      ]).keys(),
    ],
  ])("are taken apart item by item: %s", (_, list) => {
    expect(calls(list)).toEqual([[1], [2]]);
  });

  it.each([
    ["a number", 5],
    ["a text", "ab"],
    ["an object literal", { a: [1, 2] }],
    ["bytes", new Uint8Array([1, 2, 3])],
    ["nothing", undefined],
  ])("go to every run as they are: %s", (_, constant) => {
    expect(calls([1, 2], constant)).toEqual([
      [1, constant],
      [2, constant],
    ]);
  });

  it("are taken apart side by side", () => {
    expect(calls([1, 2], ["a", "b"], "c")).toEqual([
      [1, "a", "c"],
      [2, "b", "c"],
    ]);
  });

  it("go to every run as a whole inside unmapped", () => {
    const [first] = calls([1], unmapped([4, 5, 6]));

    expect(first?.[1]).toMatchObject({ kind: "unmapped", value: [4, 5, 6] });
  });

  it("make no run when the list is empty", () => {
    expect(calls([], "x")).toEqual([]);
  });

  it("keep the futures in a list: each run waits for its own", () => {
    const [a, b] = [new Handle().future, new Handle().future];

    expect(calls(futureList([a, b]), [unmapped(1), { f: a }])).toEqual([
      [a, unmapped(1)],
      [b, { f: a }],
    ]);
  });

  it("keep allowFailure around each item", () => {
    const items = calls(allowFailure(["a", "b"])).map(([item]) => item);

    expect(items.every((item) => typeof item === "object" && item !== null && Annotation.is(item))).toBe(true);
    expect(items).toMatchObject([
      { kind: "allow-failure", value: "a" },
      { kind: "allow-failure", value: "b" },
    ]);
  });

  it("go to every run inside allowFailure when they are no list, or wrapped in unmapped as well", () => {
    const future = new Handle().future;
    const [wrapped, twice, inside] = [allowFailure(future), allowFailure(unmapped([1])), unmapped(allowFailure([1]))];

    expect(calls([1], wrapped, twice, inside)).toEqual([[1, wrapped, twice, inside]]);
  });

  it("must have one length; the error names the lengths", () => {
    expect(coded(() => calls([1, 2, 3], "x", [4, 5, 6, 7]))).toMatchObject({
      code: "map_length_mismatch",
      name: "MappingLengthMismatch",
      message: "The lists given to map have different lengths: argument 1 has 3, argument 3 has 4.",
    });
  });

  it.each([
    [[5, "ab", unmapped([1])], "number, string, Annotation"],
    [[], "nothing"],
  ])("must hold a list: case %#", (args, got) => {
    expect(coded(() => calls(...args))).toMatchObject({
      code: "map_without_list",
      name: "MappingMissingIterable",
      message: expect.stringContaining(`got: ${got}`),
    });
  });
});

describe("a future of a list given to map", () => {
  it("is waited for and taken apart, and so is a state", async () => {
    const handle = new Handle();
    const state = Completed();
    keepValue(state, ["a", "b"]);
    const mapped = callsLater(handle.future, state, "c");

    await handle.complete([1, 2]);

    expect(await mapped).toEqual([
      [1, "a", "c"],
      [2, "b", "c"],
    ]);
  });

  it("goes to every run when its value is no list", async () => {
    expect(await callsLater([1, 2], await completed("x"))).toEqual([
      [1, "x"],
      [2, "x"],
    ]);
    expect(await rejected(callsLater(await completed(5)))).toMatchObject({ code: "map_without_list" });
  });

  it("is given as the source of every run, for the lineage", async () => {
    const future = await completed([1, 2]);

    expect((await expandMap([future, 0], SKIPS)).sources).toEqual([future, 0]);
  });

  it("throws when it did not complete, with the upstream's error as the cause", async () => {
    const boom = new Error("boom");

    expect(await rejected(callsLater(await failed(boom)))).toMatchObject({
      code: "upstream_not_completed",
      name: "UpstreamTaskError",
      message: expect.stringContaining("Failed (Error: boom)"),
      cause: boom,
    });
  });

  it("gives the one run that will be skipped when it was skipped itself", async () => {
    const state = Completed({ name: "Skipped" });
    keepValue(state, undefined);
    const future = await ended(state);

    expect(await callsLater(future, [1, 2, 3])).toEqual([[future, [1, 2, 3]]]);
    expect((await expandMap([future, [1, 2]], { allowSkip: false })).calls).toEqual([
      [undefined, 1],
      [undefined, 2],
    ]);
  });

  it("is no longer waited for when the signal is aborted", async () => {
    const controller = new AbortController();
    const mapped = expandMap([new Handle().future], { ...SKIPS, signal: () => controller.signal });

    controller.abort(new Error("stop"));

    await expect(mapped).rejects.toThrow("stop");
  });
});
