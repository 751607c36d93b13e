import { BellhopError } from "../../base/errors.ts";
import type { BlockDocumentRow, BlockStore, KeyRow } from "../../block/block-store.ts";
import { type DocumentRow, sameType, toDocument, toSchema, toType } from "./block-rows.ts";
import * as sql from "./block-statements.ts";
import { type Database, plain, toJson } from "./database.ts";
import { pageSize } from "./page.ts";
import type { Session } from "./session.ts";

const LISTED_BY_DEFAULT = 200;

const documentOf = (row: DocumentRow | undefined): BlockDocumentRow | null =>
  row === undefined ? null : toDocument(row);

function insertReferences(db: Database, { id, references }: BlockDocumentRow): void {
  for (const { referencedId, path } of references) db.run(sql.INSERT_REFERENCE, id, referencedId, path);
}

function insertDocument(db: Database, document: BlockDocumentRow, labels: string): boolean {
  const { id, blockTypeId, blockSchemaId, name, revision, createdMicros, updatedMicros, data } = document;
  const anonymous = Number(document.isAnonymous);
  const inserted = db.run(
    sql.INSERT_DOCUMENT,
    ...([
      id,
      blockTypeId,
      blockSchemaId,
      name,
      anonymous,
      revision,
      createdMicros,
      updatedMicros,
      labels,
      data,
    ] as const),
  );
  if (inserted > 0) insertReferences(db, document);
  return inserted > 0;
}

function updateDocument(db: Database, document: BlockDocumentRow, labels: string, expected: number): boolean {
  const { id, blockSchemaId, revision, updatedMicros, data } = document;
  const anonymous = Number(document.isAnonymous);
  const updated = db.run(
    sql.UPDATE_DOCUMENT,
    blockSchemaId,
    anonymous,
    revision,
    updatedMicros,
    labels,
    data,
    id,
    expected,
  );
  if (updated === 0) return false;
  db.run(sql.DELETE_REFERENCES, id);
  insertReferences(db, document);
  return true;
}

/** Whoever comes first wins; everybody gets the winner. */
function activateKey(db: Database, { kid, source }: KeyRow, nowMs: number): KeyRow {
  if (db.run(sql.ACTIVATE_KEY, kid, source, nowMs) === 0) db.run(sql.REACTIVATE_KEY, kid);
  const active = db.get(sql.READ_ACTIVE_KEY);
  if (active === undefined) throw new BellhopError("store_conflict", { rule: "no encryption key is active" });
  return plain(active);
}

/** Row that was written or found a moment ago in the same transaction. */
function present<T>(row: T | undefined, table: string): T {
  if (row === undefined) throw new BellhopError("store_conflict", { rule: `no such row in ${table}` });
  return row;
}

/**
 * Nothing of this port is written behind its caller, so its reads do not wait for the queue: a block can be loaded, and
 * a person told, also while the disk is full.
 */
export function openBlockStore({ queue, readCommitted: read, clock }: Session): BlockStore {
  let storeId: string | undefined;
  return {
    storeId: async () => (storeId ??= await read((db) => present(db.get(sql.READ_STORE_ID), "store_facts").value)),

    readType: (slug) => read((db) => db.all(sql.READ_TYPE, slug).map(toType)[0] ?? null),
    listTypes: () => read((db) => db.all(sql.LIST_TYPES).map(toType)),
    putType: async (type) => {
      // Every start of a program registers its types; the ones that are there already cost no write.
      const stored = await read((db) => db.all(sql.READ_TYPE, type.slug).map(toType)[0]);
      if (stored !== undefined && sameType(stored, type)) return stored;
      const { id, slug, name, isProtected, logoUrl, documentationUrl, description, codeExample } = type;
      return queue.submit((db) => {
        db.run(sql.PUT_TYPE, id, slug, name, Number(isProtected), logoUrl, documentationUrl, description, codeExample);
        return toType(present(db.get(sql.READ_TYPE, slug), "block_types"));
      });
    },

    readSchema: (typeId, checksum, version) =>
      read((db) => db.all(sql.READ_SCHEMA, typeId, checksum, version).map(toSchema)[0] ?? null),
    readSchemaById: (id) => read((db) => db.all(sql.READ_SCHEMA_BY_ID, id).map(toSchema)[0] ?? null),
    readNewestSchema: (typeId) => read((db) => db.all(sql.READ_NEWEST_SCHEMA, typeId).map(toSchema)[0] ?? null),
    putSchema: async (schema) => {
      const { id, blockTypeId, checksum, version } = schema;
      const stored = await read((db) => db.get(sql.READ_SCHEMA, blockTypeId, checksum, version));
      if (stored !== undefined) return toSchema(stored);
      const [capabilities, fields] = [toJson(schema.capabilities), toJson(schema.fields)];
      return queue.submit((db) => {
        db.run(sql.PUT_SCHEMA, id, blockTypeId, checksum, version, capabilities, fields);
        return toSchema(present(db.get(sql.READ_SCHEMA, blockTypeId, checksum, version), "block_schemas"));
      });
    },

    readDocument: (typeSlug, name) => read((db) => documentOf(db.get(sql.READ_DOCUMENT, typeSlug, name))),
    readDocumentById: (id) => read((db) => documentOf(db.get(sql.READ_DOCUMENT_BY_ID, id))),
    listDocuments: ({ typeSlug = "", capability = "", nameLike = "", anonymous = false, limit, offset } = {}) =>
      read((db) => {
        const { take, skip } = pageSize({ limit, offset }, LISTED_BY_DEFAULT);
        return db
          .all(sql.LIST_DOCUMENTS, typeSlug, capability, nameLike, Number(anonymous), take, skip)
          .map(toDocument);
      }),
    listReferrers: (id, limit) => read((db) => db.all(sql.LIST_REFERRERS, id, limit).map(toDocument)),

    insertDocument: async (document) => {
      const labels = toJson(document.labels);
      return queue.submit((db) => insertDocument(db, document, labels));
    },
    updateDocument: async (document, expected) => {
      const labels = toJson(document.labels);
      return queue.submit((db) => updateDocument(db, document, labels, expected));
    },
    /** @throws store_conflict while another document refers to it */
    deleteDocument: (id) => queue.submit((db) => db.run(sql.DELETE_DOCUMENT, id) > 0),

    readKeys: () => read((db) => db.all(sql.READ_KEYS).map(plain)),
    activateKey: (key) => queue.submit((db) => activateKey(db, key, clock.now())),
  };
}
