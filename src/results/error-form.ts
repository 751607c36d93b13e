import { BellhopError } from "../base/errors.ts";
import type { JsonObject, JsonValue } from "../base/json.ts";
import { isPlain } from "../runs/stored-parameters.ts";

/** Errors of the language, which come back as what they were; all others as an `Error` with their name. */
const KINDS: Readonly<Record<string, new (message?: string) => Error>> = {
  Error,
  TypeError,
  RangeError,
  SyntaxError,
  ReferenceError,
  EvalError,
  URIError,
};

const FIXED: ReadonlySet<string> = new Set(["name", "message", "stack", "cause", "errors"]);

type Encode = (key: string, item: unknown) => JsonValue;

/** Name, message, stack, cause and own properties. */
export function encodeError(error: Error, encode: Encode): JsonObject {
  const own = Object.entries(error).filter(([key]) => !FIXED.has(key));
  return {
    name: error.name,
    message: error.message,
    stack: typeof error.stack === "string" ? error.stack : null,
    ...("cause" in error ? { cause: encode("cause", error.cause) } : {}),
    ...(error instanceof AggregateError ? { errors: encode("errors", error.errors) } : {}),
    own: Object.fromEntries(own.map(([key, item]) => [key, encode(key, item)])),
    isOurs: BellhopError.is(error),
  };
}

type Decode = (form: unknown) => unknown;
type Form = Readonly<Record<string, unknown>>;

/** The reverse of {@link encodeError}. Errors of Bellhop are known as such again, by `BellhopError.is` and their code. */
export function decodeError(form: Form, decode: Decode): Error {
  const { name, message, stack, own } = form;
  const error = blank(form, String(message), decode);
  const hide = (key: string, value: unknown): void =>
    void Object.defineProperty(error, key, { value, writable: true, configurable: true, enumerable: false });
  if (error.name !== name) hide("name", String(name));
  hide("stack", typeof stack === "string" ? stack : undefined);
  if ("cause" in form) hide("cause", decode(form["cause"]));
  if (form["isOurs"] === true) Object.defineProperty(error, Symbol.for("bellhop.BellhopError"), { value: true });
  if (isPlain(own)) for (const [key, item] of Object.entries(own)) define(error, key, decode(item));
  return error;
}

const define = (error: Error, key: string, value: unknown): void =>
  void Object.defineProperty(error, key, { value, writable: true, configurable: true, enumerable: true });

function blank(form: Form, message: string, decode: Decode): Error {
  if ("errors" in form) {
    const errors = decode(form["errors"]);
    return new AggregateError(Array.isArray(errors) ? errors : [], message);
  }
  const name = String(form["name"]);
  const Kind = (Object.hasOwn(KINDS, name) ? KINDS[name] : undefined) ?? Error;
  return new Kind(message);
}
