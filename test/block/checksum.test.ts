import { expect, it } from "vitest";
import { pythonJson, schemaChecksum } from "../../src/block/checksum.ts";
import { compareCodePoints } from "../../src/block/code-points.ts";

const registered = {
  title: "MyRegisteredBlock",
  type: "object",
  properties: {
    x: { title: "X", type: "string", position: 0 },
    y: { title: "Y", default: 1, type: "integer", position: 1 },
  },
  block_schema_references: {},
  block_type_slug: "myregisteredblock",
  required: ["x"],
  secret_fields: [],
};

const text = (title: string) => ({ title, type: "string" });

// Reference values made by Prefect's client.
it.each([
  { what: "an empty schema", fields: {}, checksum: "f8e6e96abbc38504d4e9c99fc57281fa0026bede1fa42db79f22f984501710f4" },
  { what: "a block", fields: registered, checksum: "0170f6bdcfdab859f8a7724becba29ad359b0116d0a3492356c1028369edbf8c" },
  {
    what: "a derived block",
    fields: {
      ...registered,
      title: "MyOtherRegisteredBlock",
      block_type_slug: "myotherregisteredblock",
      properties: { ...registered.properties, z: { default: 2, title: "Z", type: "integer", position: 2 } },
    },
    checksum: "23eb08106dd16b727f35a805261d8354d68603239fa32543625aff4af4b3008f",
  },
  {
    what: "a schema without positions",
    fields: {
      title: "x",
      type: "object",
      properties: {
        access_key_id: text("Access Key Id"),
        secret_access_key: text("Secret Access Key"),
        session_token: text("Session Token"),
      },
      block_type_slug: "x",
      block_schema_references: {},
    },
    checksum: "4448d5cf2ddb989f7fde8b2c36ec89527ca30e0e8ef041eed8bd15c11fe6cfee",
  },
])("hashes $what like Prefect", ({ fields, checksum }) => {
  expect(schemaChecksum(fields)).toBe(`sha256:${checksum}`);
});

it("does not depend on the order of keys, nor on secret fields at any depth of objects", () => {
  const { title, ...rest } = registered;

  expect(schemaChecksum({ ...rest, secret_fields: ["x"], title })).toBe(schemaChecksum(registered));
  expect(schemaChecksum({ a: { secret_fields: ["x"], b: 1 } })).toBe(schemaChecksum({ a: { b: 1 } }));
});

it("counts only definitions that are used and are no blocks, also where they refer to themselves", () => {
  const node = { type: "object", properties: { next: { $ref: "#/definitions/Node" } } };
  const used = { properties: { a: { $ref: "#/definitions/Node" } } };
  const block = { block_type_slug: "b", title: "B" };

  const withUsed = schemaChecksum({ ...used, definitions: { Node: node } });

  expect(schemaChecksum({ ...used, definitions: { Node: node, Unused: { type: "string" } } })).toBe(withUsed);
  expect(withUsed).not.toBe(schemaChecksum(used));
  expect(schemaChecksum({ p: { $ref: "#/definitions/B" }, definitions: { B: block } })).toBe(
    schemaChecksum({ p: { $ref: "#/definitions/B" } }),
  );
});

// Right-hand sides printed by CPython's json.dumps.
it.each([
  { value: 'é😀\u007f/\n"\\', python: '"\\u00e9\\ud83d\\ude00\\u007f/\\n\\"\\\\"' },
  {
    value: [1, 1e15, 2 ** 53, 1.5, 1e-5, 0.0001, 1.25e-7, 1e22],
    python: "[1, 1000000000000000, 9007199254740992, 1.5, 1e-05, 0.0001, 1.25e-07, 1e+22]",
  },
  { value: { b: null, a: true, "": [] }, python: '{"": [], "a": true, "b": null}' },
])("writes $value as Python does", ({ value, python }) => {
  expect(pythonJson(value)).toBe(python);
});

it("orders by code point where UTF-16 order differs", () => {
  expect(["\u{1f600}", "\uff5e", "a"].toSorted(compareCodePoints)).toEqual(["a", "\uff5e", "\u{1f600}"]);
  expect(["\u{1f600}", "\uff5e", "a"].toSorted()).toEqual(["a", "\u{1f600}", "\uff5e"]);
});
