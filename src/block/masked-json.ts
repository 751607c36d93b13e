import type { JsonObject, JsonValue } from "../base/json.ts";
import { MASK, SecretValue } from "../base/secret.ts";
import { type BlockClass, classOf } from "./block-class.ts";
import { documentMeta } from "./document-meta.ts";
import { ownFields } from "./fields.ts";

/** A block as JSON for people: every secret is the mask. Saved nested blocks carry their document's id and name. */
export function toMaskedJson(type: BlockClass, block: object): JsonObject {
  return { block_type_slug: type.definition.slug, ...maskedFields(type, block) };
}

const maskedFields = (type: BlockClass, block: object): JsonObject =>
  Object.fromEntries(Object.entries(ownFields(type, block)).map(([key, value]) => [key, maskedValue(value)]));

function nestedJson(block: object): JsonObject {
  const type = classOf(block);
  const meta = documentMeta(block);
  const saved =
    meta === undefined
      ? {}
      : { _block_document_id: meta.id, _block_document_name: meta.name, _is_anonymous: meta.isAnonymous };
  return { ...toMaskedJson(type, block), ...saved };
}

function maskedValue(value: unknown): JsonValue {
  if (value === null || typeof value === "string" || typeof value === "number" || typeof value === "boolean")
    return value;
  if (SecretValue.is(value)) return MASK;
  if (Array.isArray(value)) return value.map(maskedValue);
  if (typeof value === "bigint") return value.toString();
  // Functions, symbols and undefined have no JSON form.
  if (typeof value !== "object") return null;
  if ("definition" in value.constructor) return nestedJson(value);
  if ("toJSON" in value && typeof value.toJSON === "function") return maskedValue(value.toJSON());
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, maskedValue(item)]));
}
