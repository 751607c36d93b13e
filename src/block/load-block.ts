import type { BlockContext } from "./ambient.ts";
import { type BlockClass, FieldValues, construct, versionOf } from "./block-class.ts";
import type { BlockDocumentRow } from "./block-store.ts";
import { setDocumentMeta } from "./document-meta.ts";
import { type DocumentTree, expand, readTree, referenceOf } from "./document-tree.ts";
import { BlockNotFoundError, BlockValidationError, InvalidBlockReferenceError } from "./errors.ts";
import { metaOf, openTree } from "./open-document.ts";
import { type ParsedReference, checkBlockName, formatReference, isBlockName, parseReference } from "./reference.ts";
import type { LooseObject } from "./references.ts";
import { registerClass, requireClass } from "./registry.ts";
import { isUuid } from "../base/ids.ts";
import { unvalidated } from "./unvalidated.ts";

export interface LoadOptions {
  /**
   * With `false`, a document that does not fit its class is loaded as it is, missing fields as `null`, with a process
   * warning: a way to repair it, not to work with it. Default true.
   */
  readonly validate?: boolean;
  /** A copy that this process read at most this many milliseconds ago will do. Default 0: read again. */
  readonly maxAge?: number;
  readonly signal?: AbortSignal;
}

/** How configuration and parameters point at a document. */
export type DocumentRef = string | { readonly block_document_id: string } | { readonly block_document_slug: string };

/** @throws invalid_block_reference, which suggests the reference when the name alone was given and fits one document. */
async function parsed({ store }: BlockContext, reference: string): Promise<ParsedReference> {
  if (!isBlockName(reference)) return parseReference(reference);
  const found = await store.listDocuments({ nameLike: reference, anonymous: true });
  const [only, ...others] = found.filter((row) => row.name === reference);
  const suggestion = only === undefined || others.length > 0 ? {} : { suggestion: referenceOf(only) };
  throw new InvalidBlockReferenceError({ reference, ...suggestion });
}

/**
 * Loads the document that a reference names, as an instance of the class registered for its type.
 *
 * @throws block_not_found, unknown_block_type, invalid_block_reference, block_validation_failed, block_tampered,
 * encryption_key_unavailable, encryption_key_mismatch
 */
export async function loadBlock(context: BlockContext, reference: string, options: LoadOptions = {}): Promise<object> {
  const { slug, name } = await parsed(context, reference);
  return read(context, await requireClass(slug), name, options);
}

/** Loads as an instance of this class, whatever class is registered. */
export function loadOfClass<T extends object>(
  context: BlockContext,
  type: BlockClass<T>,
  name: string,
  options: LoadOptions = {},
): Promise<T> {
  registerClass(type);
  checkBlockName(name);
  return read(context, type, name, options);
}

async function read<T extends object>(
  context: BlockContext,
  type: BlockClass<T>,
  name: string,
  options: LoadOptions,
): Promise<T> {
  const { slug } = type.definition;
  options.signal?.throwIfAborted();
  const tree = await readTree(context, slug, name, options.maxAge ?? 0);
  if (tree === null) throw new BlockNotFoundError({ ref: formatReference({ slug, name }) });
  const values = await openTree(context.vault, tree);
  options.signal?.throwIfAborted();
  return instantiate(context, type, tree, values, options);
}

/** True when a document with this reference is saved. @throws invalid_block_reference */
export async function existsBlock({ store }: BlockContext, reference: string): Promise<boolean> {
  const { slug, name } = parseReference(reference);
  return (await store.readDocument(slug, name)) !== null;
}

async function rowOf(context: BlockContext, ref: DocumentRef): Promise<BlockDocumentRow> {
  if (typeof ref === "object" && "block_document_slug" in ref) {
    const { slug, name } = parseReference(ref.block_document_slug);
    const row = await context.store.readDocument(slug, name);
    if (row === null) throw new BlockNotFoundError({ ref: ref.block_document_slug });
    return row;
  }
  const id = typeof ref === "string" ? ref : ref.block_document_id;
  if (!isUuid(id)) throw new InvalidBlockReferenceError({ reference: "(not a document id)" });
  const row = await context.store.readDocumentById(id.toLowerCase());
  if (row === null) throw new BlockNotFoundError({ ref: id });
  return row;
}

/**
 * Loads by id or by one of the object forms. With a class of another type, the values must fit that class.
 *
 * @throws block_not_found, invalid_block_reference, unknown_block_type, block_validation_failed
 */
export async function loadFromRef(
  context: BlockContext,
  type: BlockClass | undefined,
  ref: DocumentRef,
): Promise<object> {
  const row = await rowOf(context, ref);
  const target = type ?? (await requireClass(row.blockTypeSlug));
  const tree = await expand(context.store, row);
  const block = await instantiate(context, target, tree, await openTree(context.vault, tree), {});
  if (target.definition.slug !== row.blockTypeSlug) {
    process.emitWarning(
      `Block "${referenceOf(row)}" was loaded as "${target.definition.slug}", which it happens to fit.`,
      { code: "BELLHOP_BLOCK_TYPE_DIFFERS" },
    );
  }
  return block;
}

async function instantiate<T extends object>(
  context: BlockContext,
  type: BlockClass<T>,
  { row }: DocumentTree,
  values: LooseObject,
  { validate = true }: LoadOptions,
): Promise<T> {
  const block = await constructed(context, type, row, values, validate);
  setDocumentMeta(block, metaOf(row));
  return block;
}

async function constructed<T extends object>(
  { store }: BlockContext,
  type: BlockClass<T>,
  row: BlockDocumentRow,
  values: LooseObject,
  validate: boolean,
): Promise<T> {
  try {
    return construct(type, values);
  } catch (error) {
    if (!(error instanceof BlockValidationError)) throw error;
    const saved = await store.readSchemaById(row.blockSchemaId);
    const ref = referenceOf(row);
    if (!validate)
      return construct(type, new FieldValues(unvalidated(type, values, saved, { ref, issues: error.details.issues })));
    const versions = { savedVersion: saved?.version ?? "unknown", currentVersion: versionOf(type) };
    throw new BlockValidationError({ ref, issues: error.details.issues, ...versions });
  }
}
