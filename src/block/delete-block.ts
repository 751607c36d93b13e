import { errorCode } from "../base/errors.ts";
import type { BlockContext } from "./ambient.ts";
import type { BlockDocumentRow } from "./block-store.ts";
import { forgetReads, referenceOf } from "./document-tree.ts";
import { BlockInUseError, BlockNotFoundError, BlockRevisionConflictError } from "./errors.ts";
import { openRow, sealRow } from "./open-document.ts";
import { parseReference } from "./reference.ts";

export interface DeleteOptions {
  /** Take the references to it out of other documents, instead of refusing. Default false. */
  readonly force?: boolean;
}

export interface DeleteReport {
  /** References of the documents from which a reference to it was taken out. */
  readonly detachedFrom: readonly string[];
}

const MAX_NAMED = 20;

/** Deletes by reference. @throws block_not_found, block_in_use, invalid_block_reference */
export async function deleteBlock(
  context: BlockContext,
  reference: string,
  { force = false }: DeleteOptions = {},
): Promise<DeleteReport> {
  const { slug, name } = parseReference(reference);
  const row = await context.store.readDocument(slug, name);
  if (row === null) throw new BlockNotFoundError({ ref: reference });
  const detachedFrom: string[] = [];
  for (let users = await usersOf(context, row); users.length > 0; users = await usersOf(context, row)) {
    if (!force) throw inUse(reference, users);
    for (const user of users) {
      await detach(context, user, row.id);
      detachedFrom.push(referenceOf(user));
    }
  }
  await remove(context, row, reference);
  forgetReads(context.store);
  return { detachedFrom };
}

const usersOf = ({ store }: BlockContext, row: BlockDocumentRow) => store.listReferrers(row.id, MAX_NAMED);

const inUse = (ref: string, users: readonly BlockDocumentRow[]) =>
  new BlockInUseError({ ref, usedBy: users.map(referenceOf) });

async function remove(context: BlockContext, row: BlockDocumentRow, reference: string): Promise<void> {
  try {
    await context.store.deleteDocument(row.id);
  } catch (error) {
    // A document that refers to it was saved since we looked; the store refuses to break that one.
    if (errorCode(error) !== "store_conflict") throw error;
    throw inUse(reference, await usersOf(context, row));
  }
}

/** References are part of what the seal is bound to, so a document that loses one is sealed anew. */
async function detach({ store, vault, clock }: BlockContext, user: BlockDocumentRow, id: string): Promise<void> {
  const data = await openRow(vault, user);
  const references = user.references.filter(({ referencedId }) => referencedId !== id);
  const next = { ...user, references, revision: user.revision + 1, updatedMicros: clock.nowMicros() };
  const sealed = { ...next, data: await sealRow(vault, next, data) };
  if (await store.updateDocument(sealed, user.revision)) return;
  throw new BlockRevisionConflictError({ ref: referenceOf(user), expected: user.revision, found: user.revision + 1 });
}
