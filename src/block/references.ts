import type { JsonObject, JsonValue } from "../base/json.ts";
import type { BlockReferenceRow } from "./block-store.ts";

/** References may be nested this deep. */
export const MAX_REFERENCE_DEPTH = 50;

export interface SplitDocument {
  /** The values without references; a list keeps `null` in their place. */
  readonly data: JsonObject;
  readonly references: readonly BlockReferenceRow[];
}

const isObject = (value: JsonValue | undefined): value is JsonObject =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/** Id in `{"$ref": {"block_document_id": …}}`; null for a reference without one; undefined for anything else. */
function referredId(value: JsonValue): string | null | undefined {
  if (!isObject(value)) return undefined;
  const target = value["$ref"];
  if (!isObject(target) || Object.keys(value).length !== 1) return undefined;
  const id = target["block_document_id"];
  return typeof id === "string" ? id : null;
}

const escapePointer = (key: string): string => key.replaceAll("~", "~0").replaceAll("/", "~1");
const unescapePointer = (part: string): string => part.replaceAll("~1", "/").replaceAll("~0", "~");

/**
 * Takes the references out of raw values, at any depth: they are stored as rows, so that they can be followed both
 * ways. `incomplete` is called with the path of a reference that names no document.
 */
export function splitReferences(data: JsonObject, incomplete: (path: string) => never): SplitDocument {
  const references: BlockReferenceRow[] = [];
  const taken = Symbol("taken");

  const visit = (value: JsonValue, path: string): JsonValue | typeof taken => {
    const id = referredId(value);
    if (id === null) return incomplete(path);
    if (id !== undefined) {
      references.push({ referencedId: id, path });
      return taken;
    }
    if (isObject(value)) return visitObject(value, path);
    if (typeof value !== "object" || value === null) return value;
    return Array.from(value, (item, index) => {
      const kept = visit(item, `${path}/${index}`);
      return kept === taken ? null : kept;
    });
  };
  const visitObject = (value: JsonObject, path: string): JsonObject => {
    const kept: [string, JsonValue][] = [];
    for (const [key, item] of Object.entries(value)) {
      const left = visit(item, `${path}/${escapePointer(key)}`);
      if (left !== taken) kept.push([key, left]);
    }
    return Object.fromEntries(kept);
  };
  return { data: visitObject(data, ""), references };
}

/** Values of any kind, as they are put together on the way to a block. */
export type LooseObject = Readonly<Record<string, unknown>>;

/** The reverse of {@link splitReferences}: puts something in the place of each reference. */
export function joinReferences(
  data: LooseObject,
  references: readonly BlockReferenceRow[],
  replacement: (reference: BlockReferenceRow) => unknown,
): LooseObject {
  return references.reduce<LooseObject>(
    // The first step of a pointer is always a key of the document itself, which is an object.
    (joined, reference) => placed(joined, pointerParts(reference.path), replacement(reference)) as LooseObject,
    data,
  );
}

const pointerParts = (path: string): string[] => path.split("/").slice(1).map(unescapePointer);

function placed(into: unknown, [part, ...rest]: readonly string[], value: unknown): unknown {
  if (part === undefined) return value;
  if (Array.isArray(into))
    return into.map((item: unknown, index) => (String(index) === part ? placed(item, rest, value) : item));
  const object: LooseObject = typeof into === "object" && into !== null ? { ...into } : {};
  const next = placed(Object.hasOwn(object, part) ? object[part] : undefined, rest, value);
  return Object.fromEntries([...Object.entries(object).filter(([key]) => key !== part), [part, next]]);
}
