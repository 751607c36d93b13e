import { globMatches } from "../glob.ts";
import { type Helper, isNil, isTruthy, toInstant, toNumber } from "./helper.ts";
import { printValue } from "./print-value.ts";

/** Strict, after comparing a text with a number by value and instants as instants. */
function isEqual(a: unknown, b: unknown): boolean {
  if (isNil(a) || isNil(b)) return isNil(a) && isNil(b);
  if (typeof a !== typeof b && (typeof a === "number" || typeof b === "number")) {
    const [left, right] = [toNumber(a), toNumber(b)];
    return left !== undefined && left === right;
  }
  if (a === b) return true;
  const [left, right] = [toInstant(a), toInstant(b)];
  return left !== undefined && left === right;
}

/** Sign of a - b for numbers, then instants, then texts by code point; undefined when they cannot be compared. */
function compare(a: unknown, b: unknown): number | undefined {
  if (isNil(a) || isNil(b)) return undefined;
  for (const convert of [toNumber, toInstant]) {
    const [left, right] = [convert(a), convert(b)];
    if (left !== undefined && right !== undefined) return Math.sign(left - right);
  }
  if (typeof a !== "string" || typeof b !== "string") return undefined;
  return Buffer.compare(Buffer.from(a), Buffer.from(b));
}

const comparison = (accepts: (sign: number) => boolean): Helper => ({
  min: 2,
  max: 2,
  fn: (_call, a, b) => {
    const sign = compare(a, b);
    return sign !== undefined && accepts(sign);
  },
});

const isPresent = (value: unknown): boolean => !isNil(value) && value !== "";

export const LOGIC: Readonly<Record<string, Helper>> = {
  eq: { min: 2, max: 2, fn: (_call, a, b) => isEqual(a, b) },
  ne: { min: 2, max: 2, fn: (_call, a, b) => !isEqual(a, b) },
  gt: comparison((sign) => sign > 0),
  gte: comparison((sign) => sign >= 0),
  lt: comparison((sign) => sign < 0),
  lte: comparison((sign) => sign <= 0),
  and: { min: 1, max: 20, optional: true, fn: (_call, ...values) => values.every(isTruthy) },
  or: { min: 1, max: 20, optional: true, fn: (_call, ...values) => values.find(isTruthy) ?? values.at(-1) },
  not: { min: 1, max: 1, optional: true, fn: (_call, value) => !isTruthy(value) },
  in: {
    min: 2,
    max: 2,
    fn: ({ scope }, value, list) => {
      if (Array.isArray(list)) return list.some((item) => isEqual(item, value));
      return typeof list === "string" && list.includes(printValue(value, scope));
    },
  },
  default: { min: 2, max: 2, optional: true, fn: (_call, value, fallback) => (isPresent(value) ? value : fallback) },
  coalesce: { min: 1, max: 20, optional: true, fn: (_call, ...values) => values.find(isPresent) ?? "" },
  choose: { min: 3, max: 3, optional: true, fn: (_call, condition, a, b) => (isTruthy(condition) ? a : b) },
  matches: {
    min: 2,
    max: 2,
    fn: ({ scope }, text, glob) => globMatches(printValue(glob, scope), printValue(text, scope)),
  },
};
