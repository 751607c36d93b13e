import { SecretValue } from "../base/secret.ts";
import { isPlain } from "../runs/stored-parameters.ts";
import { typeName } from "../states/state-error.ts";
import { mapStep, notSerializable, pathOf, type Path } from "./not-serializable.ts";

/** What the structured clone restores as what it was. */
const CLONED: readonly (abstract new (...args: never[]) => object)[] = [
  Date,
  RegExp,
  Boolean,
  Number,
  String,
  ArrayBuffer,
];

/** Refuses what the structured clone would lose without a word. @throws result_not_serializable */
export function checkCloneable(value: unknown): void {
  walk(value, [], new Set());
}

function walk(value: unknown, path: Path, seen: Set<object>): void {
  if (typeof value === "function" || typeof value === "symbol")
    throw notSerializable("v8", `a ${typeof value}`, pathOf(path));
  if (typeof value !== "object" || value === null || seen.has(value)) return;
  seen.add(value);
  if (SecretValue.is(value)) throw notSerializable("v8", "a secret", pathOf(path));
  for (const [key, inside] of inside_(value, path)) walk(inside, [...path, key], seen);
}

function inside_(value: object, path: Path): Iterable<readonly [string, unknown]> {
  if (value instanceof Map) {
    return [...value].flatMap(([key, item]) => [["(key)", key] as const, [mapStep(key), item] as const]);
  }
  if (value instanceof Set) return [...value].map((item) => ["(member)", item] as const);
  if (value instanceof Error) return [["cause", value.cause]];
  if (Array.isArray(value) || isPlain(value)) return Object.entries(value);
  if (ArrayBuffer.isView(value) || CLONED.some((kind) => value instanceof kind)) return [];
  throw notSerializable("v8", `an instance of ${typeName(value)}`, pathOf(path));
}
