import { describe, expect, expectTypeOf, it } from "vitest";
import { allowFailure, unmapped } from "../../src/engine/annotations.ts";
import type { Future } from "../../src/engine/future.ts";
import type { FutureList } from "../../src/engine/future-list.ts";
import type { FutureValue, MapRuns, Submit } from "../../src/engine/future-types.ts";
import type { State } from "../../src/states/state.ts";

// Nothing here is run: the compiler is the test. The one assertion keeps the file from being empty.
const define = (..._examples: readonly (() => unknown)[]): boolean => true;

declare const n: Future<number>;
declare const s: Future<string>;
declare const numbers: Future<number[]>;
declare const state: State<number>;

describe("the types of submit", () => {
  it("take each argument as a value, a future or a state, and give a future of the value", () => {
    const examples = () => {
      const add = undefined as unknown as Submit<[a: number, b?: number], string>;
      expectTypeOf(add(1, 2)).toEqualTypeOf<Future<string>>();
      expectTypeOf(add(n)).toEqualTypeOf<Future<string>>();
      add(state, n);
      add(unmapped(1), unmapped(n));
      // @ts-expect-error a future of a text is no number
      add(s);
      // @ts-expect-error the first argument is missing
      add();
      // @ts-expect-error one argument too many
      add(1, 2, 3);
    };
    expect(define(examples)).toBe(true);
  });

  it("take futures inside lists and objects", () => {
    const examples = () => {
      const sum = undefined as unknown as Submit<[values: number[], options: { by: number; tags?: string[] }], number>;
      sum([1, n, state], { by: n });
      sum(numbers, { by: 1, tags: [s] });
      sum([1], undefined as unknown as Future<{ by: number }>);
      // @ts-expect-error a text in the list
      sum([s], { by: 1 });
      // @ts-expect-error a text in the object
      sum([n], { by: s });
    };
    expect(define(examples)).toBe(true);
  });

  it("take a class, a function and anything at all as they are", () => {
    const examples = () => {
      const run = undefined as unknown as Submit<[at: Date, fn: () => number, rest: unknown], void>;
      run(new Date(0), () => 1, n);
      run(undefined as unknown as Future<Date>, () => 1, { deep: n });
    };
    expect(define(examples)).toBe(true);
  });

  it("let allowFailure through only where the body expects an error", () => {
    const examples = () => {
      const careful = undefined as unknown as Submit<[a: number | Error, list: (number | Error)[]], string>;
      const careless = undefined as unknown as Submit<[a: number], string>;
      const any = undefined as unknown as Submit<[a: unknown], string>;
      careful(allowFailure(n), allowFailure([n, 1]));
      careful(allowFailure(unmapped(n)), [allowFailure(n)]);
      any(allowFailure(n));
      // @ts-expect-error the body would get an error for a number
      careless(allowFailure(n));
    };
    expect(define(examples)).toBe(true);
  });

  it("take the data out of a state that the body made", () => {
    expectTypeOf<FutureValue<State<number>>>().toEqualTypeOf<number | State<number>>();
    expectTypeOf<FutureValue<string[]>>().toEqualTypeOf<string[]>();
  });
});

describe("the types of a future", () => {
  it("tell a wait without end from one with a timeout", () => {
    define(
      () => expectTypeOf(n.wait()).toEqualTypeOf<Promise<State<number>>>(),
      () => expectTypeOf(n.wait({ timeout: 5 })).toEqualTypeOf<Promise<State<number> | undefined>>(),
      () => expectTypeOf(n.result()).toEqualTypeOf<Promise<number>>(),
      () => expectTypeOf(n.result({ timeout: 5 })).toEqualTypeOf<Promise<number>>(),
      () => expectTypeOf(n.result({ raiseOnFailure: false })).toEqualTypeOf<Promise<unknown>>(),
      () => expectTypeOf(n.state).toEqualTypeOf<State<number>>(),
    );
  });

  it("do not let it be awaited for its value", () => {
    expectTypeOf<Awaited<Future<number>>>().toEqualTypeOf<Future<number>>();
  });
});

describe("the types of map", () => {
  const useMap = (mapAdd: MapRuns<[a: number, b?: number], string>) => {
    expectTypeOf(mapAdd([1, 2])).toEqualTypeOf<FutureList<string>>();
    expectTypeOf(mapAdd([1, n, state], 5)).toEqualTypeOf<FutureList<string>>();
    expectTypeOf(mapAdd(new Set([1]), unmapped(5))).toEqualTypeOf<FutureList<string>>();
    expectTypeOf(mapAdd(undefined as unknown as FutureList<number>)).toEqualTypeOf<FutureList<string>>();
    // @ts-expect-error texts in the list
    void mapAdd(["a"]);
  };

  it("take lists, constants and lists of futures, and give the futures at once", () => {
    expect(define(() => useMap)).toBe(true);
  });

  it("give the futures later when a future of a list comes first", () => {
    const examples = () => {
      const mapAdd = undefined as unknown as MapRuns<[a: number, b?: number], string>;
      expectTypeOf(mapAdd(numbers)).toEqualTypeOf<Promise<FutureList<string>>>();
      expectTypeOf(mapAdd([1], n)).toEqualTypeOf<Promise<FutureList<string>>>();
    };
    expect(define(examples)).toBe(true);
  });

  it("ask for unmapped around a list that every run is to get", () => {
    const examples = () => {
      const mapRows = undefined as unknown as MapRuns<[table: string, columns: string[]], void>;
      mapRows(["a", "b"], unmapped(["x", "y"]));
      mapRows(["a", "b"], [["x"], ["y"]]);
      mapRows("a", [["x"], ["y"]]);
      // @ts-expect-error each run would get one text
      void mapRows(["a", "b"], ["x", "y"]);
    };
    expect(define(examples)).toBe(true);
  });

  it("let allowFailure through only where the body expects an error", () => {
    const examples = () => {
      const careful = undefined as unknown as MapRuns<[a: number | Error], string>;
      const careless = undefined as unknown as MapRuns<[a: number], string>;
      expectTypeOf(careful(allowFailure([n, 1]))).toEqualTypeOf<FutureList<string>>();
      // @ts-expect-error the body would get an error for a number
      void careless(allowFailure([n]));
    };
    expect(define(examples)).toBe(true);
  });
});
