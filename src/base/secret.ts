import { createHash, timingSafeEqual } from "node:crypto";

/** What every secret prints as: always eight asterisks, whatever its value, length or type. */
export const MASK = "********";

const BRAND = Symbol.for("bellhop.SecretValue");

const digest = (value: unknown): Buffer =>
  createHash("sha256")
    .update(JSON.stringify(value) ?? "undefined")
    .digest();

/**
 * A value that prints as {@link MASK} everywhere: in logs, JSON, templates, string concatenation and debuggers.
 *
 * `deepEqual` finds any two of them equal, because they have no visible state: compare with {@link SecretValue.equals}.
 *
 * @example
 * const token = new SecretValue("xoxb-…");
 * `${token}`;       // "********"
 * token.reveal();   // "xoxb-…"
 */
export class SecretValue<out T = string> {
  // A private field is hidden from inspection with hidden keys too, and is lost by structuredClone.
  readonly #value: T;

  constructor(value: T) {
    this.#value = value;
  }

  /** The value. The only way to it. */
  reveal(): T {
    return this.#value;
  }

  /** The same as {@link SecretValue.reveal}, under the name that users of Prefect know. */
  getSecretValue(): T {
    return this.#value;
  }

  /** Compares contents in constant time; `other` may be a secret or a plain value. */
  equals(other: unknown): boolean {
    return timingSafeEqual(digest(this.#value), digest(SecretValue.is(other) ? other.reveal() : other));
  }

  /** A secret made from this one, e.g. a connection string, without showing the value to the caller. */
  map<U>(fn: (value: T) => U): SecretValue<U> {
    return new SecretValue(fn(this.#value));
  }

  toString(): string {
    return MASK;
  }

  toJSON(): string {
    return MASK;
  }

  [Symbol.toPrimitive](): string {
    return MASK;
  }

  [Symbol.for("nodejs.util.inspect.custom")](): string {
    return `SecretValue(${MASK})`;
  }

  get [BRAND](): true {
    return true;
  }

  /** True for a secret, also for one made by a second installed copy of the package. */
  static is(value: unknown): value is SecretValue<unknown> {
    return typeof value === "object" && value !== null && BRAND in value;
  }
}

const isPlain = (value: object): boolean => {
  const proto: unknown = Object.getPrototypeOf(value);
  return proto === Object.prototype || proto === null;
};

/** A copy in which every secret, at any depth of plain objects and lists, is replaced by its content. */
export function revealDeep(value: unknown): unknown {
  if (typeof value !== "object" || value === null) return value;
  if (SecretValue.is(value)) return revealDeep(value.reveal());
  if (Array.isArray(value)) return value.map(revealDeep);
  if (!isPlain(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, revealDeep(item)]));
}
