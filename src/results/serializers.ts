import { promisify } from "node:util";
import { deserialize, serialize } from "node:v8";
import { deflate, inflate } from "node:zlib";
import { CodedTypeError } from "../states/coded-type-error.ts";
import { typeName } from "../states/state-error.ts";
import { decodeJson, encodeJson } from "./json-form.ts";
import type { Serializer, SerializerLike, SerializerType } from "./options.ts";
import { checkCloneable } from "./structured-form.ts";

const json: Serializer = {
  type: "json",
  serialize: (value) => Buffer.from(JSON.stringify(encodeJson(value)), "utf8"),
  deserialize: (bytes) => decodeJson(JSON.parse(Buffer.from(bytes).toString("utf8"))),
};

const v8: Serializer = {
  type: "v8",
  serialize: (value) => {
    checkCloneable(value);
    return serialize(value);
  },
  deserialize: (bytes) => deserialize(bytes),
};

const deflated = promisify(deflate);
const inflated = promisify(inflate);

const compressed = (inner: Serializer): Serializer => ({
  type: `compressed/${inner.type}`,
  serialize: async (value) => deflated(await inner.serialize(value)),
  deserialize: async (bytes) => inner.deserialize(await inflated(bytes)),
});

const BUILT_IN: Readonly<Record<SerializerType, Serializer>> = {
  json,
  v8,
  "compressed/json": compressed(json),
  "compressed/v8": compressed(v8),
};

/** The serializer that comes with Bellhop under this type; undefined when there is none. */
export const builtInSerializer = (type: string): Serializer | undefined =>
  // The check makes the name one of the keys.
  Object.hasOwn(BUILT_IN, type) ? BUILT_IN[type as SerializerType] : undefined;

const isFunction = (value: unknown): boolean => typeof value === "function";

/** The serializer that an option names or is; null: the default. @throws invalid_definition */
export function serializerOf(given: SerializerLike | null): Serializer {
  if (given === null) return json;
  const refuse = (problem: string): never => {
    throw new CodedTypeError("invalid_definition", { option: "resultSerializer", problem });
  };
  if (typeof given === "string") {
    return builtInSerializer(given) ?? refuse(`it must be one of ${Object.keys(BUILT_IN).join(", ")}, or an object`);
  }
  // Callers without types give anything.
  const { type, serialize: write, deserialize: read } = (given ?? {}) as Partial<Record<keyof Serializer, unknown>>;
  if (typeof type === "string" && type !== "" && isFunction(write) && isFunction(read)) return given;
  return refuse(`it must be { type, serialize, deserialize }, not ${typeName(given)}`);
}
