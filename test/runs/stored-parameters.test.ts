import { describe, expect, it } from "vitest";
import { registerSecret } from "../../src/base/redactor.ts";
import { SecretValue } from "../../src/base/secret.ts";
import { storedParameters } from "../../src/runs/stored-parameters.ts";

describe("stored parameters", () => {
  it("keep plain JSON as it is", () => {
    const plain = { text: "a", count: 1, list: [1, { deep: null }], yes: true };

    expect(storedParameters(plain)).toEqual(plain);
  });

  it("name the type of what JSON does not know", () => {
    class Table {
      readonly rows = 1;
    }

    const stored = storedParameters({
      table: new Table(),
      map: new Map(),
      fn: () => 1,
      symbol: Symbol("s"),
      none: undefined,
      bytes: Buffer.from("x"),
    });

    expect(stored).toEqual({
      table: "<Table>",
      map: "<Map>",
      fn: "<function>",
      symbol: "<symbol>",
      none: "<undefined>",
      bytes: "<Buffer>",
    });
  });

  it("write dates, large and odd numbers as text", () => {
    expect(storedParameters({ at: new Date(0), big: 12n, nan: Number.NaN, bad: new Date(Number.NaN) })).toEqual({
      at: "1970-01-01T00:00:00.000Z",
      big: "12",
      nan: "NaN",
      bad: "<Date>",
    });
  });

  it("survive a value that contains itself", () => {
    const circular: Record<string, unknown> = { a: 1 };
    circular["self"] = circular;

    expect(storedParameters({ circular })).toEqual({ circular: { a: 1, self: "<Object>" } });
  });

  it.each([
    "password",
    "dbPassword",
    "DB_PASSWD",
    "clientSecret",
    "token",
    "access_token",
    "apiKey",
    "api-key",
    "API_KEY",
    "Authorization",
    "privateKey",
    "credentials",
    "connectionString",
  ])("mask whatever stands under %s, at any depth", (key) => {
    expect(storedParameters({ outer: { [key]: { deep: "hunter2" } }, [key]: "hunter2" })).toEqual({
      outer: { [key]: "********" },
      [key]: "********",
    });
  });

  it.each(["passenger", "keyboard", "author", "monkey", "compass"])("leave the harmless key %s alone", (key) => {
    expect(storedParameters({ [key]: "v" })).toEqual({ [key]: "v" });
  });

  it("mask secret values and known secrets inside texts", () => {
    registerSecret("parameter-canary-1");

    expect(storedParameters({ value: new SecretValue("s3cret"), url: "https://h/?k=parameter-canary-1" })).toEqual({
      value: "********",
      url: "https://h/?k=********",
    });
  });
});
