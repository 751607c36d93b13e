import type { JsonObject, JsonValue } from "../base/json.ts";
import type { FlowRunRecord } from "../runs/flow-run.ts";
import type { RunStore } from "../runs/run-store.ts";

/** The JSON Schema of what a paused run is to be resumed with; null when it asks for nothing. */
export async function wantedSchema(
  runs: Pick<RunStore, "getInput">,
  { id, state }: FlowRunRecord,
): Promise<JsonValue | null> {
  const keyset = state.isPaused() ? state.stateDetails.runInputKeyset : null;
  return keyset == null ? null : ((await runs.getInput(id, keyset.schema)) ?? null);
}

const isObject = (value: JsonValue | undefined): value is JsonObject =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/** `approved: boolean, note?: string = "none"`; JSON where it is not the schema of an object. */
export function schemaText(schema: JsonValue): string {
  const fields = isObject(schema) ? schema["properties"] : undefined;
  if (!isObject(schema) || !isObject(fields)) return JSON.stringify(schema);
  const names = Object.keys(fields);
  if (names.length === 0) return "an object";
  const required = schema["required"];
  return names
    .map((name) => fieldText(name, fields[name], Array.isArray(required) && required.includes(name)))
    .join(", ");
}

function fieldText(name: string, schema: JsonValue | undefined, isRequired: boolean): string {
  const fallback = isObject(schema) ? schema["default"] : undefined;
  const mayMiss = !isRequired || fallback !== undefined;
  return `${name}${mayMiss ? "?" : ""}: ${typeText(schema)}${fallback === undefined ? "" : ` = ${JSON.stringify(fallback)}`}`;
}

function typeText(schema: JsonValue | undefined): string {
  if (!isObject(schema)) return "any";
  const { enum: choices, const: only, type, anyOf, items } = schema;
  if (Array.isArray(choices)) return choices.map((choice) => JSON.stringify(choice)).join(" | ");
  if (only !== undefined) return JSON.stringify(only);
  if (Array.isArray(anyOf)) return anyOf.map(typeText).join(" | ");
  if (type === "array") return `${typeText(items)}[]`;
  return typeof type === "string" ? type : "any";
}
