import { describe, expect, expectTypeOf, it } from "vitest";
import {
  type CacheContext,
  type CachePolicy,
  cachePolicy,
  flow,
  getTransaction,
  INPUTS,
  type Serializer,
  type State,
  task,
  type Transaction,
  transaction,
} from "bellhop";

// Nothing here is run: the compiler is the test. The one assertion keeps the file from being empty.
const define = (..._examples: readonly (() => unknown)[]): boolean => true;

describe("the types of result options", () => {
  it("take what they are documented to take, on flows and tasks", () => {
    const examples = () => {
      const own: Serializer = { type: "own", serialize: () => new Uint8Array(), deserialize: () => 1 };
      flow({ name: "f", persistResult: true, resultStorage: "store", resultSerializer: "compressed/json" }, () => 1);
      flow({ name: "f", persistResult: null, resultStorage: new URL("file:///tmp/x"), resultSerializer: own }, () => 1);
      task(
        { name: "t", resultStorage: "/tmp/x", resultSerializer: "v8", resultStorageKey: "of {parameters.a}" },
        () => 1,
      );
      task(
        { name: "t", cachePolicy: INPUTS.minus("a").plus(INPUTS), cacheExpiration: 60, refreshCache: true },
        () => 1,
      );
      // @ts-expect-error only tasks are cached
      flow({ name: "f", cachePolicy: INPUTS }, () => 1);
      // @ts-expect-error there is no such serializer
      flow({ name: "f", resultSerializer: "yaml" }, () => 1);
      // @ts-expect-error a number of seconds
      task({ name: "t", cacheExpiration: "60" }, () => 1);
      // @ts-expect-error a policy, not a function
      task({ name: "t", cachePolicy: () => "key" }, () => 1);
    };
    expect(define(examples)).toBe(true);
  });

  it("give key functions their context and the arguments by name", () => {
    const examples = () => {
      task(
        {
          name: "t",
          cacheKeyFn: (context, parameters) => {
            expectTypeOf(context).toEqualTypeOf<CacheContext>();
            expectTypeOf(parameters).toEqualTypeOf<Readonly<Record<string, unknown>>>();
            return null;
          },
        },
        () => 1,
      );
      task({ name: "t", cacheKeyFn: async () => "key" }, () => 1);
      expectTypeOf(cachePolicy((_context, { day }) => String(day))).toEqualTypeOf<CachePolicy>();
      // @ts-expect-error a key is a text
      task({ name: "t", cacheKeyFn: () => 5 }, () => 1);
    };
    expect(define(examples)).toBe(true);
  });

  it("give a state's result its type only where a failure throws", () => {
    const examples = () => {
      const state = undefined as unknown as State<number>;
      expectTypeOf(state.result()).toEqualTypeOf<Promise<number>>();
      expectTypeOf(state.result({ retryResultFailure: false })).toEqualTypeOf<Promise<number>>();
      expectTypeOf(state.result({ raiseOnFailure: false })).toEqualTypeOf<Promise<unknown>>();
    };
    expect(define(examples)).toBe(true);
  });
});

describe("the types of transactions", () => {
  it("give back what the block gives, and the values that the reader says they are", () => {
    const examples = () => {
      expectTypeOf(transaction(async () => 1)).toEqualTypeOf<Promise<number>>();
      expectTypeOf(transaction({ key: "k" }, (txn) => txn.key)).toEqualTypeOf<Promise<string | null>>();
      expectTypeOf(getTransaction()).toEqualTypeOf<Transaction | null>();
      const txn = undefined as unknown as Transaction;
      expectTypeOf(txn.get<number>("rows")).toEqualTypeOf<number>();
      expectTypeOf(txn.get("rows", 0)).toEqualTypeOf<number>();
      expectTypeOf(txn.get("rows")).toEqualTypeOf<unknown>();
      // @ts-expect-error no such mode
      void transaction({ commitMode: "SOMETIMES" }, () => 1);
      // @ts-expect-error a block is needed
      void transaction({ key: "k" });
    };
    expect(define(examples)).toBe(true);
  });

  it("give hooks of a task its transaction", () => {
    const examples = () => {
      const load = task(
        { name: "t", onCommit: [(txn) => void expectTypeOf(txn).toEqualTypeOf<Transaction>()] },
        () => 1,
      );
      load.onRollback(async (txn) => void txn.get("path"));
      // @ts-expect-error a list is needed
      task({ name: "t", onCommit: () => undefined }, () => 1);
    };
    expect(define(examples)).toBe(true);
  });
});
