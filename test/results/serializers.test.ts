import { isDeepStrictEqual } from "node:util";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { BellhopError } from "../../src/base/errors.ts";
import { SecretValue } from "../../src/base/secret.ts";
import type { SerializerLike } from "../../src/results/options.ts";
import { serializerOf } from "../../src/results/serializers.ts";
import { Completed } from "../../src/states/constructors.ts";
import { isState } from "../../src/states/state.ts";
import { coded, rejected } from "../support/coded.ts";

async function roundTrip(value: unknown, type: SerializerLike | null = "json"): Promise<unknown> {
  const serializer = serializerOf(type);
  return serializer.deserialize(await serializer.serialize(value));
}

const refusal = (value: unknown, type: SerializerLike): Promise<BellhopError> =>
  rejected(Promise.resolve().then(() => serializerOf(type).serialize(value)));

const cyclic: Record<string, unknown> = {};
cyclic["self"] = cyclic;

class Point {
  x = 1;
}

const TYPES = ["json", "v8", "compressed/json", "compressed/v8"] as const;

describe.each(TYPES)("the serializer %s", (type) => {
  it.each([
    ["undefined", undefined],
    ["null", null],
    ["undefined in an object and in a list", { a: undefined, b: [undefined, 1] }],
    ["a date", new Date(5)],
    ["a big integer", 12_345_678_901_234_567_890n],
    [
      "a map with keys of any kind",
      new Map<unknown, unknown>([
        [{ a: 1 }, new Set([1])],
        ["x", undefined],
      ]),
    ],
    ["a set", new Set([1, "1", null])],
    ["bytes", new Uint8Array([1, 2, 255])],
    ["a part of an array of numbers", new Float64Array([0.5, -1, 7]).subarray(1)],
    ["an array buffer", new Uint8Array([9, 8]).buffer],
    ["a regular expression", /a+/giu],
    ["numbers that JSON has no form for", [Number.NaN, Number.POSITIVE_INFINITY, -0, Number.NEGATIVE_INFINITY]],
    ["an object with keys that could be mistaken", { $: "date", v: 1, n: { $: 1 } }],
  ])("keeps %s", async (_what, value) => {
    expect(await roundTrip(value, type)).toStrictEqual(value);
  });

  it("keeps whatever plain value there is", async () => {
    const values = fc.anything({
      withBigInt: true,
      withDate: true,
      withMap: true,
      withSet: true,
      withTypedArray: true,
    });
    await fc.assert(
      fc.asyncProperty(values, async (value) => {
        // Unlike the matcher, it finds a key of a map that is an object.
        expect(isDeepStrictEqual(await roundTrip(value, type), value)).toBe(true);
      }),
      { numRuns: 200 },
    );
  });

  it("keeps a map whose key is an object that cannot be said", async () => {
    const value = new Map([[{ toString: 0 }, 1]]);

    expect(isDeepStrictEqual(await roundTrip(value, type), value)).toBe(true);
  });

  it("keeps an error with its kind, its cause and its stack", async () => {
    const error = new RangeError("too far", { cause: new Error("inner") });

    const read = await roundTrip(error, type);

    expect(read).toBeInstanceOf(RangeError);
    expect(read).toMatchObject({ name: "RangeError", message: "too far", stack: error.stack });
    expect(read).toHaveProperty("cause.message", "inner");
  });

  it.each([
    ["a secret", new SecretValue("hunter2-hunter2"), "a secret"],
    ["a function", () => 1, "a function"],
    ["a symbol", Symbol("s"), "a symbol"],
    ["an instance of a class", new Point(), "an instance of Point"],
    ["a promise", Promise.resolve(1), "an instance of Promise"],
  ])("refuses %s, saying what and where", async (_what, value, found) => {
    const error = await refusal({ list: [{ deep: value }] }, type);

    expect(error).toMatchObject({ code: "result_not_serializable", details: { found, path: "list.0.deep" } });
    expect(`${error.message}${error.hint}`).not.toContain("hunter2");
  });

  it("refuses a secret in a map, a set and the cause of an error", async () => {
    const secret = new SecretValue("hunter2-hunter2");
    const hidden = [
      new Map([["a", secret]]),
      new Map([[secret, 1]]),
      new Set([secret]),
      new Error("e", { cause: secret }),
    ];
    for (const value of hidden) expect((await refusal(value, type)).code).toBe("result_not_serializable");
  });
});

