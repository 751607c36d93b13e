import { z } from "zod";
import type { JsonObject, JsonValue } from "../base/json.ts";
import { type BlockClass, capabilitiesOf, versionOf } from "./block-class.ts";
import { schemaChecksum } from "./checksum.ts";
import { InvalidBlockRegistrationError } from "./errors.ts";
import { nestedClassesOf } from "./nested-block.ts";
import { NESTED_KEY, type SchemaNode, fieldNode, plainNode } from "./schema-node.ts";
import { childSchemas } from "./schema-walk.ts";
import { secretPaths } from "./secret-paths.ts";

/** A block class as it is stored: what its documents look like. */
export interface SchemaDocument {
  /** JSON Schema of the fields, with Prefect's additions. */
  readonly fields: JsonObject;
  readonly checksum: string;
  readonly version: string;
  readonly capabilities: readonly string[];
  readonly secretFields: readonly string[];
  /** Types of the blocks inside, each once, in order of declaration. */
  readonly nested: readonly BlockClass[];
}

const documents = new WeakMap<BlockClass, SchemaDocument>();

/** The schema document of a class; made once per class. @throws invalid_block_registration */
export function schemaDocument(type: BlockClass): SchemaDocument {
  return documents.get(type) ?? make(type, []);
}

function make(type: BlockClass, above: readonly BlockClass[]): SchemaDocument {
  const { slug, description, schema } = type.definition;
  if (above.includes(type)) throw new InvalidBlockRegistrationError({ type: slug, problem: "it contains itself" });
  const known = documents.get(type);
  if (known !== undefined) return known;

  const raw = toJsonSchema(schema);
  const keys = Object.keys(schema.shape);
  const byField = keys
    .map((key) => [key, nestedIn(schema.shape[key])] as const)
    .filter(([, types]) => types.length > 0);
  const nested = [...new Set(byField.flatMap(([, types]) => types))];
  const inner = new Map(nested.map((child) => [child, make(child, [...above, type])]));
  const titles = new Map(nested.map((child) => [child.definition.slug, titleOf(child)]));

  const definitions = { ...plainDefinitions(raw, titles), ...blockDefinitions(type, inner) };
  const secretFields = secretPaths(schema);
  const properties = keys.map((key, position) => [
    key,
    fieldNode(raw.properties?.[key] ?? {}, { key, position, titles }),
  ]);
  const fields: JsonObject = {
    title: titleOf(type),
    type: "object",
    ...(description === undefined ? {} : { description }),
    properties: Object.fromEntries(properties) as JsonObject,
    ...(raw.required === undefined || raw.required.length === 0 ? {} : { required: raw.required }),
    block_type_slug: slug,
    secret_fields: secretFields,
    block_schema_references: references(byField, inner),
    ...(Object.keys(definitions).length === 0 ? {} : { definitions }),
  };
  const version = versionOf(type);
  const document = {
    fields,
    checksum: schemaChecksum(fields),
    version,
    capabilities: capabilitiesOf(type),
    secretFields,
    nested,
  };
  documents.set(type, document);
  return document;
}

/** Title of a class in schema documents: the one its schema gives itself, else the class name. */
const titleOf = (type: BlockClass): string => type.definition.schema.meta()?.title ?? type.name;

function toJsonSchema(schema: z.ZodObject): SchemaNode {
  const made = z.toJSONSchema(schema, {
    io: "input",
    target: "draft-7",
    unrepresentable: "any",
    override: ({ zodSchema, jsonSchema }) => {
      const nested = nestedClassesOf(zodSchema);
      if (nested !== undefined) jsonSchema[NESTED_KEY] = nested.map((type) => type.definition.slug);
      // zod leaves the examples of codecs out, because it cannot tell which side they show. Ours show the input.
      const examples = z.globalRegistry.get(zodSchema)?.examples;
      if (Array.isArray(examples)) jsonSchema.examples = examples;
    },
  });
  // zod types the result with keywords of all drafts; what is read here is the JSON behind it.
  return JSON.parse(JSON.stringify(made)) as SchemaNode;
}

function nestedIn(schema: z.core.$ZodType | undefined, seen = new Set<z.core.$ZodType>()): BlockClass[] {
  if (schema === undefined || seen.has(schema)) return [];
  seen.add(schema);
  return [...(nestedClassesOf(schema) ?? childSchemas(schema).flatMap((child) => nestedIn(child.schema, seen)))];
}

type Inner = ReadonlyMap<BlockClass, SchemaDocument>;

function references(byField: readonly (readonly [string, readonly BlockClass[]])[], inner: Inner): JsonObject {
  const one = (type: BlockClass): JsonObject => ({
    block_type_slug: type.definition.slug,
    block_schema_checksum: inner.get(type)?.checksum ?? null,
  });
  const entry = (types: readonly BlockClass[]): JsonValue =>
    types.length === 1 ? (types.map(one)[0] ?? null) : types.map(one);
  return Object.fromEntries(byField.map(([key, types]) => [key, entry(types)]));
}

/** Documents of the blocks inside, and of those inside them, under their titles. */
function blockDefinitions(type: BlockClass, inner: Inner): JsonObject {
  const merged = new Map<string, JsonObject>();
  const add = (title: string, definition: JsonObject): void => {
    const other = merged.get(title);
    if (other !== undefined && other["block_type_slug"] !== definition["block_type_slug"]) {
      throw new InvalidBlockRegistrationError({
        type: type.definition.slug,
        problem: `two nested types have the title "${title}"`,
      });
    }
    merged.set(title, definition);
  };
  for (const [child, { fields }] of inner) {
    const { definitions, ...own } = fields;
    // Definitions are objects under titles; they were made by this very function.
    for (const [title, definition] of Object.entries((definitions ?? {}) as Record<string, JsonObject>))
      add(title, definition);
    add(titleOf(child), own);
  }
  return Object.fromEntries(merged);
}

const plainDefinitions = (raw: SchemaNode, titles: ReadonlyMap<string, string>): Record<string, JsonValue> =>
  Object.fromEntries(
    Object.entries(raw.definitions ?? {})
      .filter(([name]) => !name.startsWith("__schema"))
      .map(([name, node]) => [name, plainNode(node, titles)]),
  );
