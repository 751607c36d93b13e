import { readRuntimeEnv } from "../config/runtime-env.ts";
import { CodedTypeError } from "../states/coded-type-error.ts";

/** How each attribute is read from what there is now. */
export type Getters<T, S> = { readonly [K in keyof T]: (source: S) => T[K] };

const upperSnake = (name: string): string => name.replace(/[A-Z]/g, (letter) => `_${letter}`).toUpperCase();

const invalid = (key: string, problem: string): never => {
  throw new CodedTypeError("invalid_definition", { option: `runtime.${key}`, problem });
};

/**
 * An object whose attributes are read when they are asked for, and which the environment overrides.
 *
 * @param prefix Part of the variables' names: `BELLHOP__RUNTIME__<prefix>__<ATTRIBUTE>`.
 * @param methods What the object can do besides; not overridden and not listed among its keys.
 */
export function attributes<T extends object, S, M extends object = object>(
  prefix: string,
  getters: Getters<T, S>,
  source: () => S,
  methods?: M,
): T & M {
  const lookUp = getters as Readonly<Record<string, (source: S) => unknown>>; // the proxy is asked for any text
  const has = (key: string | symbol): key is string => typeof key === "string" && Object.hasOwn(lookUp, key);
  const handler: ProxyHandler<object> = {
    get: (_, key) => {
      // Symbols, and what promises, JSON and inspection look for, are no attributes.
      if (typeof key === "symbol" || key === "then" || key === "toJSON" || key === "constructor") return undefined;
      if (methods !== undefined && Object.hasOwn(methods, key)) return Reflect.get(methods, key);
      const getter = has(key) ? lookUp[key] : undefined;
      const override = readRuntimeEnv(`BELLHOP__RUNTIME__${prefix}__${upperSnake(key)}`);
      if (override !== undefined) return cast(key, override, getter?.(source()));
      return getter === undefined ? invalid(key, "there is no such attribute") : getter(source());
    },
    has: (_, key) => has(key),
    ownKeys: () => Object.keys(lookUp),
    getOwnPropertyDescriptor: (_, key) =>
      has(key) ? { configurable: true, enumerable: true, value: lookUp[key]?.(source()) } : undefined,
  };
  // The proxy answers for exactly the attributes of T and the methods of M.
  return new Proxy({}, handler) as T & M;
}

/** An override is text; it becomes what the real value is, and stays text where the real value is null or unknown. */
function cast(key: string, text: string, real: unknown): unknown {
  if (typeof real === "number") {
    const number = text.trim() === "" ? Number.NaN : Number(text);
    return Number.isNaN(number) ? invalid(key, "the override must be a number") : number;
  }
  if (typeof real === "boolean") return /^(true|1)$/i.test(text);
  if (real instanceof Date) {
    const date = new Date(text);
    return Number.isNaN(date.getTime()) ? invalid(key, "the override must be a date") : date;
  }
  return typeof real === "object" && real !== null ? invalid(key, "a list or object cannot be overridden") : text;
}
