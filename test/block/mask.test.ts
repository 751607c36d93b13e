import { expect, it } from "vitest";
import { MASK } from "../../src/base/secret.ts";
import { maskDocument } from "../../src/block/mask.ts";

it.each([
  { rule: "a text", data: { a: "s" }, paths: ["a"], shown: { a: MASK } },
  { rule: "a number", data: { a: 5 }, paths: ["a"], shown: { a: MASK } },
  {
    rule: "a list or object as one leaf",
    data: { a: [1], b: { c: 1 } },
    paths: ["a", "b"],
    shown: { a: MASK, b: MASK },
  },
  { rule: "nothing where null is stored", data: { a: null }, paths: ["a"], shown: { a: null } },
  { rule: "nothing where nothing is stored", data: {}, paths: ["a"], shown: {} },
  { rule: "only what is secret", data: { a: "s", b: "plain" }, paths: ["a"], shown: { a: MASK, b: "plain" } },
  {
    rule: "every leaf of a secret map, with its keys",
    data: { w: { t: "s", n: { u: 1 } } },
    paths: ["w.*"],
    shown: { w: { t: MASK, n: { u: MASK } } },
  },
  {
    rule: "a list below a secret map as one leaf",
    data: { w: { t: ["a", "b"] } },
    paths: ["w.*"],
    shown: { w: { t: MASK } },
  },
  { rule: "a secret map that is no map", data: { w: "s" }, paths: ["w.*"], shown: { w: MASK } },
  { rule: "nothing in an empty secret map", data: { w: {} }, paths: ["w.*"], shown: { w: {} } },
  { rule: "nested fields", data: { c: { a: "s", b: "plain" } }, paths: ["c.a"], shown: { c: { a: MASK, b: "plain" } } },
  {
    rule: "through lists",
    data: { t: [{ k: "s" }, { k: "s", p: 1 }] },
    paths: ["t.k"],
    shown: { t: [{ k: MASK }, { k: MASK, p: 1 }] },
  },
  { rule: "through lists of lists", data: { t: [[{ k: "s" }]] }, paths: ["t.k"], shown: { t: [[{ k: MASK }]] } },
  { rule: "text where the schema promises an object", data: { c: "s" }, paths: ["c.a"], shown: { c: MASK } },
  {
    rule: "such text inside a list",
    data: { t: ["s", { k: "s" }] },
    paths: ["t.k"],
    shown: { t: [MASK, { k: MASK }] },
  },
])("masks $rule", ({ data, paths, shown }) => {
  expect(maskDocument(data, paths)).toEqual(shown);
});

it("masks everything when the schema cannot be read", () => {
  expect(maskDocument({ a: "x", b: { c: 1, d: null } }, undefined)).toEqual({ a: MASK, b: { c: MASK, d: null } });
});

it("treats odd keys as data", () => {
  const data = JSON.parse('{"__proto__": {"t": "s"}, "constructor": "s"}');

  const shown = maskDocument(data, ["__proto__.t", "constructor"]);

  expect(JSON.stringify(shown)).toBe(`{"__proto__":{"t":"${MASK}"},"constructor":"${MASK}"}`);
});
