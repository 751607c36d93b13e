import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { redact } from "../../src/base/redactor.ts";
import { MASK } from "../../src/base/secret.ts";
import { setBuiltinBlocks } from "../../src/block/registry.ts";
import { schemaDocument } from "../../src/block/schema-document.ts";
import { BUILTIN_BLOCKS } from "../../src/builtin.gen.ts";
import { Block } from "../../src/sdk.ts";
import { DateTimeBlock } from "../../blocks/date-time.ts";
import { EmailServerCredentials } from "../../blocks/email-server-credentials.ts";
import { JsonBlock } from "../../blocks/json.ts";
import { SecretBlock } from "../../blocks/secret.ts";
import { StringBlock } from "../../blocks/string.ts";
import { type TestBlocks, openTestBlocks } from "../support/block-context.ts";
import { coded, rejected } from "../support/coded.ts";

let blocks: TestBlocks;
const within = <T>(fn: () => T): T => blocks.within(fn);
beforeAll(async () => {
  setBuiltinBlocks(BUILTIN_BLOCKS);
  const env = {
    BELLHOP_SECRET__FROM_ENV: "secret-from-env",
    PREFECT__CONTEXT__SECRETS__FROM_ENV: "older",
    PREFECT__CONTEXT__SECRETS__OLD: "older-secret",
  };
  blocks = await openTestBlocks({ env });
});
afterAll(() => blocks[Symbol.asyncDispose]());

describe("secret", () => {
  it.each([
    { value: "12345" },
    { value: "true" },
    { value: " kept \n" },
    { value: 12_345 },
    { value: { user: "eve", ports: [1, 2], none: null } },
    { value: ["a", { b: false }] },
    { value: null },
  ])("gives $value back with its type", async ({ value }) => {
    await within(async () => {
      await new SecretBlock({ value }).save("typed", { overwrite: true });

      expect((await SecretBlock.load("typed")).get()).toEqual(value);
      expect(await Block.load("secret/typed").get()).toEqual(value);
    });
  });

  it("parses text as JSON only when asked to", () => {
    expect(new SecretBlock({ value: '{"a":1}' }).get({ json: true })).toEqual({ a: 1 });
    expect(new SecretBlock({ value: "plain text" }).get({ json: true })).toBe("plain text");
  });

  it("is found by its Prefect 1 name in the environment, then in the store", async () => {
    await within(async () => {
      await new SecretBlock({ value: "stored-secret" }).save("slack-webhook-url");
      await new SecretBlock({ value: "shadowed" }).save("from-env");

      expect(await SecretBlock.get("FROM_ENV")).toBe("secret-from-env");
      expect(await SecretBlock.get("OLD")).toBe("older-secret");
      expect(await SecretBlock.get("SLACK_WEBHOOK_URL")).toBe("stored-secret");
      expect(redact("secret-from-env older-secret stored-secret")).toBe(`${MASK} ${MASK} ${MASK}`);
      expect((await rejected(SecretBlock.get("MISSING"))).message).toContain("secret/missing");
    });
  });

  it("is masked wherever it is shown", () => {
    expect(JSON.stringify(new SecretBlock({ value: { deep: "deep-secret" } }))).toBe(
      `{"block_type_slug":"secret","value":"${MASK}"}`,
    );
  });
});

it("string, json and date-time keep their values", async () => {
  await within(async () => {
    const at = new Date("2026-02-03T04:05:06.789Z");
    await new StringBlock({ value: "ünï\ncode" }).save("a");
    await new JsonBlock({ value: { a: [1, null] } }).save("a");
    await new DateTimeBlock({ value: at }).save("a");
    await new DateTimeBlock({ value: "2026-02-03T05:05:06+01:00" }).save("b");

    expect((await Block.load("string/a")).value).toBe("ünï\ncode");
    expect((await Block.load("json/a")).value).toEqual({ a: [1, null] });
    expect((await Block.load("date-time/a")).value).toEqual(at);
    expect((await Block.load("date-time/b")).value.toISOString()).toBe("2026-02-03T04:05:06.000Z");
    expect(coded(() => new DateTimeBlock({ value: "yesterday" })).code).toBe("block_validation_failed");
    expect(coded(() => new DateTimeBlock({ value: new Date(Number.NaN) })).code).toBe("block_validation_failed");
  });
});

describe("email-server-credentials", () => {
  const server = (input: ConstructorParameters<typeof EmailServerCredentials>[0]) =>
    new EmailServerCredentials(input).smtpServer();

  it("defaults to Gmail over TLS without login", () => {
    expect(server({})).toEqual({
      host: "smtp.gmail.com",
      port: 465,
      security: "tls",
      verify: true,
      allowPrivateUrls: true,
    });
  });

  it.each([
    { smtp_type: 465, port: 465, security: "tls" },
    { smtp_type: "SSL", port: 465, security: "tls" },
    { smtp_type: 587, port: 587, security: "starttls" },
    { smtp_type: "starttls", port: 587, security: "starttls" },
    { smtp_type: "INSECURE", port: 25, security: "none" },
  ] as const)("connects with $security on $port for $smtp_type", ({ smtp_type, port, security }) => {
    expect(server({ smtp_type })).toMatchObject({ port, security });
  });

  it("takes providers by name, another port, and a login", () => {
    const input = {
      smtp_server: "Outlook",
      smtp_type: 587,
      smtp_port: 2525,
      username: "eve",
      password: "mail-pass",
      verify: false,
      allow_private_urls: false,
    } as const;

    expect(server(input)).toEqual({
      host: "smtp-mail.outlook.com",
      port: 2525,
      security: "starttls",
      auth: { user: "eve", pass: "mail-pass" },
      verify: false,
      allowPrivateUrls: false,
    });
  });

  it("refuses a type that does not exist", () => {
    const input = JSON.parse('{"smtp_type":26}');

    expect(coded(() => new EmailServerCredentials(input)).code).toBe("block_validation_failed");
  });
});

it.each([
  { type: SecretBlock, title: "Secret", secrets: ["value"], required: ["value"] },
  { type: StringBlock, title: "String", secrets: [], required: ["value"] },
  { type: JsonBlock, title: "JSON", secrets: [], required: ["value"] },
  { type: DateTimeBlock, title: "DateTime", secrets: [], required: ["value"] },
  { type: EmailServerCredentials, title: "EmailServerCredentials", secrets: ["password"], required: undefined },
])("$title has the title, secrets and required fields of Prefect's type", ({ type, title, secrets, required }) => {
  const { fields } = schemaDocument(type);

  expect(fields["title"]).toBe(title);
  expect(fields["secret_fields"]).toEqual(secrets);
  expect(fields["required"]).toEqual(required);
});

it("stores built-in types under the version of the package, and protects those that Prefect protects", async () => {
  await within(async () => {
    await new SecretBlock({ value: "version-secret" }).save("versioned");
    await new StringBlock({ value: "x" }).save("versioned");

    const { store } = blocks.context;
    const [secretType, stringType] = [await store.readType("secret"), await store.readType("string")];
    const schema = await store.readNewestSchema(secretType?.id ?? "");
    const { VERSION } = await import("../../src/base/version.ts");

    expect(schema?.version).toBe(VERSION);
    expect([secretType?.isProtected, stringType?.isProtected]).toEqual([true, false]);
  });
});
