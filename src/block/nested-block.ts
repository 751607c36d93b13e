import { z } from "zod";
import { type BlockClass, classOf, construct } from "./block-class.ts";
import { type DocumentMeta, documentMeta, setDocumentMeta } from "./document-meta.ts";
import { BlockValidationError, MaskedValueError } from "./errors.ts";
import { encodeLive } from "./fields.ts";
import { MASKED_ISSUE } from "./secret-field.ts";

/** A referenced document, read from the store, on its way into the field that refers to it. */
export class HydratedDocument {
  readonly slug: string;
  readonly meta: DocumentMeta;
  readonly values: Readonly<Record<string, unknown>>;

  constructor(slug: string, meta: DocumentMeta, values: Readonly<Record<string, unknown>>) {
    this.slug = slug;
    this.meta = meta;
    this.values = values;
  }
}

/** A saved block inside raw values: stored as a reference, never as a copy of its values. */
export class SavedBlock {
  readonly block: object;

  constructor(block: object) {
    this.block = block;
  }

  toJSON(): unknown {
    return { $ref: { block_document_id: documentMeta(this.block)?.id } };
  }
}

type Raw = Readonly<Record<string, unknown>>;
type Instance<C> = C extends { readonly prototype: infer T } ? T : never;

/** A field that holds another block. Input: an instance, or raw values (with `block_type_slug` among several types). */
export type NestedBlockSchema<T> = z.ZodType<T, T | Raw>;

/**
 * A field that holds another block, e.g. credentials. A saved one is stored as a reference, so that it is shared and a
 * changed credential is seen by all who refer to it; an unsaved one is stored inside its parent.
 *
 * @param types Called on first use, so that types may refer to each other.
 * @example
 * schema: z.object({ credentials: blockField(() => EmailServerCredentials) })
 */
export function blockField<const C extends BlockClass>(types: () => C | readonly C[]): NestedBlockSchema<Instance<C>> {
  let resolved: readonly BlockClass[] | undefined;
  const classes = (): readonly BlockClass[] => {
    const given = types();
    resolved ??= isList(given) ? given : [given];
    return resolved;
  };
  const isOne = (value: unknown): boolean => classes().some((type) => value instanceof type);
  const field = z.codec(z.unknown(), z.custom<object>(isOne), {
    decode: (input, payload) => decodeNested(input, classes(), payload) ?? z.NEVER,
    encode: (block) => (documentMeta(block) === undefined ? inlined(block) : new SavedBlock(block)),
  });
  // The codec works with unknown values; the classes say which instances come out.
  return field.meta({ block: classes }) as unknown as NestedBlockSchema<Instance<C>>;
}

/** Classes that this very schema can hold, when it is a block field. */
export function nestedClassesOf(schema: z.core.$ZodType): readonly BlockClass[] | undefined {
  const classes: unknown = z.globalRegistry.get(schema)?.["block"];
  // Set by blockField alone.
  return typeof classes === "function" ? (classes as () => readonly BlockClass[])() : undefined;
}

const isList = <C>(value: C | readonly C[]): value is readonly C[] => Array.isArray(value);

/** Keys that a printed or inlined block carries beside its fields. */
const META_KEYS: ReadonlySet<string> = new Set([
  "block_type_slug",
  "_block_document_id",
  "_block_document_name",
  "_is_anonymous",
]);

const inlined = (block: object): Raw => {
  const type = classOf(block);
  return { block_type_slug: type.definition.slug, ...encodeLive(type, block, type.definition.slug) };
};

function decodeNested(
  input: unknown,
  classes: readonly BlockClass[],
  payload: z.core.ParsePayload,
): object | undefined {
  if (input instanceof SavedBlock) return input.block;
  if (typeof input !== "object" || input === null || Array.isArray(input)) return issue(payload, "expected a block");
  if (classes.some((type) => input instanceof type)) return input;
  const hydrated = input instanceof HydratedDocument;
  // Lists were refused above; what is left is an object with text keys.
  const raw = hydrated ? input.values : (input as Raw);
  if (!hydrated && "$ref" in raw) return issue(payload, "a reference is resolved only while its document is loaded");
  const slug = hydrated ? input.slug : raw["block_type_slug"];
  const type =
    classes.find(({ definition }) => definition.slug === slug) ??
    (slug === undefined && classes.length === 1 ? classes[0] : undefined);
  if (type === undefined)
    return issue(payload, `expected a block of type ${classes.map(({ definition }) => definition.slug).join(" or ")}`);
  const block = constructNested(type, raw, payload);
  if (block !== undefined && hydrated) setDocumentMeta(block, input.meta);
  return block;
}

/** Problems of the nested block become problems of the field, with the path into it. */
function constructNested(type: BlockClass, raw: Raw, payload: z.core.ParsePayload): object | undefined {
  const values = Object.fromEntries(Object.entries(raw).filter(([key]) => !META_KEYS.has(key)));
  try {
    return construct(type, values);
  } catch (error) {
    if (error instanceof MaskedValueError)
      return issue(payload, "is the mask, not a value", error.details.path, MASKED_ISSUE);
    if (!(error instanceof BlockValidationError)) throw error;
    for (const { path, message } of error.details.issues) issue(payload, message, path);
    return undefined;
  }
}

function issue(payload: z.core.ParsePayload, message: string, path = "", kind = "nested"): undefined {
  payload.issues.push({
    code: "custom",
    input: undefined,
    message,
    path: path === "" ? [] : path.split("."),
    params: { kind },
  });
}
