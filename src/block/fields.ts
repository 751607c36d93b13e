import { z } from "zod";
import { revealDeep } from "../base/secret.ts";
import type { JsonObject } from "../base/json.ts";
import { type BlockClass, FieldValues } from "./block-class.ts";
import { BlockTooLargeError, BlockValidationError, InvalidBlockRegistrationError, MaskedValueError } from "./errors.ts";
import { MASKED_ISSUE } from "./secret-field.ts";

/** Plain size of one document. Kubernetes credentials and service-account files are blocks too. */
export const MAX_DATA_BYTES = 1_048_576;

/** Fields that were present when an instance was made; tells a re-declared field from an omitted one. */
const present = new WeakMap<object, readonly string[]>();

/** Path, code and message of each issue; never the input. */
export function issuesOf(error: z.ZodError): { path: string; code: string; message: string }[] {
  return error.issues.map(({ path, code, message }) => ({
    path: path.map(String).join(".") || "(block)",
    code,
    message,
  }));
}

const maskedIssue = (error: z.ZodError) =>
  error.issues.find((issue) => issue.code === "custom" && issue.params?.["kind"] === MASKED_ISSUE);

function refuse(ref: string, error: z.ZodError): never {
  const masked = maskedIssue(error);
  if (masked !== undefined) throw new MaskedValueError({ ref, path: masked.path.map(String).join(".") });
  throw new BlockValidationError({ ref, issues: issuesOf(error) });
}

/** Bytes and dates have no JSON form; fields take them as base64 and as ISO 8601 text. */
const plainInput = (value: unknown): unknown => {
  if (value instanceof Uint8Array) return Buffer.from(value).toString("base64");
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? null : value.toISOString();
  if (Array.isArray(value)) return value.map(plainInput);
  if (typeof value !== "object" || value === null || Object.getPrototypeOf(value) !== Object.prototype) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, plainInput(item)]));
};

/**
 * Parses what a constructor was given. Secrets in the input are unwrapped first, so both plain values and
 * `SecretValue`s taken from another block fit.
 *
 * @throws block_validation_failed, masked_value
 */
export function parseFields(type: BlockClass, input: unknown): Readonly<Record<string, unknown>> {
  if (input instanceof FieldValues) return input.values;
  const parsed = type.definition.schema.safeParse(plainInput(revealDeep(input)));
  if (!parsed.success) refuse(type.definition.slug, parsed.error);
  return parsed.data;
}

/** Puts the values on a new instance. */
export function assignFields(block: object, values: Readonly<Record<string, unknown>>): void {
  Object.assign(block, values);
  present.set(
    block,
    Object.keys(values).filter((key) => values[key] !== undefined),
  );
}

/**
 * The raw values of an instance, secrets revealed. Saved nested blocks are still there as instances.
 *
 * @throws block_validation_failed, masked_value, invalid_block_registration
 */
export function encodeLive(type: BlockClass, block: object, ref: string): Readonly<Record<string, unknown>> {
  const { schema, slug } = type.definition;
  const own = ownFields(type, block);
  const encoded = z.safeEncode(schema, own);
  if (!encoded.success) {
    const lost = present.get(block)?.find((key) => own[key] === undefined && isRequired(schema, key));
    if (lost !== undefined) {
      const problem = `the field "${lost}" lost its value; a class must not re-declare the fields of its schema`;
      throw new InvalidBlockRegistrationError({ type: slug, problem });
    }
    refuse(ref, encoded.error);
  }
  return encoded.data;
}

/**
 * The raw document of an instance as it is stored: JSON, `undefined` dropped, saved nested blocks as `$ref`.
 *
 * @throws block_validation_failed, masked_value, block_too_large, invalid_block_registration
 */
export function encodeFields(type: BlockClass, block: object, ref: string): JsonObject {
  const text = JSON.stringify(encodeLive(type, block, ref));
  if (Buffer.byteLength(text, "utf8") > MAX_DATA_BYTES) throw new BlockTooLargeError({ ref, maxBytes: MAX_DATA_BYTES });
  // What JSON.stringify wrote for an object reads back as one.
  return JSON.parse(text) as JsonObject;
}

const isRequired = (schema: z.ZodObject, key: string): boolean =>
  schema.shape[key]?.safeParse(undefined).success === false;

/** The instance's values of the fields that its schema has. */
export function ownFields(type: BlockClass, block: object): Record<string, unknown> {
  const values: Record<string, unknown> = {};
  for (const key of Object.keys(type.definition.schema.shape)) {
    // Instances carry their fields as own properties; a value of another type is refused by the schema afterwards.
    const value = (block as Record<string, unknown>)[key];
    if (value !== undefined) values[key] = value;
  }
  return values;
}
