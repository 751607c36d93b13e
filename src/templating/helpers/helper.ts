import type { RenderScope } from "../render-scope.ts";

interface HelperCall {
  readonly scope: RenderScope;
  /** Named arguments. */
  readonly hash: Readonly<Record<string, unknown>>;
}

/** A helper as data: the validator reads the arity, the engine calls `fn`. Helpers never throw: they warn and give "". */
export interface Helper {
  readonly min: number;
  readonly max: number;
  /** Named arguments it takes; `*` for any. */
  readonly hash?: readonly string[];
  /** A missing path as argument is no reason to warn. */
  readonly optional?: true;
  readonly fn: (call: HelperCall, ...args: readonly unknown[]) => unknown;
}

/** Absent in the sense of templates. */
export const isNil = (value: unknown): value is null | undefined => value === null || value === undefined;

/** Handlebars' truthiness: false, null, undefined, "", 0, NaN and [] are false. */
export const isTruthy = (value: unknown): boolean => (Array.isArray(value) ? value.length > 0 : Boolean(value));

export const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/** Own members only: a name such as `constructor` in a template finds nothing. */
export function member(value: unknown, name: string): unknown {
  if (isNil(value)) return value;
  if (typeof value === "string") return name === "length" ? value.length : undefined;
  if (typeof value !== "object" || !Object.hasOwn(value, name)) return undefined;
  return Reflect.get(value, name);
}

/** The value below a dotted path. */
export function dig(value: unknown, path: string): unknown {
  let found = value;
  for (const part of path.split(".")) found = member(found, part);
  return found;
}

/** A number, or a text that is one; undefined for anything else. */
export function toNumber(value: unknown): number | undefined {
  if (typeof value === "number") return Number.isFinite(value) ? value : undefined;
  if (typeof value !== "string" || value.trim() === "") return undefined;
  const number = Number(value);
  return Number.isFinite(number) ? number : undefined;
}

/** Milliseconds since the epoch of an ISO text; undefined for anything else, plain numbers included. */
export function toInstant(value: unknown): number | undefined {
  if (typeof value !== "string" || !/^\d{4}-\d{2}-\d{2}/.test(value)) return undefined;
  const ms = Date.parse(value);
  return Number.isNaN(ms) ? undefined : ms;
}
