import type { JsonObject } from "../../base/json.ts";
import type { BlockDocumentRow, BlockReferenceRow, BlockSchemaRow, BlockTypeRow } from "../../block/block-store.ts";

/** A row of `block_types`, under the port's names. */
export type TypeRow = Omit<BlockTypeRow, "isProtected"> & { readonly isProtected: 0 | 1 };

export interface SchemaRow {
  readonly id: string;
  readonly blockTypeId: string;
  readonly checksum: string;
  readonly version: string;
  readonly capabilities: string;
  readonly fields: string;
}

export interface DocumentRow {
  readonly id: string;
  readonly name: string;
  readonly isAnonymous: 0 | 1;
  readonly blockTypeId: string;
  readonly blockTypeSlug: string;
  readonly blockTypeName: string;
  readonly blockSchemaId: string;
  readonly data: string;
  readonly revision: number;
  readonly labels: string;
  readonly createdMicros: number;
  readonly updatedMicros: number;
  /** JSON of `BlockReferenceRow[]`, in any order: SQLite takes longer to sort none than to read the whole row. */
  readonly references: string;
}

export const toType = (row: TypeRow): BlockTypeRow => ({ ...row, isProtected: row.isProtected === 1 });

export const toSchema = (row: SchemaRow): BlockSchemaRow => ({
  ...row,
  // Both were written by toJson() from values of these types.
  capabilities: JSON.parse(row.capabilities) as string[],
  fields: JSON.parse(row.fields) as JsonObject,
});

/** Made by the statement that reads them. */
const toReferences = (json: string): BlockReferenceRow[] =>
  (JSON.parse(json) as BlockReferenceRow[]).sort((a, b) => (a.path < b.path ? -1 : 1));

/** Field by field: SQLite's rows have no shape of their own and are slow to copy, and every destination is loaded here. */
export const toDocument = (row: DocumentRow): BlockDocumentRow => ({
  id: row.id,
  name: row.name,
  isAnonymous: row.isAnonymous === 1,
  blockTypeId: row.blockTypeId,
  blockTypeSlug: row.blockTypeSlug,
  blockTypeName: row.blockTypeName,
  blockSchemaId: row.blockSchemaId,
  data: row.data,
  revision: row.revision,
  // Written by toJson() from a value of this type.
  labels: JSON.parse(row.labels) as Record<string, string>,
  references: toReferences(row.references),
  createdMicros: row.createdMicros,
  updatedMicros: row.updatedMicros,
});

/** True when storing `next` over `stored` would change nothing but perhaps the id, which stays. */
export function sameType(stored: BlockTypeRow, next: BlockTypeRow): boolean {
  return (
    stored.name === next.name &&
    stored.description === next.description &&
    stored.documentationUrl === next.documentationUrl &&
    stored.logoUrl === next.logoUrl &&
    stored.codeExample === next.codeExample &&
    (stored.isProtected || !next.isProtected)
  );
}
