import { z } from "zod";
import { BellhopError } from "../base/errors.ts";
import type { BlockClass } from "../block/block-class.ts";
import { nestedClassesOf } from "../block/nested-block.ts";
import { type SecretKind, secretKindOf } from "../block/secret-field.ts";

/** A field of a block type, as far as a person who fills it in is concerned. */
export interface Field {
  readonly name: string;
  readonly title: string;
  readonly description: string | undefined;
  readonly required: boolean;
  readonly secret: SecretKind | undefined;
  /** Slugs of the block types it can hold, when it holds another block. */
  readonly blocks: readonly string[] | undefined;
  readonly choices: readonly string[] | undefined;
  /** What applies when it is left out, as text; undefined for required, secret and nested fields. */
  readonly fallback: string | undefined;
  readonly schema: z.core.$ZodType;
}

/** The fields of a block type in order of declaration. */
export function fieldsOf(type: BlockClass): Field[] {
  return Object.entries(type.definition.schema.shape).map(([name, schema]) => fieldOf(name, schema));
}

function fieldOf(name: string, schema: z.core.$ZodType): Field {
  const layers = layersOf(schema);
  const meta = (key: string): string | undefined =>
    layers.map((layer) => z.globalRegistry.get(layer)?.[key]).find((text) => typeof text === "string");
  const absent = z.safeParse(schema, undefined);
  const secret = layers.map(secretKindOf).find((kind) => kind !== undefined);
  const blocks = layers
    .map(nestedClassesOf)
    .find((classes) => classes !== undefined)
    ?.map(({ definition }) => definition.slug);
  const hidden = secret !== undefined || blocks !== undefined || !absent.success || absent.data == null;
  return {
    name,
    title: meta("title") ?? name,
    description: meta("description"),
    required: !absent.success,
    secret,
    blocks,
    choices: layers.map(choicesOf).find((choices) => choices !== undefined),
    fallback: hidden ? undefined : typeof absent.data === "string" ? absent.data : JSON.stringify(absent.data),
    schema,
  };
}

/** The schema and what its wrappers (optional, default, …) wrap, outermost first. */
function layersOf(schema: z.core.$ZodType): z.core.$ZodType[] {
  // Each schema carries its definition, discriminated by `type`; zod types the base schema without the union.
  const { def } = (schema as z.core.$ZodTypes)._zod;
  return "innerType" in def ? [schema, ...layersOf(def.innerType)] : [schema];
}

function choicesOf(schema: z.core.$ZodType): readonly string[] | undefined {
  // As above.
  const { def } = (schema as z.core.$ZodTypes)._zod;
  return def.type === "enum" ? Object.values(def.entries).map(String) : undefined;
}

const accepts = (field: Field, value: unknown): boolean => z.safeParse(field.schema, value).success;

/** JSON inside the text, or nothing. */
function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined; // not JSON: the text is taken as it is
  }
}

/**
 * The value that a field gets from text: the text itself where the field takes text, else what it says as JSON, else
 * a comma-separated list. A field that takes any JSON takes objects and lists as such, unless it is a secret: a key
 * file must stay the text it is. When nothing fits, the text goes on to the block, which explains the problem.
 */
export function valueFromText(field: Field, text: string): unknown {
  const json = jsonOf(text);
  const structured = typeof json === "object" && json !== null;
  if (structured && field.secret !== "value" && accepts(field, json)) return json;
  if (accepts(field, text)) return text;
  if (json !== undefined && accepts(field, json)) return json;
  const list = text
    .split(",")
    .map((item) => item.trim())
    .filter((item) => item !== "");
  return accepts(field, list) ? list : text;
}

/** @throws cli_usage naming the fields of the type */
export function fieldNamed(fields: readonly Field[], slug: string, name: string): Field {
  const field = fields.find((candidate) => candidate.name === name);
  if (field !== undefined) return field;
  throw new BellhopError("cli_usage", {
    // What stands before the "=" may be a secret whose name was forgotten; only names of fields look like this.
    problem: /^[A-Za-z][A-Za-z0-9_]{0,40}$/.test(name) ? `${slug} has no field "${name}"` : `${slug} has no such field`,
    next: `Its fields: ${fields.map((candidate) => candidate.name).join(", ")}.`,
  });
}
