import type { JsonObject, JsonValue } from "../base/json.ts";
import { SecretValue } from "../base/secret.ts";
import { isPlain } from "../runs/stored-parameters.ts";
import { isState, State, StateWire } from "../states/state.ts";
import { typeName } from "../states/state-error.ts";
import { bytesFromText, bytesOf, isBytes } from "./bytes-form.ts";
import { decodeError, encodeError } from "./error-form.ts";
import { mapStep, notSerializable, type Path, pathOf } from "./not-serializable.ts";

// What JSON has no form for becomes `{ "$": <kind>, "v": <content> }`. A plain object that has a key "$" of its own
// becomes one of these too, so nothing is mistaken for a mark.

const MARK = "$";
/** Deeper values are refused rather than overflow the stack. */
const MAX_DEPTH = 500;

/** Where the walk is. Parents are kept to find cycles. */
export interface At {
  readonly path: Path;
  readonly parents: readonly object[];
}

const marked = (kind: string, content: JsonValue): JsonObject => ({ [MARK]: kind, v: content });

const refuse = (found: string, { path }: At): never => {
  throw notSerializable("json", found, pathOf(path));
};

/** The JSON form of a value. @throws result_not_serializable naming what has none, and where it is */
export const encodeJson = (value: unknown): JsonValue => encode(value, { path: [], parents: [] });

function encode(value: unknown, at: At): JsonValue {
  if (value === null || typeof value === "string" || typeof value === "boolean") return value;
  if (typeof value === "number") return plainNumber(value) ? value : marked("number", numberText(value));
  if (value === undefined) return marked("undefined", null);
  if (typeof value === "bigint") return marked("bigint", String(value));
  if (typeof value === "object") return encodeObject(value, at);
  return refuse(`a ${typeof value}`, at);
}

const plainNumber = (value: number): boolean => Number.isFinite(value) && !Object.is(value, -0);
const numberText = (value: number): string => (Object.is(value, -0) ? "-0" : String(value));

function encodeObject(value: object, at: At): JsonValue {
  if (SecretValue.is(value)) return refuse("a secret", at);
  if (at.parents.includes(value)) return refuse("a cycle", at);
  if (at.parents.length >= MAX_DEPTH) return refuse(`something more than ${MAX_DEPTH} levels deep`, at);
  const parents = [...at.parents, value];
  const inside = (key: string, item: unknown): JsonValue => encode(item, { path: [...at.path, key], parents });
  if (Array.isArray(value)) return Array.from(value, (item: unknown, index) => inside(String(index), item));
  if (value instanceof Date) return marked("date", Number.isNaN(value.getTime()) ? null : value.toISOString());
  if (value instanceof Map) {
    return marked(
      "map",
      [...value].map(([key, item]: [unknown, unknown]) => [inside("(key)", key), inside(mapStep(key), item)]),
    );
  }
  if (value instanceof Set)
    return marked(
      "set",
      Array.from(value, (item: unknown) => inside("(member)", item)),
    );
  if (value instanceof Error) return marked("error", encodeError(value, inside));
  if (isBytes(value)) return marked("bytes", bytesOf(value));
  if (value instanceof RegExp) return marked("regexp", [value.source, value.flags]);
  if (value instanceof URL) return marked("url", value.href);
  if (isState(value)) return marked("state", JSON.parse(JSON.stringify(value)) as JsonValue); // what toWire() gives
  if (isPlain(value)) return encodePlain(value, inside);
  return refuse(`an instance of ${typeName(value)}`, at);
}

function encodePlain(value: object, inside: (key: string, item: unknown) => JsonValue): JsonObject {
  const encoded = Object.fromEntries(Object.entries(value).map(([key, item]) => [key, inside(key, item)]));
  return Object.hasOwn(value, MARK) ? marked("object", encoded) : encoded;
}

/** The value of a form that {@link encodeJson} made. @throws when it is none */
export function decodeJson(form: unknown): unknown {
  if (Array.isArray(form)) return form.map(decodeJson);
  if (!isPlain(form)) return form;
  if (!Object.hasOwn(form, MARK)) return decodePlain(form);
  const kind = String(form[MARK]);
  const decode = Object.hasOwn(DECODERS, kind) ? DECODERS[kind] : undefined;
  if (decode === undefined) throw new TypeError(`unknown kind of value: ${kind}`);
  return decode(form["v"]);
}

const decodePlain = (form: object): Record<string, unknown> =>
  // Makes own properties of all keys, `__proto__` too.
  Object.fromEntries(Object.entries(form).map(([key, item]) => [key, decodeJson(item)]));

const textOf = (content: unknown): string => {
  if (typeof content === "string") return content;
  throw new TypeError("a text is missing");
};

const listOf = (content: unknown): readonly unknown[] => {
  if (Array.isArray(content)) return content;
  throw new TypeError("a list is missing");
};

const objectOf = (content: unknown): Readonly<Record<string, unknown>> => {
  if (isPlain(content)) return content;
  throw new TypeError("an object is missing");
};

const DECODERS: Readonly<Record<string, (content: unknown) => unknown>> = {
  undefined: () => undefined,
  number: (content) => Number(content),
  bigint: (content) => BigInt(textOf(content)),
  date: (content) => new Date(content === null ? Number.NaN : textOf(content)),
  map: (content) =>
    new Map(
      listOf(content).map((pair) => {
        const [key, item] = listOf(pair);
        return [decodeJson(key), decodeJson(item)];
      }),
    ),
  set: (content) => new Set(listOf(content).map(decodeJson)),
  error: (content) => decodeError(objectOf(content), decodeJson),
  bytes: (content) => bytesFromText(listOf(content).map(String)),
  regexp: (content) => {
    const [source, flags] = listOf(content).map(textOf);
    return new RegExp(source ?? "", flags);
  },
  url: (content) => new URL(textOf(content)),
  state: (content) => State.fromWire(StateWire.parse(content)),
  object: (content) => decodePlain(objectOf(content)),
};
