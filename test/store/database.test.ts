import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { errorCode } from "../../src/base/errors.ts";
import { Database, query, type SqlValue, toJson } from "../../src/store/sqlite/database.ts";
import { tempFolder } from "../support/store-fixture.ts";

const ECHO = query<[value: SqlValue], { value: SqlValue }>("select ? as value");
const TWO = query<[one: SqlValue, two: SqlValue], { one: SqlValue; two: SqlValue }>("select ? as one, ? as two");

const thrown = (fn: () => unknown): string | undefined => {
  try {
    fn();
    return "nothing";
  } catch (error) {
    return errorCode(error);
  }
};

describe("Database", () => {
  it.each([
    { name: "a date", value: new Date(0) },
    { name: "an object", value: { one: 1 } },
    { name: "an array", value: [1] },
    { name: "undefined", value: undefined },
    { name: "a boolean", value: true },
    { name: "a symbol", value: Symbol("s") },
    { name: "not a number", value: Number.NaN },
    { name: "infinity", value: Number.POSITIVE_INFINITY },
    { name: "a big integer", value: 1n },
  ])("refuses $name as a value, in any place", ({ value }) => {
    using folder = tempFolder();
    const db = new Database(join(folder.path, "a.db"));
    // What a caller without types may pass.
    const wrong = value as unknown as SqlValue;

    expect(thrown(() => db.get(ECHO, wrong))).toBe("store_value_invalid");
    expect(thrown(() => db.all(TWO, "fine", wrong))).toBe("store_value_invalid");
    expect(thrown(() => db.run(TWO, wrong, 1))).toBe("store_value_invalid");
    db.close();
  });

  it.each([
    { name: "text", value: "it's \u0000 💥" },
    { name: "an integer beyond 32 bits", value: 1_767_225_600_000_000 },
    { name: "a fraction", value: 0.5 },
    { name: "null", value: null },
    { name: "bytes", value: new Uint8Array([0, 255]) },
  ])("gives back $name as it went in", ({ value }) => {
    using folder = tempFolder();
    const db = new Database(join(folder.path, "a.db"));

    expect(db.get(ECHO, value)?.value).toEqual(value);
    db.close();
  });

  it("takes back what a failed savepoint wrote and keeps the rest of the transaction", () => {
    using folder = tempFolder();
    const db = new Database(join(folder.path, "a.db"));
    db.exec("create table t (value text) strict");
    const insert = query<[value: string]>("insert into t values (?)");

    db.transaction(() => {
      db.run(insert, "before");
      expect(() =>
        db.savepoint(() => {
          db.run(insert, "inside");
          throw new Error("no");
        }),
      ).toThrow("no");
      db.run(insert, "after");
    });

    expect(db.all(query<[], { value: string }>("select value from t")).map((row) => row.value)).toEqual([
      "before",
      "after",
    ]);
    db.close();
  });

  it("turns values into JSON text or refuses them", () => {
    expect(toJson({ a: [1, null] })).toBe('{"a":[1,null]}');
    expect(toJson(undefined)).toBe("null");
    expect(thrown(() => toJson({ big: 1n }))).toBe("store_value_invalid");
  });
});
