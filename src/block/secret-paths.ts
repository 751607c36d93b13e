import type { z } from "zod";
import { nestedClassesOf } from "./nested-block.ts";
import { childSchemas } from "./schema-walk.ts";
import { secretKindOf } from "./secret-field.ts";

/**
 * Dotted paths of all secrets in a schema, depth first in order of declaration: `x` is the whole value at x, `x.*`
 * every leaf below x. Lists, tuples and unions count as what they hold. Below a record, whose keys are not known,
 * everything is secret as soon as one part is.
 */
export const secretPaths = (schema: z.core.$ZodType): string[] => [...new Set(collect(schema, "", new Set()))];

function collect(schema: z.core.$ZodType, path: string, above: ReadonlySet<z.core.$ZodType>): string[] {
  if (above.has(schema)) return [];
  const kind = secretKindOf(schema);
  if (kind !== undefined) return [kind === "dict" ? `${path}.*` : path];
  const inside = new Set([...above, schema]);
  const nested = nestedClassesOf(schema);
  if (nested !== undefined) return nested.flatMap((type) => collect(type.definition.schema, path, inside));
  return childSchemas(schema).flatMap((child) => {
    if (child.anyKey === true) return collect(child.schema, path, inside).length > 0 ? [`${path}.*`] : [];
    return collect(child.schema, child.key === undefined ? path : join(path, child.key), inside);
  });
}

const join = (path: string, key: string): string => (path === "" ? key : `${path}.${key}`);