describe("the serializer json", () => {
  it("is the default", () => {
    expect(serializerOf(null).type).toBe("json");
  });

  it("refuses cycles, and takes the same object twice", async () => {
    const shared = { a: 1 };

    expect(await refusal(cyclic, "json")).toMatchObject({ details: { found: "a cycle", path: "self" } });
    expect(await roundTrip([shared, shared])).toEqual([shared, shared]);
  });

  it("refuses what is too deep rather than overflow the stack", async () => {
    let deep: unknown = 1;
    for (let level = 0; level < 20_000; level += 1) deep = [deep];

    expect(await refusal(deep, "json")).toMatchObject({ code: "result_not_serializable" });
  });

  it("gives a key named __proto__ back as a key", async () => {
    const read = await roundTrip(JSON.parse('{"__proto__": {"polluted": true}}'));

    expect(Object.keys(Object(read))).toEqual(["__proto__"]);
    expect({}).not.toHaveProperty("polluted");
  });

  it("keeps properties of errors, groups of errors and the codes of our own", async () => {
    const grouped = new AggregateError([new TypeError("a"), "b"], "several");
    const ours = new BellhopError("failed_run", { message: "m" });

    expect(await roundTrip(Object.assign(new Error("e"), { status: 418 }))).toMatchObject({
      message: "e",
      status: 418,
    });
    expect(await roundTrip(grouped)).toMatchObject({ message: "several", errors: [{ name: "TypeError" }, "b"] });
    const read = await roundTrip(ours);
    expect(BellhopError.is(read)).toBe(true);
    expect(read).toMatchObject({ code: "failed_run", name: "FailedRun", message: "m", hint: ours.hint });
  });

  it("keeps an error with a name of its own as an Error of that name", async () => {
    class PaymentError extends Error {
      override name = "PaymentError";
    }

    expect(await roundTrip(new PaymentError("no"))).toMatchObject({ name: "PaymentError", message: "no" });
  });

  it("keeps states and addresses", async () => {
    const state = Completed({ message: "done" });

    const read = await roundTrip({ state, url: new URL("https://example.com/a?b") });

    expect(read).toMatchObject({ state: { id: state.id, message: "done" }, url: { href: "https://example.com/a?b" } });
    expect(isState(Object(read)["state"])).toBe(true);
  });

  it("refuses to read what it does not know", () => {
    const bytes = (text: string) => Buffer.from(text, "utf8");
    const { deserialize } = serializerOf("json");

    const reads = ["", "{", '{"$":"toString"}', '{"$":"map","v":1}', '{"$":"bytes","v":["Function",""]}'].map(
      (text) => {
        try {
          return deserialize(bytes(text));
        } catch (error) {
          return error;
        }
      },
    );

    for (const read of reads) expect(read).toBeInstanceOf(Error);
  });
});

describe("the serializer v8", () => {
  it("keeps cycles", async () => {
    const read = await roundTrip(cyclic, "v8");

    expect(Object(read)["self"]).toBe(read);
  });
});

describe("a compressed serializer", () => {
  it("writes less", async () => {
    const value = "abc".repeat(10_000);

    expect((await serializerOf("compressed/json").serialize(value)).length).toBeLessThan(500);
  });
});

describe("the option resultSerializer", () => {
  it("takes an object with a type and two functions", async () => {
    const own = {
      type: "text",
      serialize: (value: unknown) => Buffer.from(String(value)),
      deserialize: (bytes: Uint8Array) => Buffer.from(bytes).toString(),
    };

    expect(await roundTrip(5, own)).toBe("5");
  });

  it.each([
    ["an unknown name", "pickle"],
    ["an object without functions", { type: "x" }],
    ["a number", 5],
  ])("refuses %s", (_what, given) => {
    // As a caller without types gives it.
    const error = coded(() => serializerOf(given as never));

    expect(error).toMatchObject({ code: "invalid_definition", details: { option: "resultSerializer" } });
    expect(error).toBeInstanceOf(TypeError);
  });
});
