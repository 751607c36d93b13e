import type { JsonValue } from "../base/json.ts";

/** What placeholders stand for: texts, and JSON where a secret is more than a text. */
export type PlaceholderValues = Readonly<Record<string, unknown>>;

const PLACEHOLDER = /\{\{\s*([\w.-]+)\s*\}\}/g;
const WHOLE = /^\{\{\s*([\w.-]+)\s*\}\}$/;

const asText = (value: unknown): string => (typeof value === "string" ? value : JSON.stringify(value ?? null));

/** Text with its `{{key}}` filled in; `escape` sees each value with its key first. */
export const fillText = (
  text: string,
  values: PlaceholderValues,
  escape: (value: string, key: string) => string = (value) => value,
): string => text.replaceAll(PLACEHOLDER, (_, key: string) => escape(asText(values[key]), key));

/** A structure with its texts filled in. A text that is one placeholder and nothing else becomes the value itself. */
export function fillDeep(value: JsonValue, values: PlaceholderValues): JsonValue {
  if (typeof value === "string") {
    const [whole, key] = WHOLE.exec(value) ?? [];
    // Values are texts, or JSON that came out of a secret field.
    return whole === undefined ? fillText(value, values) : (values[String(key)] as JsonValue);
  }
  if (typeof value !== "object" || value === null) return value;
  if (Array.isArray(value)) return value.map((item: JsonValue) => fillDeep(item, values));
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, fillDeep(item, values)]));
}

/** Keys of all placeholders in a JSON value. */
export const placeholdersIn = (value: unknown): string[] =>
  [...(JSON.stringify(value) ?? "").matchAll(PLACEHOLDER)].map(([, key]) => String(key));
