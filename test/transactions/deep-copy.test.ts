import { describe, expect, it } from "vitest";
import { deepCopy } from "../../src/transactions/deep-copy.ts";

class Account {
  #balance = 1;
  get balance(): number {
    return this.#balance;
  }
}

describe("deepCopy", () => {
  it.each([
    { what: "an object", value: { a: { b: [1, { c: null }] } } },
    { what: "a map", value: new Map([[{ k: 1 }, [2]]]) },
    { what: "a set", value: new Set([[1], [2]]) },
    { what: "a date", value: new Date(5) },
    { what: "binary data", value: new Uint8Array([1, 2]) },
    { what: "an object without a prototype", value: Object.assign(Object.create(null), { a: [1] }) },
  ])("copies $what", ({ value }) => {
    const copy = deepCopy(value);

    expect(copy).toEqual(value);
    expect(copy).not.toBe(value);
  });

  it("copies what is inside", () => {
    const value = { list: [{ n: 1 }], map: new Map([["k", { n: 1 }]]) };
    const copy = deepCopy(value) as typeof value; // A copy has the shape of what was copied.

    expect(copy.list[0]).not.toBe(value.list[0]);
    expect(copy.map.get("k")).not.toBe(value.map.get("k"));
  });

  it("keeps cycles", () => {
    const value: { self?: unknown; list: unknown[] } = { list: [] };
    value.self = value;
    value.list.push(value.list);
    const copy = deepCopy(value) as typeof value; // As above.

    expect(copy.self).toBe(copy);
    expect(copy.list[0]).toBe(copy.list);
  });

  it("keeps functions and instances of classes as they are", () => {
    const value = { fn: () => 1, account: new Account() };
    const copy = deepCopy(value) as typeof value; // As above.

    expect(copy.fn).toBe(value.fn);
    expect(copy.account.balance).toBe(1);
  });

  it("gives a field named __proto__ no power", () => {
    const copy = deepCopy(JSON.parse('{"__proto__": {"admin": true}}'));

    expect(Object.getPrototypeOf(copy)).toBe(Object.prototype);
  });
});
