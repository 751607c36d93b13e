import { expect, it } from "vitest";
import { registerSecret } from "../../src/base/redactor.ts";
import { errorFacts } from "../../src/delivery/error-facts.ts";

it("shows no part of a secret that stands where the message or the stack is cut", () => {
  const secret = "halfway-secret-0123456789";
  registerSecret(secret);
  for (let before = 0; before < secret.length; before += 3) {
    const long = new Error("x".repeat(9_990 + before - secret.length) + secret + "y".repeat(100));
    const deep = new Error("short");
    deep.stack = `Error: short\n    at a (/app/${"x".repeat(3_950 + before - secret.length)}${secret}${"y".repeat(400)}.ts:1:1)`;

    const texts = `${errorFacts(long).message}\n${errorFacts(deep).stack ?? ""}`;

    expect(texts.includes("halfw"), `${before} characters before the cut`).toBe(false);
  }
});

it("drops the whole login of an address, also when the password holds an at sign", () => {
  const { message } = errorFacts(new Error("cannot reach postgres://app:p@ss-word@db.internal:5432/prod?x=a@b"));

  expect(message).toBe("cannot reach postgres://db.internal:5432/prod?x=a@b");
});
