import { durationText } from "../duration-text.ts";
import { type Helper, toNumber } from "./helper.ts";

const formats = new Map<number, Intl.NumberFormat>();

/** Grouped English notation with a fixed count of digits after the point, 0 to 10. */
function formatted(number: number, digits: unknown): string {
  const wanted = Math.min(10, Math.max(0, Math.floor(toNumber(digits) ?? 0)));
  const format =
    formats.get(wanted) ??
    new Intl.NumberFormat("en", { minimumFractionDigits: wanted, maximumFractionDigits: wanted });
  formats.set(wanted, format);
  return format.format(number);
}

const BYTE_UNITS = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"] as const;

function bytesText(count: number): string {
  let rest = count;
  let unit = 0;
  while (Math.abs(rest) >= 1_024 && unit < BYTE_UNITS.length - 1) {
    rest /= 1_024;
    unit += 1;
  }
  return `${unit === 0 ? String(Math.round(rest)) : rest.toFixed(1)} ${BYTE_UNITS[unit] ?? ""}`;
}

/** A helper of numbers: anything else gives "". */
const ofNumbers = (
  count: 1 | 2,
  fn: (a: number, b: number, digits: unknown) => unknown,
  hash?: readonly string[],
): Helper => ({
  min: count,
  max: count,
  ...(hash === undefined ? {} : { hash }),
  fn: (call, a, b) => {
    const left = toNumber(a);
    const right = count === 1 ? 0 : toNumber(b);
    return left === undefined || right === undefined ? "" : fn(left, right, call.hash["digits"]);
  },
});

export const NUMBERS: Readonly<Record<string, Helper>> = {
  number: ofNumbers(1, (n, _none, digits) => formatted(n, digits), ["digits"]),
  percent: ofNumbers(1, (n, _none, digits) => `${formatted(n * 100, digits)}%`, ["digits"]),
  bytes: ofNumbers(1, bytesText),
  add: ofNumbers(2, (a, b) => a + b),
  sub: ofNumbers(2, (a, b) => a - b),
  duration: ofNumbers(1, durationText),
};
