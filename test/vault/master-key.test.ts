import { describe, expect, it } from "vitest";
import { redact } from "../../src/base/redactor.ts";
import { MASK } from "../../src/base/secret.ts";
import { generateKeyText, parseKeys } from "../../src/vault/master-key.ts";
import { coded } from "../support/coded.ts";

const bytes = Buffer.from(Array.from({ length: 32 }, (_, index) => index));

describe("a key", () => {
  it.each([
    { form: "base64", text: bytes.toString("base64") },
    { form: "base64url", text: bytes.toString("base64url") },
    { form: "hex", text: bytes.toString("hex") },
    { form: "upper-case hex with white space around it", text: ` ${bytes.toString("hex").toUpperCase()}\n` },
  ])("is read as $form", ({ text }) => {
    expect(parseKeys(text, "env", "test").map(({ kid }) => kid)).toEqual(["e98af9e47b5270c6"]);
  });

  it.each([
    { what: "of 31 bytes", text: bytes.subarray(1).toString("base64"), problem: "31 bytes" },
    { what: "of equal bytes", text: Buffer.alloc(32, 7).toString("base64"), problem: "all its bytes are equal" },
    { what: "that is a phrase", text: "correct horse battery staple", problem: "neither base64" },
    { what: "that is empty", text: "  ", problem: "it is empty" },
  ])("$what is refused without being shown", ({ text, problem }) => {
    const error = coded(() => parseKeys(text, "env", "BELLHOP_ENCRYPTION_KEY"));

    expect(error.code).toBe("encryption_key_invalid");
    expect(error.message).toContain(problem);
    expect(`${error.message}${error.hint}`).not.toContain(text.trim().slice(0, 12) || "\u0000");
  });
});

it("reads several keys in order, newest first", () => {
  const second = generateKeyText();
  const [a, b] = parseKeys(`${bytes.toString("hex")}, ${second}`, "env", "test");

  expect(a?.kid).toBe("e98af9e47b5270c6");
  expect(b?.kid).toBe(parseKeys(second, "file", "test")[0]?.kid);
});

it("makes different keys, which are masked wherever text is shown", () => {
  const text = generateKeyText();

  expect(text).not.toBe(generateKeyText());
  expect(redact(`key ${text}`)).toBe(`key ${MASK}`);
});
