import { isPlain } from "../runs/stored-parameters.ts";

/** Nothing deeper is looked at. Upstreams that people pass sit one or two levels down. */
const MAX_DEPTH = 32;

const isObject = (value: unknown): value is object => typeof value === "object" && value !== null;

/** What a list, Set, Map or object literal holds; undefined for everything else, such as an instance of a class. */
export function itemsOf(value: object): Iterable<unknown> | undefined {
  if (Array.isArray(value) || value instanceof Set) return value;
  if (value instanceof Map) return [...value.keys(), ...value.values()];
  return isPlain(value) ? Object.values(value) : undefined;
}

/**
 * True when the value is, or holds at any level, an object that `matches`. Awaits nothing, and for arguments that are
 * no objects allocates nothing: it is asked for every call of a task.
 */
export function holds(value: unknown, matches: (item: object) => boolean): boolean {
  return isObject(value) && holdsBelow(value, matches, { seen: null }, 0);
}

interface Scan {
  /** Containers looked at; made with the second one, because most arguments have one level. */
  seen: Set<object> | null;
}

function holdsBelow(value: object, matches: (item: object) => boolean, scan: Scan, depth: number): boolean {
  if (matches(value)) return true;
  if (depth >= MAX_DEPTH) return false;
  if (Array.isArray(value)) {
    const list: readonly unknown[] = value;
    for (const item of list) if (isObject(item) && holdsInside(value, item, matches, scan, depth)) return true;
    return false;
  }
  if (isPlain(value)) {
    // Lists the same keys as Object.values, without making a list of them.
    for (const key in value) {
      const item = value[key];
      if (isObject(item) && holdsInside(value, item, matches, scan, depth)) return true;
    }
    return false;
  }
  for (const item of itemsOf(value) ?? [])
    if (isObject(item) && holdsInside(value, item, matches, scan, depth)) return true;
  return false;
}

/** Only containers with objects in them are remembered: the others cannot lead in a circle. */
function holdsInside(
  container: object,
  item: object,
  matches: (item: object) => boolean,
  scan: Scan,
  depth: number,
): boolean {
  scan.seen ??= new Set();
  if (scan.seen.has(item)) return false;
  scan.seen.add(container);
  return holdsBelow(item, matches, scan, depth + 1);
}

/** Calls `visit` for every object in the value, containers included, until it says "stop". Each container once. */
export function visitObjects(value: unknown, visit: (item: object) => "go-on" | "stop"): void {
  const seen = new Set<object>();
  const walk = (item: unknown, depth: number): boolean => {
    if (!isObject(item) || seen.has(item)) return true;
    seen.add(item);
    if (visit(item) === "stop") return false;
    const items = depth < MAX_DEPTH ? itemsOf(item) : undefined;
    if (items !== undefined) for (const inner of items) if (!walk(inner, depth + 1)) return false;
    return true;
  };
  walk(value, 0);
}

/** What a replacer knows of an object: a leaf to be replaced, a wrapper to be taken off, or undefined for the rest. */
export type Role<L extends object> =
  | { readonly kind: "leaf"; readonly leaf: L }
  | { readonly kind: "wrapper"; readonly inner: unknown; readonly isTolerant: boolean };

/**
 * Finds the leaves in a value and later makes a copy with other values in their places. Containers without a leaf stay
 * the objects they are, those with one are copied; cycles stay cycles.
 */
export class Replacer<L extends object> {
  /** In the order in which they were found. True: every place where the leaf stands is inside a tolerant wrapper. */
  readonly leaves = new Map<L, boolean>();
  readonly #roleOf: (item: object) => Role<L> | undefined;
  readonly #parents = new Map<object, object[]>();
  readonly #dirty = new Set<object>();
  readonly #seen = { strict: new Set<object>(), tolerant: new Set<object>() };
  readonly #copies = new Map<object, object>();

  constructor(roleOf: (item: object) => Role<L> | undefined) {
    this.#roleOf = roleOf;
  }

  collect(value: unknown): void {
    this.#visit(value, null, false, 0);
  }

  #visit(value: unknown, parent: object | null, isTolerant: boolean, depth: number): void {
    if (!isObject(value)) return;
    const role = this.#roleOf(value);
    if (role !== undefined) {
      this.#mark(parent);
      if (role.kind === "wrapper") {
        if (depth < MAX_DEPTH) this.#visit(role.inner, parent, isTolerant || role.isTolerant, depth + 1);
      } else this.leaves.set(role.leaf, (this.leaves.get(role.leaf) ?? true) && isTolerant);
      return;
    }
    const items = depth < MAX_DEPTH ? itemsOf(value) : undefined;
    if (items === undefined) return;
    this.#link(value, parent);
    // What was looked at without a wrapper around it need not be looked at again with one.
    const { strict, tolerant } = this.#seen;
    if (strict.has(value) || (isTolerant && tolerant.has(value))) return;
    (isTolerant ? tolerant : strict).add(value);
    for (const item of items) this.#visit(item, value, isTolerant, depth + 1);
  }

  #link(child: object, parent: object | null): void {
    if (parent === null) return;
    const known = this.#parents.get(child);
    if (known === undefined) this.#parents.set(child, [parent]);
    else known.push(parent);
    if (this.#dirty.has(child)) this.#mark(parent);
  }

  /** This container, and every one around it, has to be copied. */
  #mark(container: object | null): void {
    if (container === null || this.#dirty.has(container)) return;
    this.#dirty.add(container);
    for (const parent of this.#parents.get(container) ?? []) this.#mark(parent);
  }

  /** The value with every leaf replaced. */
  replace(value: unknown, valueOf: (leaf: L) => unknown): unknown {
    if (!isObject(value)) return value;
    const role = this.#roleOf(value);
    if (role?.kind === "leaf") return valueOf(role.leaf);
    if (role?.kind === "wrapper") return this.replace(role.inner, valueOf);
    if (!this.#dirty.has(value)) return value;
    const made = this.#copies.get(value);
    return made ?? this.#copy(value, (item) => this.replace(item, valueOf));
  }

  /** The copy is known before its items are, so that a cycle leads back to it. */
  #copy(value: object, each: (item: unknown) => unknown): object {
    if (Array.isArray(value)) {
      const list: unknown[] = [];
      this.#copies.set(value, list);
      for (const item of value) list.push(each(item));
      return list;
    }
    if (value instanceof Set) {
      const set = new Set<unknown>();
      this.#copies.set(value, set);
      for (const item of value) set.add(each(item));
      return set;
    }
    if (value instanceof Map) {
      const map = new Map<unknown, unknown>();
      this.#copies.set(value, map);
      for (const [key, item] of value) map.set(each(key), each(item));
      return map;
    }
    // Spread defines each property, also one named __proto__; what is set below then exists already.
    const copy: Record<PropertyKey, unknown> = { ...value };
    this.#copies.set(value, copy);
    for (const [key, item] of Object.entries(value)) copy[key] = each(item);
    return Object.getPrototypeOf(value) === null ? Object.setPrototypeOf(copy, null) : copy;
  }
}
