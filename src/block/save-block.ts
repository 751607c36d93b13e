import { newId } from "../base/ids.ts";
import type { JsonObject } from "../base/json.ts";
import type { BlockContext } from "./ambient.ts";
import type { BlockClass } from "./block-class.ts";
import type { BlockDocumentRow, BlockReferenceRow } from "./block-store.ts";
import { documentMeta, setDocumentMeta } from "./document-meta.ts";
import { expand, forgetReads } from "./document-tree.ts";
import {
  BlockAlreadyExistsError,
  BlockNameRequiredError,
  BlockReferenceCycleError,
  BlockRevisionConflictError,
  BlockValidationError,
  MissingReferenceError,
} from "./errors.ts";
import { encodeFields } from "./fields.ts";
import { metaOf, sealRow } from "./open-document.ts";
import { checkBlockName, formatReference } from "./reference.ts";
import { splitReferences } from "./references.ts";
import { type Registered, registerType } from "./register-type.ts";

export interface SaveOptions {
  /** Document name; default: the one it was loaded with or saved under. */
  readonly name?: string;
  /** Replace the document that has the name, all of its fields. Default false: a taken name is an error. */
  readonly overwrite?: boolean;
  /** Always makes a new document, hidden from lists; a name is made unless one is given. Default false. */
  readonly anonymous?: boolean;
  /** Overwrite only this revision of the document. */
  readonly ifRevision?: number;
}

/** What is about to be written, except for what is known only once it is clear which document it goes to. */
interface Draft {
  readonly ref: string;
  readonly name: string;
  readonly isAnonymous: boolean;
  readonly data: JsonObject;
  readonly references: readonly BlockReferenceRow[];
  readonly registered: Registered;
}

/** Conflicts in a row that an overwrite without `ifRevision` survives: someone else wrote between its read and write. */
const MAX_RETRIES = 10;

/**
 * Saves a block instance and marks it as saved.
 *
 * @returns The document id.
 */
export async function saveBlock(
  context: BlockContext,
  type: BlockClass,
  block: object,
  options: SaveOptions = {},
): Promise<string> {
  const { overwrite = false, anonymous = false } = options;
  const { slug } = type.definition;
  const name = options.name ?? (anonymous ? `anonymous-${newId()}` : documentMeta(block)?.name);
  if (name === undefined) throw new BlockNameRequiredError({ slug });
  checkBlockName(name);
  const ref = formatReference({ slug, name });
  const data = encodeFields(type, block, ref);
  const split = splitReferences(data, (path) => {
    throw new BlockValidationError({
      ref,
      issues: [{ path, code: "reference", message: "a reference needs block_document_id" }],
    });
  });
  const registered = await registerType(context.store, type);
  const draft: Draft = { ref, name, isAnonymous: anonymous, ...split, registered };
  const row =
    overwrite && !anonymous ? await replace(context, draft, options.ifRevision) : await insert(context, draft);
  if (row === null) throw new BlockAlreadyExistsError({ ref });
  forgetReads(context.store);
  setDocumentMeta(block, metaOf(row));
  return row.id;
}

async function rowOf(context: BlockContext, draft: Draft, stored: BlockDocumentRow | null): Promise<BlockDocumentRow> {
  const { type, schema } = draft.registered;
  const nowMicros = context.clock.nowMicros();
  const row = {
    id: stored?.id ?? newId(),
    name: draft.name,
    isAnonymous: draft.isAnonymous,
    blockTypeId: type.id,
    blockTypeSlug: type.slug,
    blockTypeName: type.name,
    blockSchemaId: schema.id,
    revision: (stored?.revision ?? 0) + 1,
    labels: stored?.labels ?? {},
    references: draft.references,
    createdMicros: stored?.createdMicros ?? nowMicros,
    updatedMicros: nowMicros,
  };
  await checkReferences(context, draft, row.id);
  return { ...row, data: await sealRow(context.vault, row, draft.data) };
}

/** Null when the name is taken. */
async function insert(context: BlockContext, draft: Draft): Promise<BlockDocumentRow | null> {
  const row = await rowOf(context, draft, null);
  return (await context.store.insertDocument(row)) ? row : null;
}

/** Writes over the document that has the name now, whatever document the instance came from. */
async function replace(context: BlockContext, draft: Draft, ifRevision: number | undefined): Promise<BlockDocumentRow> {
  const { ref, name, registered } = draft;
  for (let attempt = 0; ; attempt += 1) {
    const stored = await context.store.readDocument(registered.type.slug, name);
    const found = stored?.revision ?? 0;
    const expected = ifRevision ?? found;
    if (found !== expected || attempt > MAX_RETRIES) throw new BlockRevisionConflictError({ ref, expected, found });
    if (stored === null) {
      const inserted = await insert(context, draft);
      if (inserted !== null) return inserted;
      continue; // someone else took the name in between
    }
    const row = await rowOf(context, draft, stored);
    if (await context.store.updateDocument(row, stored.revision)) return row;
  }
}

/** Referenced documents must exist, and must not lead back to the one that refers to them. */
async function checkReferences({ store }: BlockContext, { ref, references }: Draft, id: string): Promise<void> {
  for (const { referencedId, path } of references) {
    const target = referencedId === id ? null : await store.readDocumentById(referencedId);
    if (referencedId === id) throw new BlockReferenceCycleError({ ref });
    if (target === null) throw new MissingReferenceError({ ref, path });
    const pending = [await expand(store, target)];
    for (let tree = pending.pop(); tree !== undefined; tree = pending.pop()) {
      if (tree.row.id === id) throw new BlockReferenceCycleError({ ref });
      pending.push(...tree.children.values());
    }
  }
}
