import { z } from "zod";
import { registerSecret } from "../base/redactor.ts";
import { MASK, SecretValue } from "../base/secret.ts";

/** How a secret field is stored and masked. */
export type SecretKind = "value" | "dict" | "bytes";

/** A field whose value is wrapped in a `SecretValue`; input may be the plain value or a `SecretValue`. */
export type SecretSchema<Value, Input> = z.ZodType<SecretValue<Value>, Input | SecretValue<Value>>;

/** Marks an issue as "the mask was given", so that it becomes its own error. */
export const MASKED_ISSUE = "masked";

/** Registers every text inside with the redactor, so that it is masked wherever text leaves the process. */
export function rememberSecret(value: unknown): void {
  if (typeof value === "string") registerSecret(value);
  else if (typeof value === "number" || typeof value === "bigint") registerSecret(String(value));
  else if (value instanceof Uint8Array) registerSecret(Buffer.from(value).toString("base64"));
  else if (typeof value === "object" && value !== null) Object.values(value).forEach(rememberSecret);
}

function containsMask(value: unknown): boolean {
  if (value === MASK) return true;
  if (typeof value !== "object" || value === null || value instanceof Uint8Array) return false;
  return Object.values(value).some(containsMask);
}

function refuseMask(value: unknown, payload: z.core.ParsePayload): void {
  if (!containsMask(value)) return;
  payload.issues.push({
    code: "custom",
    input: undefined,
    message: "is the mask, not a value",
    params: { kind: MASKED_ISSUE },
  });
}

function secretCodec(inner: z.ZodType, kind: SecretKind): z.ZodType {
  const wrapped = z.custom<SecretValue<unknown>>((value) => SecretValue.is(value));
  // A codec, not preprocess: preprocess would make the field optional in the JSON Schema.
  const codec = z.codec(inner, wrapped, {
    decode: (value, payload) => {
      refuseMask(value, payload);
      rememberSecret(value);
      return new SecretValue<unknown>(value);
    },
    encode: (held, payload) => {
      const value = held.reveal();
      refuseMask(value, payload);
      rememberSecret(value);
      return value;
    },
  });
  return codec.meta({ secret: kind });
}

/**
 * A secret field: a `SecretValue` on the block, masked in every print and list, sealed in the store.
 *
 * @param inner What the value must be; default any text.
 * @example
 * schema: z.object({ url: secret(z.url()), token: secret() })
 */
export function secret(): SecretSchema<string, string>;
export function secret<Inner extends z.ZodType>(inner: Inner): SecretSchema<z.output<Inner>, z.input<Inner>>;
export function secret(inner: z.ZodType = z.string()): z.ZodType {
  return secretCodec(inner, "value");
}

/** A secret map, e.g. of headers: every value in it is masked, keys stay visible in lists. */
export function secretDict(): SecretSchema<Record<string, unknown>, Readonly<Record<string, unknown>>> {
  const codec = secretCodec(z.record(z.string(), z.json()), "dict");
  // The codec's types say what goes in and out of zod; block input may be wrapped already and is unwrapped before.
  return codec as SecretSchema<Record<string, unknown>, Readonly<Record<string, unknown>>>;
}

/** Secret bytes, stored as base64. */
export function secretBytes(): SecretSchema<Uint8Array, Uint8Array | string> {
  const bytes = z.codec(z.base64(), z.instanceof(Uint8Array), {
    decode: (text) => new Uint8Array(Buffer.from(text, "base64")),
    encode: (value) => Buffer.from(value).toString("base64"),
  });
  // As in secretDict. Bytes given to a constructor are turned into base64 before they are parsed.
  return secretCodec(bytes, "bytes") as SecretSchema<Uint8Array, Uint8Array | string>;
}

/** Whether and how this very schema is a secret, ignoring wrappers such as optional. */
export function secretKindOf(schema: z.core.$ZodType): SecretKind | undefined {
  const kind = z.globalRegistry.get(schema)?.["secret"];
  return kind === "value" || kind === "dict" || kind === "bytes" ? kind : undefined;
}
