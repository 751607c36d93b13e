import type { JsonValue } from "../base/json.ts";

/**
 * What hangs on a state.
 * - `none`: nothing; a result was never kept, or stayed in the process that made it.
 * - `value`: a value in memory, also undefined and null, so that "returned nothing" and "nothing known" differ.
 * - `thrown`: whatever user code threw, in memory.
 * - `wire`: JSON as stored or received: result metadata, or data that another client put there.
 * - `stored`: result metadata, with the means to load what it stands for.
 *
 * `metadata` says where else a value in memory is kept; it is what goes into the stored state.
 */
export type Attachment =
  | { readonly kind: "none" }
  | { readonly kind: "value"; readonly value: unknown; readonly metadata?: JsonValue }
  | { readonly kind: "thrown"; readonly value: unknown; readonly metadata?: JsonValue }
  | { readonly kind: "wire"; readonly json: JsonValue }
  | { readonly kind: "stored"; readonly json: JsonValue; readonly load: LoadResult };

/**
 * Loads what result metadata stands for; null when it is not there.
 * @param tries How often to ask for what is not there yet, 0.25 s apart.
 */
export type LoadResult = (metadata: JsonValue, tries: number) => Promise<{ readonly value: unknown } | null>;

export const NOTHING: Attachment = { kind: "none" };

export const attachValue = (value: unknown): Attachment => ({ kind: "value", value });

export const attachThrown = (value: unknown): Attachment => ({ kind: "thrown", value });

/** Data off the wire: null and the marker of an unpersisted result mean that there is none. */
export function attachWire(json: JsonValue): Attachment {
  if (json === null) return NOTHING;
  if (isObject(json) && json["type"] === "unpersisted") return NOTHING;
  return { kind: "wire", json };
}

/** True for the description of a result that is stored elsewhere. Source: Prefect 3, ResultRecordMetadata. */
export const isResultMetadata = (json: JsonValue): boolean => isObject(json) && typeof json["storage_key"] === "string";

const isObject = (json: JsonValue): json is { readonly [key: string]: JsonValue } =>
  typeof json === "object" && json !== null && !Array.isArray(json);
