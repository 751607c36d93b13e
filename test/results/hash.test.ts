import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { SecretValue } from "../../src/base/secret.ts";
import { hashOf } from "../../src/results/hash.ts";
import { coded } from "../support/coded.ts";

class Money {
  readonly #cents: number;
  constructor(cents: number) {
    this.#cents = cents;
  }
  toJSON(): string {
    return `${this.#cents} cents`;
  }
}

class Hidden {
  readonly #inside: number;
  constructor(inside: number) {
    this.#inside = inside;
  }
  get inside(): number {
    return this.#inside;
  }
}

class Account {
  readonly token: SecretValue;
  constructor(token: string) {
    this.token = new SecretValue(token);
  }
  toJSON(): object {
    return { token: String(this.token) };
  }
}

/** The same value with the keys of all objects in the reverse order. */
function reversed(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(reversed);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .toReversed()
      .map(([key, item]) => [key, reversed(item)]),
  );
}

describe("the hash of a value", () => {
  it("is the same in every process and version", () => {
    // SHA-256 of [{"a":undefined,"b":[1,"x",null]}]
    expect(hashOf({ b: [1, "x", null], a: undefined })).toBe(
      "2095b52ade370bc6dd2b5ba75e9c3c1a9d9b8335f9c4c4d57948d73ece51cb9a",
    );
  });

  it("does not depend on the order of keys, entries and members", () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        const plain: unknown = JSON.parse(JSON.stringify(value));
        expect(hashOf(reversed(plain))).toBe(hashOf(plain));
      }),
    );
    expect(
      hashOf(
        new Map([
          ["a", 1],
          ["b", 2],
        ]),
      ),
    ).toBe(
      hashOf(
        new Map([
          ["b", 2],
          ["a", 1],
        ]),
      ),
    );
    expect(hashOf(new Set([1, 2]))).toBe(hashOf(new Set([2, 1])));
  });

  it("is equal exactly for equal values", () => {
    const values = fc.anything({ withBigInt: true, withDate: true, withTypedArray: true });
    fc.assert(
      fc.property(values, values, (one, other) => {
        const copy: unknown = structuredClone(one);
        expect(hashOf(copy)).toBe(hashOf(one));
        // toEqual treats 0 and -0, and undefined and missing, in its own way; the hash tells them apart.
        if (hashOf(one) === hashOf(other)) expect(other).toEqual(one);
      }),
      { numRuns: 500 },
    );
  });

  it.each([
    ["a number and its text", 1, "1"],
    ["a number and a big integer", 1, 1n],
    ["null and undefined", null, undefined],
    ["a missing key and an undefined one", {}, { a: undefined }],
    ["the nesting of lists", [[1], 2], [1, [2]]],
    ["a date and its text", new Date(0), new Date(0).toISOString()],
    ["a list and a set", [1], new Set([1])],
    ["kinds of bytes", new Uint8Array([1]), new Int8Array([1])],
    ["errors", new Error("a"), new Error("b")],
    ["instances that say what they are", new Money(1), new Money(2)],
    ["an instance and its text", new Money(1), "1 cents"],
    ["zero and minus zero", 0, -0],
  ])("tells %s apart", (_what, one, other) => {
    expect(hashOf(one)).not.toBe(hashOf(other));
  });

  it.each([
    ["a function", () => 1, "a function"],
    ["a symbol", Symbol("s"), "a symbol"],
    ["a promise", Promise.resolve(), "an instance of Promise"],
    ["a secret", new SecretValue("hunter2-hunter2"), "a secret"],
    ["an instance that does not show what is in it", new Hidden(1), "an instance of Hidden"],
    [
      "an instance whose text hides a secret",
      new Account("hunter2-hunter2"),
      "an instance of Account with a secret in it",
    ],
  ])("is refused for %s", (_what, value, found) => {
    expect(coded(() => hashOf({ a: [value] }))).toMatchObject({
      code: "input_not_hashable",
      details: { found, path: "0.a.0" },
    });
  });
});
