import type { z } from "zod";
import type { BlockDefinition } from "./block-class.ts";
import { InvalidBlockRegistrationError } from "./errors.ts";
import { isBlockName } from "./reference.ts";
import { childSchemas, isOneWay } from "./schema-walk.ts";

const FIELD_NAME = /^[A-Za-z][A-Za-z0-9_]{0,127}$/;
const MAX_FIELDS = 200;
const TYPE_NAME = /^[^/%&><\p{Cc}]{1,255}$/u;

/**
 * Names that a field cannot have. `then` above all: an object with a callable `then` is taken for a promise, and
 * `await` would never give the block.
 */
const RESERVED: ReadonlySet<string> = new Set([
  "then",
  "constructor",
  "prototype",
  "__proto__",
  "toJSON",
  "documentId",
  "documentName",
  "isAnonymous",
  "revision",
  "origin",
  "ref",
  "placeholder",
  "with",
  "save",
  "delete",
  "block_type_slug",
  "_block_document_id",
  "_block_document_name",
  "_is_anonymous",
  "$ref",
  "$env",
  "$file",
  "$keychain",
  "$exec",
  "$secret",
]);

/** Refuses a definition that could not be stored, loaded or used. @throws invalid_block_registration */
export function checkDefinition(definition: BlockDefinition): void {
  const refuse = (problem: string): never => {
    throw new InvalidBlockRegistrationError({ type: definition.slug, problem });
  };
  if (!isBlockName(definition.slug)) refuse("a slug is 1 to 255 lower-case letters, digits and dashes");
  if (definition.name !== undefined) checkTypeName(definition.slug, definition.name);
  const names = Object.keys(definition.schema.shape);
  if (names.length > MAX_FIELDS) refuse(`it has more than ${MAX_FIELDS} fields`);
  for (const name of names) {
    if (RESERVED.has(name)) refuse(`the field name "${name}" is reserved`);
    if (!FIELD_NAME.test(name))
      refuse(`the field name "${name}" is not letters, digits and underscores after a letter`);
  }
  const lossy = findOneWay(definition.schema, "", new Set());
  if (lossy !== undefined) {
    refuse(`the field "${lossy}" uses transform() or preprocess(), which cannot be undone for saving; use z.codec()`);
  }
}

/** Refuses a display name that people could not use or would take for one of ours. @throws invalid_block_registration */
export function checkTypeName(slug: string, name: string): void {
  if (/^(?:prefect|bellhop)/i.test(name)) {
    throw new InvalidBlockRegistrationError({
      type: slug,
      problem: `names that begin with "Prefect" or "Bellhop" are reserved`,
    });
  }
  if (TYPE_NAME.test(name)) return;
  throw new InvalidBlockRegistrationError({
    type: slug,
    problem: "a name is 1 to 255 characters without / % & > < and control characters",
  });
}

function findOneWay(schema: z.core.$ZodType, path: string, seen: Set<z.core.$ZodType>): string | undefined {
  if (seen.has(schema)) return undefined;
  seen.add(schema);
  if (isOneWay(schema)) return path;
  for (const child of childSchemas(schema)) {
    const found = findOneWay(
      child.schema,
      child.key === undefined ? path : path === "" ? child.key : `${path}.${child.key}`,
      seen,
    );
    if (found !== undefined) return found;
  }
  return undefined;
}
