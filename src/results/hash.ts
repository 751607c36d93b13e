import { createHash } from "node:crypto";
import { BellhopError } from "../base/errors.ts";
import { MASK, SecretValue } from "../base/secret.ts";
import { isPlain } from "../runs/stored-parameters.ts";
import { typeName } from "../states/state-error.ts";
import { bytesOf, isBytes } from "./bytes-form.ts";
import { mapStep, type Path, pathOf } from "./not-serializable.ts";

const MAX_DEPTH = 500;

interface At {
  readonly path: Path;
  readonly parents: readonly object[];
}

const refuse = (found: string, { path }: At): never => {
  throw new BellhopError("input_not_hashable", { found, path: pathOf(path) });
};

/**
 * A hash of values: SHA-256, 64 hex digits. Equal for equal values in every process; the order of keys, of the entries
 * of a Map and of the members of a Set does not count.
 *
 * @throws input_not_hashable for what cannot be told apart from others of its kind: functions, promises, secrets,
 * instances of classes that do not say with `toJSON` what they are
 */
export const hashOf = (...values: readonly unknown[]): string =>
  createHash("sha256")
    .update(canonical(values, { path: [], parents: [] }))
    .digest("hex");

function canonical(value: unknown, at: At): string {
  if (typeof value === "string") return JSON.stringify(value);
  if (typeof value === "number") return Object.is(value, -0) ? "-0" : String(value);
  if (typeof value === "bigint") return `${value}n`;
  if (value === null || value === undefined || typeof value === "boolean") return String(value);
  if (typeof value === "object") return canonicalObject(value, at);
  return refuse(`a ${typeof value}`, at);
}

function canonicalObject(value: object, at: At): string {
  if (SecretValue.is(value)) return refuse("a secret", at);
  if (at.parents.includes(value)) return refuse("a cycle", at);
  if (at.parents.length >= MAX_DEPTH) return refuse(`something more than ${MAX_DEPTH} levels deep`, at);
  const parents = [...at.parents, value];
  const inside = (key: string, item: unknown): string => canonical(item, { path: [...at.path, key], parents });
  if (Array.isArray(value))
    return `[${Array.from(value, (item: unknown, index) => inside(String(index), item)).join()}]`;
  if (isPlain(value)) return `{${sorted(Object.entries(value), inside)}}`;
  if (value instanceof Date) return `Date(${value.getTime()})`;
  if (value instanceof Map) return `Map(${canonicalMap(value, inside)})`;
  if (value instanceof Set)
    return `Set(${Array.from(value, (item: unknown) => inside("(member)", item))
      .toSorted()
      .join()})`;
  if (value instanceof Error) {
    const { name, message } = value;
    return `Error(${JSON.stringify([name, message])}{${sorted(Object.entries(value), inside)}})`;
  }
  if (value instanceof RegExp) return `RegExp(${JSON.stringify(String(value))})`;
  if (value instanceof URL) return `URL(${JSON.stringify(value.href)})`;
  if (isBytes(value)) return `Bytes(${JSON.stringify(bytesOf(value))})`;
  return canonicalInstance(value, at, inside);
}

type Inside = (key: string, item: unknown) => string;

const sorted = (entries: readonly (readonly [string, unknown])[], inside: Inside): string =>
  entries
    .map(([key, item]) => `${JSON.stringify(key)}:${inside(key, item)}`)
    .toSorted()
    .join();

const canonicalMap = (map: ReadonlyMap<unknown, unknown>, inside: Inside): string =>
  Array.from(map, ([key, item]) => `${inside("(key)", key)}:${inside(mapStep(key), item)}`)
    .toSorted()
    .join();

/** An instance may hold what its properties do not show, so only its own word on what it is counts. */
function canonicalInstance(value: object, at: At, inside: Inside): string {
  const name = typeName(value);
  if (!("toJSON" in value) || typeof value.toJSON !== "function") return refuse(`an instance of ${name}`, at);
  const text = inside("toJSON()", value.toJSON());
  // With its secrets masked, it reads like others that hold other secrets.
  return text.includes(MASK) ? refuse(`an instance of ${name} with a secret in it`, at) : `${name}(${text})`;
}
