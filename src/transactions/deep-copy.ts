const isPlain = (value: object): boolean => {
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === null || prototype === Object.prototype;
};

const BUILT_IN = [Date, RegExp, ArrayBuffer];

const isBuiltIn = (value: object): boolean =>
  ArrayBuffer.isView(value) || BUILT_IN.some((type) => Object.getPrototypeOf(value) === type.prototype);

/**
 * Copies plain objects, arrays, maps, sets, dates and binary data at every depth, cycles included. Functions and
 * instances of other classes stay the same: a copy without their private fields would be broken.
 */
export function deepCopy(value: unknown, seen = new Map<object, unknown>()): unknown {
  if (typeof value !== "object" || value === null) return value;
  if (seen.has(value)) return seen.get(value);
  if (Array.isArray(value)) {
    const copy: unknown[] = [];
    seen.set(value, copy);
    for (const item of value) copy.push(deepCopy(item, seen));
    return copy;
  }
  if (isPlain(value)) return copyFields(value, seen);
  return copyCollection(value, seen);
}

function copyFields(value: object, seen: Map<object, unknown>): unknown {
  const copy: object = Object.create(Object.getPrototypeOf(value));
  seen.set(value, copy);
  for (const [name, item] of Object.entries(value)) {
    // Defined, not assigned: a field may be named "__proto__".
    const field = { value: deepCopy(item, seen), writable: true, enumerable: true, configurable: true };
    Object.defineProperty(copy, name, field);
  }
  return copy;
}

function copyCollection(value: object, seen: Map<object, unknown>): unknown {
  if (value instanceof Map && Object.getPrototypeOf(value) === Map.prototype) {
    const copy = new Map<unknown, unknown>();
    seen.set(value, copy);
    for (const [key, item] of value) copy.set(deepCopy(key, seen), deepCopy(item, seen));
    return copy;
  }
  if (value instanceof Set && Object.getPrototypeOf(value) === Set.prototype) {
    const copy = new Set<unknown>();
    seen.set(value, copy);
    for (const item of value) copy.add(deepCopy(item, seen));
    return copy;
  }
  const copy = isBuiltIn(value) ? structuredClone(value) : value;
  seen.set(value, copy);
  return copy;
}
