import type { JsonObject, JsonValue } from "../base/json.ts";
import { MASK } from "../base/secret.ts";

/** Secret paths as a tree. */
interface PathNode {
  readonly children: Map<string, PathNode>;
  /** The whole value here is secret. */
  secret: boolean;
  /** Every leaf below is secret. */
  below: boolean;
}

const pathNode = (): PathNode => ({ children: new Map(), secret: false, below: false });

function pathTree(paths: readonly string[]): PathNode {
  const root = pathNode();
  for (const path of paths) {
    let node = root;
    for (const part of path.split(".")) {
      if (part === "*") {
        node.below = true;
        break;
      }
      const child = node.children.get(part) ?? pathNode();
      node.children.set(part, child);
      node = child;
    }
    if (!node.below) node.secret = true;
  }
  return root;
}

const isObject = (value: JsonValue): value is JsonObject =>
  typeof value === "object" && value !== null && !Array.isArray(value);
const isList = (value: JsonValue): value is readonly JsonValue[] => Array.isArray(value);

const mapValues = (value: JsonObject, fn: (item: JsonValue, key: string) => JsonValue): JsonObject =>
  Object.fromEntries(Object.entries(value).map(([key, item]) => [key, fn(item, key)]));

function maskBelow(value: JsonValue): JsonValue {
  if (value === null) return null;
  return isObject(value) ? mapValues(value, maskBelow) : MASK;
}

function maskAt(value: JsonValue, node: PathNode | undefined): JsonValue {
  if (node === undefined || value === null) return value;
  if (node.secret) return MASK;
  if (node.below) return maskBelow(value);
  if (isList(value)) return value.map((item) => maskAt(item, node));
  // A text where the schema promises an object: nobody knows what it holds.
  if (!isObject(value)) return node.children.size > 0 ? MASK : value;
  return mapValues(value, (item, key) => maskAt(item, node.children.get(key)));
}

/**
 * The values with every secret replaced by the mask.
 *
 * @param secretFields Paths of the document's own schema; undefined when it cannot be read, and then all is masked.
 */
export function maskDocument(data: JsonObject, secretFields: readonly string[] | undefined): JsonObject {
  if (secretFields === undefined) return mapValues(data, maskBelow);
  const root = pathTree(secretFields);
  return mapValues(data, (item, key) => maskAt(item, root.children.get(key)));
}
