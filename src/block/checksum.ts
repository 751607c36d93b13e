import { createHash } from "node:crypto";
import type { JsonObject, JsonValue } from "../base/json.ts";
import { compareCodePoints } from "./code-points.ts";

/**
 * Checksum of a schema document, as Prefect's clients compute it: it is how they ask a hub for a schema.
 * It must be taken of the document as it was made, never of one that was rebuilt from stored parts.
 *
 * @returns `sha256:` and 64 hex digits.
 * @see Prefect 3, `Block._calculate_schema_checksum` and `hash_objects`.
 */
export function schemaChecksum(fields: JsonObject): string {
  const bare = withoutDefinitions(withoutSecretFields(fields));
  const text = `[[${pythonJson(bare)}], {}]`;
  return `sha256:${createHash("sha256").update(text, "utf8").digest("hex")}`;
}

const isObject = (value: JsonValue | undefined): value is JsonObject =>
  typeof value === "object" && value !== null && !Array.isArray(value);

function withoutSecretFields(value: JsonObject): JsonObject {
  const kept = Object.entries(value).filter(([key]) => key !== "secret_fields");
  return Object.fromEntries(kept.map(([key, item]) => [key, isObject(item) ? withoutSecretFields(item) : item]));
}

/** Keeps the definitions that are referred to and are not those of other blocks. */
function withoutDefinitions(fields: JsonObject): JsonObject {
  const { definitions, ...rest } = fields;
  if (!isObject(definitions)) return fields;
  const kept = new Map<string, JsonValue>();
  const visit = (from: JsonValue): void => {
    for (const name of referredNames(from)) {
      const definition = Object.hasOwn(definitions, name) ? definitions[name] : undefined;
      if (!isObject(definition) || kept.has(name) || "block_type_slug" in definition) continue;
      kept.set(name, definition);
      visit(definition);
    }
  };
  visit(fields);
  return kept.size === 0 ? rest : { ...rest, definitions: Object.fromEntries(kept) };
}

const DEFINITION = "#/definitions/";

function referredNames(value: JsonValue): string[] {
  if (typeof value !== "object" || value === null) return [];
  return Object.entries(value).flatMap(([key, item]: [string, JsonValue]) => {
    if (key === "$ref" && typeof item === "string")
      return item.startsWith(DEFINITION) ? [item.slice(DEFINITION.length)] : [];
    return referredNames(item);
  });
}

/** JSON exactly as Python's `json.dumps(value, sort_keys=True)` writes it. */
export function pythonJson(value: JsonValue): string {
  if (typeof value === "string") return pythonString(value);
  if (typeof value === "number") return pythonNumber(value);
  if (typeof value !== "object" || value === null) return String(value);
  if (!isObject(value)) return `[${[...listOf(value)].map(pythonJson).join(", ")}]`;
  const keys = Object.keys(value).toSorted(compareCodePoints);
  return `{${keys.map((key) => `${pythonString(key)}: ${pythonJson(value[key] ?? null)}`).join(", ")}}`;
}

// Everything that is not an object is a list here.
const listOf = (value: JsonValue): readonly JsonValue[] => value as readonly JsonValue[];

const pythonString = (text: string): string =>
  // JSON.stringify escapes what JSON demands, with the same short forms; Python also escapes all beyond ASCII and DEL.
  JSON.stringify(text).replace(/[^ -~]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`);

/** An integer as its digits, any other number as Python's `repr`. */
function pythonNumber(value: number): string {
  if (Number.isInteger(value) && Math.abs(value) < 1e21) return BigInt(value).toString();
  // Both languages print the shortest digits that read back the same; only the layout differs.
  const [digits = "", exponentText = "0"] = value.toExponential().split("e");
  const exponent = Number(exponentText);
  if (exponent >= -4 && exponent < 16)
    return String(value).includes("e") ? value.toFixed(-exponent + digits.length) : String(value);
  return `${digits}e${exponent < 0 ? "-" : "+"}${String(Math.abs(exponent)).padStart(2, "0")}`;
}
