import { inspect } from "node:util";
import { describe, expect, it } from "vitest";
import { MASK } from "../../src/base/secret.ts";
import { redact } from "../../src/base/redactor.ts";
import {
  Block,
  NotificationBlock,
  SecretValue,
  blockField,
  chars,
  dateField,
  secret,
  secretBytes,
  secretDict,
  z,
} from "../../src/sdk.ts";
import { coded } from "../support/coded.ts";

class Login extends Block.define({
  slug: "define-login",
  schema: z.object({ user: z.string(), password: secret().prefault("") }),
}) {}

class Lamp extends Block.define({
  slug: "define-lamp",
  name: "Office Lamp",
  schema: z.object({
    name: z.string(),
    token: secret(z.string().min(3)),
    headers: secretDict().prefault({}),
    cert: secretBytes().optional(),
    since: dateField().optional(),
    level: z.int().max(10).default(3),
    login: blockField(() => Login).optional(),
  }),
}) {
  #uses = 0;

  use(): number {
    this.#uses += 1;
    return this.#uses;
  }
}

const lamp = () =>
  new Lamp({ name: "desk", token: "lamp-token-1", login: new Login({ user: "eve", password: "login-pass-1" }) });

describe("an instance", () => {
  it("has typed fields, defaults and the methods of its class", () => {
    const block = lamp();

    expect(block.name).toBe("desk");
    expect(block.level).toBe(3);
    expect(block.token.reveal()).toBe("lamp-token-1");
    expect(block.use() + block.use()).toBe(3);
    expect(block).toBeInstanceOf(Lamp);
    expect(block).toBeInstanceOf(Block);
  });

  it("takes secrets of another block, bytes and dates as they are", () => {
    const since = new Date("2026-01-02T03:04:05Z");
    const { login } = lamp();
    const block = new Lamp({
      name: "desk",
      login,
      token: new SecretValue("lamp-token-2"),
      cert: new Uint8Array([1, 2, 3]),
      since,
    });

    expect(block.token.reveal()).toBe("lamp-token-2");
    expect(block.cert?.reveal()).toEqual(new Uint8Array([1, 2, 3]));
    expect(block.since).toEqual(since);
    expect(block.login?.password.reveal()).toBe("login-pass-1");
  });

  it("strips unknown keys", () => {
    // A value of another shape, as it comes from JSON.
    const input = JSON.parse('{"name":"a","token":"abc","unknown":1}');

    expect(Object.keys(new Lamp(input))).toEqual(["name", "token", "headers", "level"]);
  });

  it("prints fields only, with every secret masked", () => {
    expect(inspect(new Login({ user: "eve", password: "login-pass-1" }))).toBe(
      `Login { user: 'eve', password: SecretValue(${MASK}) }`,
    );
    const shown = [
      inspect(lamp(), { depth: 9, showHidden: true }),
      JSON.stringify(lamp()),
      String(lamp().token),
    ].join();
    expect(shown).not.toContain("lamp-token-1");
    expect(shown).not.toContain("login-pass-1");
  });

  it("gives masked JSON with its slug, and refuses to be made from it", () => {
    expect(lamp().toJSON()).toEqual({
      block_type_slug: "define-lamp",
      name: "desk",
      token: MASK,
      headers: MASK,
      level: 3,
      login: { block_type_slug: "define-login", user: "eve", password: MASK },
    });
    expect(coded(() => new Lamp(JSON.parse(JSON.stringify(lamp())))).code).toBe("masked_value");
  });

  it("is unsaved until it is saved", () => {
    expect(lamp()).toMatchObject({
      documentId: null,
      documentName: null,
      isAnonymous: null,
      revision: null,
      origin: "code",
    });
    expect(coded(() => lamp().placeholder).code).toBe("block_not_saved");
  });

  it("registers its secrets for redaction as soon as it exists", () => {
    const block = lamp().with({ token: "lamp-token-redacted", headers: { auth: "lamp-header-redacted" } });

    expect(redact(`x ${block.token.reveal()} lamp-header-redacted`)).toBe(`x ${MASK} ${MASK}`);
  });

  it("copies itself with changes, validated, and stays as it was", () => {
    const block = lamp();
    const copy = block.with({ level: 9 });

    expect(copy).toBeInstanceOf(Lamp);
    expect(copy.level).toBe(9);
    expect(copy.token.equals(block.token)).toBe(true);
    expect(block.level).toBe(3);
    expect(coded(() => block.with({ level: 11 })).code).toBe("block_validation_failed");
  });
});

