import { inspect } from "node:util";

/** Options that are given replace; only undefined means "keep". */
export function merged<T extends object>(options: T, updates: object): T {
  const given = Object.fromEntries(Object.entries(updates).filter(([, value]) => value !== undefined));
  return { ...options, ...given };
}

/**
 * Turns a function into an object that can be called: its properties are read-only and shown in place of the function's
 * own, and it prints as `shown`.
 */
export function callable<F extends (...args: never[]) => unknown, P extends object>(
  call: F,
  properties: P,
  shown: string,
): F & P {
  for (const [key, value] of Object.entries(properties)) {
    Object.defineProperty(call, key, { value, enumerable: true, configurable: false, writable: false });
  }
  Object.defineProperty(call, "toString", { value: () => shown });
  Object.defineProperty(call, inspect.custom, { value: () => shown });
  // The properties were just defined.
  return call as F & P;
}
