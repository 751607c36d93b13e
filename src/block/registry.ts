import type { BlockClass } from "./block-class.ts";
import { methodNames } from "./block-promise.ts";
import { InvalidBlockRegistrationError, UnknownBlockTypeError } from "./errors.ts";

/** A built-in type that is loaded when it is first used. */
export interface BuiltinBlock {
  readonly load: () => Promise<BlockClass>;
  /** Methods of the class, known before it is loaded. */
  readonly methods: readonly string[];
}

const classes = new Map<string, BlockClass>();
let builtins: Readonly<Record<string, BuiltinBlock>> = {};

/** Set once by the composition root: the types that come with the package, by slug. */
export const setBuiltinBlocks = (map: Readonly<Record<string, BuiltinBlock>>): void => {
  builtins = map;
};

/** A capability's method must exist; TypeScript cannot demand it of a class made from a schema. */
const CAPABILITY_METHODS: Readonly<Record<string, string>> = { notify: "notify" };

/** Makes the class the one for its slug in this process. A later class wins over an earlier one, with a warning. */
export function registerClass(type: BlockClass): void {
  const { slug, capabilities = [] } = type.definition;
  for (const capability of capabilities) {
    const method = CAPABILITY_METHODS[capability];
    if (method !== undefined && typeof Reflect.get(type.prototype, method) !== "function") {
      throw new InvalidBlockRegistrationError({
        type: slug,
        problem: `it declares "${capability}" but has no method ${method}()`,
      });
    }
  }
  const previous = classes.get(slug);
  if (previous === type) return;
  classes.set(slug, type);
  // A reload of the same source makes an equal class again; that is not worth a warning.
  if (previous === undefined || String(previous) === String(type)) return;
  process.emitWarning(`Block type "${slug}": class ${type.name} replaces class ${previous.name}.`, {
    code: "BELLHOP_BLOCK_OVERRIDDEN",
  });
}

/** The class for the slug, loading a built-in type if it is one; undefined when there is none. */
export async function findClass(slug: string): Promise<BlockClass | undefined> {
  const known = classes.get(slug);
  if (known !== undefined) return known;
  const builtin = Object.hasOwn(builtins, slug) ? builtins[slug] : undefined;
  if (builtin === undefined) return undefined;
  const type = await builtin.load();
  // Another class may have been registered under the slug while the built-in one was loading.
  const registered = classes.get(slug);
  if (registered !== undefined) return registered;
  classes.set(slug, type);
  return type;
}

/** True for a class that comes with the package. */
export async function isBuiltin(type: BlockClass): Promise<boolean> {
  const builtin = Object.hasOwn(builtins, type.definition.slug) ? builtins[type.definition.slug] : undefined;
  return builtin !== undefined && (await builtin.load()) === type;
}

/** @throws unknown_block_type */
export async function requireClass(slug: string): Promise<BlockClass> {
  const type = await findClass(slug);
  if (type === undefined) throw new UnknownBlockTypeError({ slug, near: nearSlugs(slug) });
  return type;
}

/** Slugs of every type this process can construct, sorted. */
export const knownSlugs = (): string[] => [...new Set([...classes.keys(), ...Object.keys(builtins)])].toSorted();

/** Methods that can be called on a block before it is loaded; for an unknown type only `notify`. */
export function methodsOfReference(reference: string): readonly string[] {
  const slug = reference.slice(0, Math.max(0, reference.indexOf("/")));
  const type = classes.get(slug);
  if (type !== undefined) return methodNames(type.prototype);
  return (Object.hasOwn(builtins, slug) ? builtins[slug]?.methods : undefined) ?? ["notify"];
}

const MAX_SUGGESTIONS = 3;
const MAX_DISTANCE = 3;

function nearSlugs(slug: string): string[] {
  const scored = knownSlugs().map((known) => ({ known, distance: editDistance(slug, known) }));
  const near = scored.filter(({ known, distance }) => distance <= MAX_DISTANCE || known.startsWith(`${slug}-`));
  return near
    .toSorted((a, b) => a.distance - b.distance)
    .slice(0, MAX_SUGGESTIONS)
    .map(({ known }) => known);
}

/** Levenshtein distance. */
function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (const [i, left] of Array.from(a).entries()) {
    const next = [i + 1];
    for (const [j, right] of Array.from(b).entries()) {
      const replaced = (row[j] ?? 0) + (left === right ? 0 : 1);
      next.push(Math.min(replaced, (row[j + 1] ?? 0) + 1, (next[j] ?? 0) + 1));
    }
    row = next;
  }
  return row.at(-1) ?? 0;
}
