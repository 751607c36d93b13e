import type { JsonObject } from "../base/json.ts";
import type { BlockDocumentRow } from "./block-store.ts";
import type { DocumentMeta } from "./document-meta.ts";
import type { DocumentTree } from "./document-tree.ts";
import { type DocumentBinding, openEnvelope, readEnvelope, sealDocument } from "./envelope.ts";
import { HydratedDocument } from "./nested-block.ts";
import { type LooseObject, joinReferences } from "./references.ts";
import type { Vault } from "./vault.ts";

type Bound = Pick<BlockDocumentRow, "id" | "blockTypeSlug" | "name" | "references">;

const bindingOf = (row: Bound): DocumentBinding => ({
  documentId: row.id,
  typeSlug: row.blockTypeSlug,
  documentName: row.name,
  references: row.references,
});

export const metaOf = ({ id, name, isAnonymous, revision }: BlockDocumentRow): DocumentMeta => ({
  id,
  name,
  isAnonymous,
  revision,
});

/** Seals values for this row, under the active key. @throws encryption_key_unavailable, encryption_key_mismatch */
export async function sealRow(vault: Vault, row: Bound, data: JsonObject): Promise<string> {
  return sealDocument(data, bindingOf(row), await vault.active());
}

/** The values of one row, references left out. @throws block_tampered, encryption_key_unavailable */
export async function openRow(vault: Vault, row: BlockDocumentRow): Promise<JsonObject> {
  const envelope = readEnvelope(row.data, row.id);
  return openEnvelope(envelope, bindingOf(row), await vault.open(envelope.kid));
}

/** The values of a document, with the documents it refers to in their places, opened as well. */
export async function openTree(vault: Vault, { row, children }: DocumentTree): Promise<LooseObject> {
  const data = await openRow(vault, row);
  if (row.references.length === 0) return data;
  const opened = new Map<string, HydratedDocument>();
  for (const [id, child] of children) {
    opened.set(id, new HydratedDocument(child.row.blockTypeSlug, metaOf(child.row), await openTree(vault, child)));
  }
  return joinReferences(data, row.references, ({ referencedId }) => opened.get(referencedId));
}
