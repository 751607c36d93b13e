import { inspect } from "node:util";
import { expect, it } from "vitest";
import { MASK, SecretValue, revealDeep } from "../../src/base/secret.ts";

const secret = new SecretValue("hunter2-hunter2");

it.each([
  { where: "a template string", printed: `${secret.toString()}${secret[Symbol.toPrimitive]()}`, mask: MASK + MASK },
  { where: "String()", printed: String(secret), mask: MASK },
  { where: "concatenation", printed: ["a", secret].join(""), mask: `a${MASK}` },
  { where: "JSON", printed: JSON.stringify({ secret }), mask: `{"secret":"${MASK}"}` },
  { where: "inspect", printed: inspect(secret), mask: `SecretValue(${MASK})` },
  {
    where: "inspect with hidden keys",
    printed: inspect({ secret }, { showHidden: true, depth: 9 }),
    mask: `{ secret: SecretValue(${MASK}) }`,
  },
])("prints as the mask in $where", ({ printed, mask }) => {
  expect(printed).toBe(mask);
});

it("gives its value to reveal() only", () => {
  expect(secret.reveal()).toBe("hunter2-hunter2");
  expect(secret.getSecretValue()).toBe("hunter2-hunter2");
  expect(Object.keys(secret)).toEqual([]);
  expect(JSON.stringify(structuredClone(secret))).toBe("{}");
});

it("compares contents with secrets and plain values", () => {
  expect(secret.equals(new SecretValue("hunter2-hunter2"))).toBe(true);
  expect(secret.equals("hunter2-hunter2")).toBe(true);
  expect(secret.equals(new SecretValue("other"))).toBe(false);
  expect(new SecretValue({ a: [1] }).equals(new SecretValue({ a: [1] }))).toBe(true);
  expect(new SecretValue(undefined).equals("undefined")).toBe(false);
});

it("derives another secret without showing the value", () => {
  const url = secret.map((password) => `smtp://user:${password}@host`);

  expect(String(url)).toBe(MASK);
  expect(url.reveal()).toBe("smtp://user:hunter2-hunter2@host");
});

it("knows secrets of another copy of the package by their brand, and nothing else", () => {
  const foreign = {
    get [Symbol.for("bellhop.SecretValue")]() {
      return true;
    },
    reveal: () => "x",
  };

  expect(SecretValue.is(foreign)).toBe(true);
  expect(SecretValue.is({ reveal: () => "x" })).toBe(false);
  expect(SecretValue.is(null)).toBe(false);
});

it("unwraps secrets at any depth and leaves instances of classes alone", () => {
  const date = new Date(0);

  const plain = revealDeep({ a: [secret, { b: secret }], date, ["__proto__x"]: new SecretValue({ c: secret }) });

  expect(plain).toEqual({
    a: ["hunter2-hunter2", { b: "hunter2-hunter2" }],
    date,
    ["__proto__x"]: { c: "hunter2-hunter2" },
  });
});
