/** Names that a promise must keep for itself, or that would be called behind the user's back. */
type Unforwarded = "then" | "catch" | "finally" | "toJSON" | "toString" | "constructor";

type AnyMethod = (...args: never) => unknown;

type MethodsOf<T> = Exclude<{ [K in keyof T]: T[K] extends AnyMethod ? K : never }[keyof T], Unforwarded | symbol>;

type Forwarded<M> = M extends (...args: infer A) => infer R ? (...args: A) => Promise<Awaited<R>> : never;

/**
 * A promise of a block whose methods can be called without waiting for it first.
 *
 * @example
 * await Block.load("slack-webhook/ops").notify("Nightly load failed");
 */
export type BlockPromise<T> = Promise<T> & { readonly [K in MethodsOf<T>]: Forwarded<T[K]> };

const UNFORWARDED: ReadonlySet<string> = new Set(["then", "catch", "finally", "toJSON", "toString", "constructor"]);

/** Classes do not change once blocks are made of them. */
const namesOf = new WeakMap<object, readonly string[]>();

/** Names of the methods of a class and its ancestors. */
export function methodNames(prototype: object): readonly string[] {
  let names = namesOf.get(prototype);
  if (names === undefined) namesOf.set(prototype, (names = findMethods(prototype)));
  return names;
}

function findMethods(prototype: object): string[] {
  const names = new Set<string>();
  for (let proto: object | null = prototype; proto !== null && proto !== Object.prototype; proto = parentOf(proto)) {
    for (const [name, property] of Object.entries(Object.getOwnPropertyDescriptors(proto))) {
      if (typeof property.value === "function" && !UNFORWARDED.has(name)) names.add(name);
    }
  }
  return [...names];
}

function parentOf(proto: object): object | null {
  // Object.getPrototypeOf is typed as any; it gives an object or null.
  return Object.getPrototypeOf(proto) as object | null;
}

/** Lets the methods be called on the promise: each call waits for the block, and a failed load rejects the call. */
export function blockPromise<T extends object>(loading: Promise<T>, methods: readonly string[]): BlockPromise<T> {
  for (const name of methods) {
    Reflect.defineProperty(loading, name, {
      value: async (...args: unknown[]) => {
        const block = await loading;
        const method: unknown = Reflect.get(block, name);
        if (typeof method !== "function") throw new TypeError(`${block.constructor.name} has no method "${name}"`);
        return Reflect.apply(method, block, args);
      },
    });
  }
  // The properties were defined just above, by the names that the type lists.
  return loading as BlockPromise<T>;
}