describe("bad input", () => {
  it("is refused with path and message, never with the value", () => {
    const error = coded(() => new Lamp({ name: "desk", token: "ab", login: { user: 5, password: "p" } }));

    expect(error.code).toBe("block_validation_failed");
    expect(error.details).toEqual({
      ref: "define-lamp",
      issues: [
        { path: "token", code: "too_small", message: expect.any(String) },
        { path: "login.user", code: "custom", message: expect.stringContaining("expected string") },
      ],
    });
    expect(inspect(error)).not.toContain("ab'");
  });

  it.each([
    { where: "a secret", make: () => new Lamp({ name: "a", token: MASK }), path: "token" },
    { where: "a wrapped secret", make: () => new Lamp({ name: "a", token: new SecretValue(MASK) }), path: "token" },
    {
      where: "a secret map",
      make: () => new Lamp({ name: "a", token: "abc", headers: { a: { b: [MASK] } } }),
      path: "headers",
    },
    {
      where: "a nested block",
      make: () => new Lamp({ name: "a", token: "abc", login: { user: "a", password: MASK } }),
      path: "login.password",
    },
  ])("is refused when the mask stands for $where", ({ make, path }) => {
    expect(coded(make)).toMatchObject({ code: "masked_value", details: { ref: "define-lamp", path } });
  });

  it("is refused when a nested block has the wrong type or is an unresolved reference", () => {
    const text = (login: Readonly<Record<string, unknown>>) =>
      coded(() => new Lamp({ name: "a", token: "abc", login })).message;

    expect(text({ block_type_slug: "string", value: "x" })).toContain("expected a block of type define-login");
    expect(text({ $ref: { block_document_id: "x" } })).toContain("resolved only while its document is loaded");
  });
});

describe("a definition", () => {
  const define = (shape: z.core.$ZodLooseShape, slug = "define-x") =>
    coded(() => Block.define({ slug, schema: z.object(shape) }));

  it.each(["then", "toJSON", "save", "documentId", "block_type_slug", "constructor"])(
    "is refused with a field named %s",
    (field) => {
      expect(define({ [field]: z.string() }).message).toContain(`"${field}" is reserved`);
    },
  );

  it.each(["1st", "with-dash", "_hidden", "$x", "2", "", "ümlaut"])("is refused with a field named %j", (field) => {
    expect(define({ [field]: z.string() }).code).toBe("invalid_block_registration");
  });

  it.each([
    { how: "transform()", field: z.string().transform(Number) },
    { how: "preprocess()", field: z.preprocess(String, z.string()) },
    { how: "a transform inside", field: z.object({ deep: z.array(z.string().transform(Number)).optional() }) },
  ])("is refused with $how, which cannot be undone for saving", ({ field }) => {
    expect(define({ field }).message).toContain("z.codec()");
  });

  it.each([{ slug: "With Space" }, { slug: "" }, { slug: "under_score" }])(
    "is refused with the slug $slug",
    ({ slug }) => {
      expect(define({}, slug).code).toBe("invalid_block_registration");
    },
  );

  it.each(["Prefect Thing", "BELLHOP", "a/b", "a\u0007b", ""])("is refused with the name %j", (name) => {
    expect(coded(() => Block.define({ slug: "x", name, schema: z.object({}) })).code).toBe(
      "invalid_block_registration",
    );
  });

  it("may use the field name `name` and trimming checks", () => {
    class Named extends Block.define({ slug: "define-named", schema: z.object({ name: z.string().trim() }) }) {}

    expect(new Named({ name: " a " }).name).toBe("a");
  });

  it("is needed: bases cannot be constructed", () => {
    expect(coded(() => new Block()).code).toBe("invalid_block_registration");
    expect(coded(() => new NotificationBlock()).code).toBe("invalid_block_registration");
  });

  it("can be extended with another slug and more fields, methods included", () => {
    class Spot extends Lamp.extend({ slug: "define-spot", schema: (schema) => schema.extend({ angle: z.int() }) }) {}

    const spot = new Spot({ name: "a", token: "abc", angle: 4 });

    expect(spot.angle).toBe(4);
    expect(spot).toBeInstanceOf(Lamp);
    expect(Spot.definition).toMatchObject({ slug: "define-spot", name: "Office Lamp" });
    expect(Lamp.definition.slug).toBe("define-lamp");
  });

  it("of a channel has the capability notify and carries the channel", () => {
    class Pager extends NotificationBlock.define({
      slug: "define-pager",
      capabilities: ["extra"],
      schema: z.object({ url: secret(z.url()) }),
      dialect: "text",
      limits: { body: chars(160) },
      profile: "page",
      build: ({ config, message }) => ({
        executor: "http",
        method: "POST",
        url: config.url.reveal(),
        body: { type: "text", value: message.body },
      }),
    }) {}

    expect(Pager.definition.capabilities).toEqual(["notify", "extra"]);
    expect(Pager.channel.profile).toBe("page");
    expect(new Pager({ url: "https://pager.example/x" })).toBeInstanceOf(NotificationBlock);
  });
});
