import type { JsonObject, JsonValue } from "../base/json.ts";
import { redact } from "../base/redactor.ts";
import { MASK, SecretValue } from "../base/secret.ts";
import { typeName } from "../states/state-error.ts";

/** Keys whose values are never stored, whatever they hold. Word parts, so that `apiKey` and `api_key` both match. */
const SECRET_KEY =
  /^pass$|[-_ ]pass$|passwd|password|passphrase|secret|token|api[-_ ]?key|access[-_ ]?key|private[-_ ]?key|authorization|^auth$|credential|cookie|bearer|dsn$|connection[-_ ]?string/i;

/** Deeper values are stored as their type only. */
const MAX_DEPTH = 20;

/** The parameters of a run as they are stored: plain JSON, secrets masked, anything else as `<TypeName>`. */
export function storedParameters(parameters: Readonly<Record<string, unknown>>): JsonObject {
  return storedObject(parameters, []);
}

const isSecretKey = (key: string): boolean => SECRET_KEY.test(key);

/** The texts in parameters whose keys say that they are secret; they are masked in what the run stores about itself. */
export function secretTexts(parameters: Readonly<Record<string, unknown>>): readonly string[] {
  return Object.entries(parameters).flatMap(([key, value]) => textsIn(value, isSecretKey(key), 0));
}

function textsIn(value: unknown, isSecret: boolean, depth: number): readonly string[] {
  if (typeof value === "string") return isSecret ? [value] : [];
  if (depth >= MAX_DEPTH || !(Array.isArray(value) || isPlain(value))) return [];
  return Object.entries(value).flatMap(([key, item]) => textsIn(item, isSecret || isSecretKey(key), depth + 1));
}

function stored(value: unknown, parents: readonly object[]): JsonValue {
  if (value === null || typeof value === "boolean") return value;
  if (typeof value === "string") return redact(value);
  if (typeof value === "number") return Number.isFinite(value) ? value : String(value);
  if (typeof value === "bigint") return String(value);
  if (typeof value !== "object") return `<${typeName(value)}>`;
  if (SecretValue.is(value)) return MASK;
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? "<Date>" : value.toISOString();
  if (parents.length >= MAX_DEPTH || parents.includes(value)) return `<${typeName(value)}>`;
  if (Array.isArray(value)) {
    const inside = [...parents, value];
    return value.map((item) => stored(item, inside));
  }
  return isPlain(value) ? storedObject(value, parents) : `<${typeName(value)}>`;
}

function storedObject(value: object, parents: readonly object[]): JsonObject {
  const inside = [...parents, value];
  const entries = Object.entries(value).map(([key, item]): [string, JsonValue] => [
    redact(key),
    isSecretKey(key) && item !== null && item !== undefined ? MASK : stored(item, inside),
  ]);
  return Object.fromEntries(entries);
}

/** An object literal, also one from another realm or without a prototype. */
export function isPlain(value: unknown): value is Readonly<Record<string, unknown>> {
  if (typeof value !== "object" || value === null) return false;
  const proto: unknown = Object.getPrototypeOf(value);
  return proto === null || proto === Object.prototype || Object.getPrototypeOf(proto) === null;
}
