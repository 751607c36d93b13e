import type { JsonObject, JsonValue } from "../base/json.ts";

/** Marks a block field in the JSON Schema that zod makes; holds the slugs. */
export const NESTED_KEY = "x-blocks";

/** A node of JSON Schema, as far as it is looked into. */
export interface SchemaNode {
  readonly [key: string]:
    | JsonValue
    | SchemaNode
    | readonly SchemaNode[]
    | undefined
    | { readonly [name: string]: SchemaNode };
  readonly properties?: { readonly [name: string]: SchemaNode };
  readonly definitions?: { readonly [name: string]: SchemaNode };
  readonly required?: readonly string[];
}

type Titles = ReadonlyMap<string, string>;

/** Keywords that Prefect's schema documents never have, or that are ours alone. */
const DROPPED: ReadonlySet<string> = new Set([
  "$schema",
  "additionalProperties",
  "propertyNames",
  "secret",
  NESTED_KEY,
  "definitions",
]);

/** Formats whose pattern zod spells out; the format says it already. */
const PATTERNED: ReadonlySet<unknown> = new Set([
  "date-time",
  "date",
  "time",
  "duration",
  "email",
  "uuid",
  "uri",
  "ipv4",
  "ipv6",
]);

/** A property of the block itself: with title and position. */
export function fieldNode(node: SchemaNode, field: { key: string; position: number; titles: Titles }): JsonObject {
  const made = plainNode(node, field.titles);
  const onlyReference = Object.keys(made).length === 1 && "$ref" in made;
  return { ...(onlyReference ? {} : { title: pythonTitle(field.key) }), ...made, position: field.position };
}

/** A node as Prefect writes it. */
export function plainNode(node: SchemaNode, titles: Titles): JsonObject {
  const kind = node["secret"];
  if (kind === "dict") return pick(node, ["title", "description", "examples"], { type: "object" });
  if (kind !== undefined) return secretNode(node, titles);
  const made: Record<string, JsonValue> = {};
  for (const [key, value] of Object.entries(node)) {
    if (!DROPPED.has(key) && value !== undefined) made[key] = keyword(key, value, titles);
  }
  dropNoise(node, made);
  return withBlocks(node, withTypeList(made), titles);
}

/** A secret has no default in its description: it would be one that everybody knows. */
function secretNode(node: SchemaNode, titles: Titles): JsonObject {
  const { secret: _kind, default: _default, format: _format, ...rest } = node;
  const made = plainNode(rest, titles);
  const { $ref: _any, ...own } = made;
  return { ...own, format: "password", writeOnly: true };
}

const INTEGER_BOUND = Number.MAX_SAFE_INTEGER;

/** Bounds that zod adds to every integer, and patterns behind a format. */
function dropNoise(node: SchemaNode, made: Record<string, JsonValue>): void {
  if (node["minimum"] === -INTEGER_BOUND) delete made["minimum"];
  if (node["maximum"] === INTEGER_BOUND) delete made["maximum"];
  if (PATTERNED.has(node["format"])) delete made["pattern"];
}

/** Applies {@link plainNode} wherever a keyword holds schemas; data such as defaults and examples stays as it is. */
function keyword(key: string, value: unknown, titles: Titles): JsonValue {
  // The keywords below hold schemas by the rules of JSON Schema; everything else is plain JSON.
  switch (key) {
    case "properties":
      return Object.fromEntries(
        Object.entries(value as Record<string, SchemaNode>).map(([name, node]) => [name, property(name, node, titles)]),
      );
    case "items":
      return Array.isArray(value)
        ? value.map((node: SchemaNode) => plainNode(node, titles))
        : plainNode(value as SchemaNode, titles);
    case "anyOf":
    case "oneOf":
    case "allOf":
      return (value as readonly SchemaNode[]).map((node) => plainNode(node, titles));
    default:
      return value as JsonValue;
  }
}

const property = (name: string, node: SchemaNode, titles: Titles): JsonObject => ({
  title: pythonTitle(name),
  ...plainNode(node, titles),
});

/** `{ type: ["string", "null"] }` as the alternatives that it stands for. */
function withTypeList(made: Readonly<Record<string, JsonValue>>): JsonObject {
  const { type, ...rest } = made;
  if (!Array.isArray(type)) return withoutAnyJson(made);
  return { anyOf: type.map((one: JsonValue) => ({ type: one })), ...rest };
}

/** "Any JSON" is no constraint, which is written as no keyword at all. */
function withoutAnyJson(made: Readonly<Record<string, JsonValue>>): JsonObject {
  const { $ref, allOf, ...rest } = made;
  if (typeof $ref === "string" && $ref.startsWith("#/definitions/__schema"))
    return allOf === undefined ? rest : { allOf, ...rest };
  // Draft 7 allows nothing beside `$ref`, so zod wraps one that has a title or description.
  return Array.isArray(allOf) && allOf.every((node) => Object.keys(node).length === 0) ? rest : made;
}

function withBlocks(node: SchemaNode, made: JsonObject, titles: Titles): JsonObject {
  const slugs = node[NESTED_KEY];
  if (!Array.isArray(slugs)) return made;
  const refs = slugs.map((slug) => ({ $ref: `#/definitions/${titles.get(String(slug)) ?? String(slug)}` }));
  const [only] = refs;
  return refs.length === 1 && only !== undefined ? { ...made, ...only } : { ...made, anyOf: refs };
}

function pick(node: SchemaNode, keys: readonly string[], rest: JsonObject): JsonObject {
  // Titles, descriptions and examples are plain JSON.
  const kept = keys.filter((key) => node[key] !== undefined).map((key) => [key, node[key] as JsonValue]);
  return { ...rest, ...(Object.fromEntries(kept) as JsonObject) };
}

/** A field name as a title, as Python's `str.title()` makes it: `access_key_id` gives `Access Key Id`. */
export const pythonTitle = (name: string): string =>
  name
    .replace(/[A-Za-z]+/g, (run) => run.slice(0, 1).toUpperCase() + run.slice(1).toLowerCase())
    .replaceAll("_", " ")
    .trim();
