import { expect, it } from "vitest";
import { schemaDocument } from "../../src/block/schema-document.ts";
import { pythonTitle } from "../../src/block/schema-node.ts";
import { Block, blockField, secret, secretBytes, secretDict, z } from "../../src/sdk.ts";
import { coded } from "../support/coded.ts";

class MyRegisteredBlock extends Block.define({
  slug: "myregisteredblock",
  schema: z.object({ x: z.string(), y: z.int().default(1) }),
}) {}

class SubChild extends Block.define({ slug: "sub-child", schema: z.object({ a: z.string(), b: secretDict() }) }) {}
class Child extends Block.define({
  slug: "child",
  schema: z.object({ a: secret(), b: z.string(), c: secretDict(), sub_child: blockField(() => SubChild) }),
}) {}
class Parent extends Block.define({
  slug: "parent",
  schema: z.object({ a: secret(), b: z.string(), child: blockField(() => Child) }),
}) {}

it("gives the checksum that Prefect's client gives to the same class", () => {
  expect(schemaDocument(MyRegisteredBlock).checksum).toBe(
    "sha256:0170f6bdcfdab859f8a7724becba29ad359b0116d0a3492356c1028369edbf8c",
  );
});

it("lists secret paths depth first, in order of declaration, through nested blocks", () => {
  class Example extends Block.define({
    slug: "x",
    schema: z.object({ w: secretDict(), x: secret(), y: secret(), z: z.string() }),
  }) {}

  expect(schemaDocument(Example).secretFields).toEqual(["w.*", "x", "y"]);
  expect(schemaDocument(Parent).secretFields).toEqual(["a", "child.a", "child.c.*", "child.sub_child.b.*"]);
});

it.each([
  { where: "a list of objects", field: z.array(z.object({ token: secret() })), paths: ["f.token"] },
  { where: "a list of secrets", field: z.array(secret()), paths: ["f"] },
  { where: "an optional nullable secret", field: secret().nullable().optional(), paths: ["f"] },
  {
    where: "an optional object",
    field: z.object({ deep: z.object({ t: secret() }).optional() }).optional(),
    paths: ["f.deep.t"],
  },
  { where: "a tuple", field: z.tuple([z.string(), secret()]), paths: ["f"] },
  { where: "a union", field: z.union([z.object({ a: secret() }), z.object({ b: secret() })]), paths: ["f.a", "f.b"] },
  {
    where: "a record of objects, whose keys are unknown",
    field: z.record(z.string(), z.object({ t: secret() })),
    paths: ["f.*"],
  },
  { where: "bytes", field: secretBytes(), paths: ["f"] },
  { where: "nothing secret", field: z.object({ a: z.string() }), paths: [] },
])("finds secrets in $where", ({ field, paths }) => {
  class Example extends Block.define({ slug: "x", schema: z.object({ f: field }) }) {}

  expect(schemaDocument(Example).secretFields).toEqual(paths);
});

it("describes nested blocks by reference, checksum and definition", () => {
  const { fields } = schemaDocument(Parent);

  expect(fields).toMatchObject({
    properties: { child: { $ref: "#/definitions/Child", position: 2 } },
    block_schema_references: {
      child: { block_type_slug: "child", block_schema_checksum: schemaDocument(Child).checksum },
    },
    definitions: {
      Child: { block_type_slug: "child", secret_fields: ["a", "c.*", "sub_child.b.*"] },
      SubChild: { title: "SubChild" },
    },
  });
  expect(fields["properties"]).not.toHaveProperty("child.title");
});

it("describes several possible types as alternatives", () => {
  class Many extends Block.define({
    slug: "many",
    schema: z.object({ list: z.array(blockField(() => [Child, SubChild])) }),
  }) {}

  const { fields } = schemaDocument(Many);

  expect(fields).toMatchObject({
    properties: {
      list: { type: "array", items: { anyOf: [{ $ref: "#/definitions/Child" }, { $ref: "#/definitions/SubChild" }] } },
    },
    block_schema_references: { list: [{ block_type_slug: "child" }, { block_type_slug: "sub-child" }] },
  });
});

it("marks secrets as passwords, keeps them required, and never writes their default", () => {
  class Example extends Block.define({
    slug: "x",
    schema: z.object({
      url: secret(z.url()).meta({ title: "Webhook URL", examples: ["https://hooks.slack.com/XXX"] }),
      pass: secret().prefault("default-secret"),
      headers: secretDict(),
    }),
  }) {}

  const { fields } = schemaDocument(Example);

  expect(fields).toMatchObject({
    required: ["url", "headers"],
    properties: {
      url: {
        title: "Webhook URL",
        type: "string",
        format: "password",
        writeOnly: true,
        examples: ["https://hooks.slack.com/XXX"],
        position: 0,
      },
      headers: { title: "Headers", type: "object", position: 2 },
    },
  });
  expect(JSON.stringify(fields)).not.toContain("default-secret");
});

it("uses no keyword that Prefect's documents do not have", () => {
  class Example extends Block.define({
    slug: "x",
    schema: z.object({
      n: z.int(),
      r: z.record(z.string(), z.number()),
      at: z.iso.datetime(),
      any: z.json(),
      maybe: z.string().nullable().default(null),
    }),
  }) {}

  const { properties } = schemaDocument(Example).fields;

  expect(properties).toEqual({
    n: { title: "N", type: "integer", position: 0 },
    r: { title: "R", type: "object", position: 1 },
    at: { title: "At", type: "string", format: "date-time", position: 2 },
    any: { title: "Any", position: 3 },
    maybe: { title: "Maybe", anyOf: [{ type: "string" }, { type: "null" }], default: null, position: 4 },
  });
});

it.each([
  { name: "access_key_id", title: "Access Key Id" },
  { name: "schema_", title: "Schema" },
  { name: "URL", title: "Url" },
  { name: "oauth2token", title: "Oauth2Token" },
])("titles $name as Python does", ({ name, title }) => {
  expect(pythonTitle(name)).toBe(title);
});

it("refuses two nested types of one title, and a type that contains itself", () => {
  const Twin = class Child extends Block.define({ slug: "other-child", schema: z.object({}) }) {};
  class Clash extends Block.define({
    slug: "clash",
    schema: z.object({ a: blockField(() => Child), b: blockField(() => Twin) }),
  }) {}
  class Loop extends Block.define({ slug: "loop", schema: z.object({ self: loopField() }) }) {}
  function loopField() {
    return blockField((): typeof Child => Loop as unknown as typeof Child);
  }

  expect(coded(() => schemaDocument(Clash)).message).toContain('two nested types have the title "Child"');
  expect(coded(() => schemaDocument(Loop)).message).toContain("contains itself");
});
