import type { JsonObject } from "../base/json.ts";

/** One row per slug. */
export interface BlockTypeRow {
  readonly id: string;
  readonly slug: string;
  readonly name: string;
  readonly description: string | null;
  readonly documentationUrl: string | null;
  readonly logoUrl: string | null;
  readonly codeExample: string | null;
  readonly isProtected: boolean;
}

/** One version of a type's fields; never changed once stored. */
export interface BlockSchemaRow {
  readonly id: string;
  readonly blockTypeId: string;
  /** `sha256:` and 64 hex digits. */
  readonly checksum: string;
  readonly fields: JsonObject;
  readonly capabilities: readonly string[];
  readonly version: string;
}

/** A saved document with its sealed values. */
export interface BlockDocumentRow {
  readonly id: string;
  readonly name: string;
  readonly isAnonymous: boolean;
  readonly blockTypeId: string;
  readonly blockTypeSlug: string;
  readonly blockTypeName: string;
  readonly blockSchemaId: string;
  /** Sealed envelope text; opaque here. */
  readonly data: string;
  /** Starts at 1, one more with every change of data or schema. */
  readonly revision: number;
  readonly labels: Readonly<Record<string, string>>;
  readonly references: readonly BlockReferenceRow[];
  readonly createdMicros: number;
  readonly updatedMicros: number;
}

export interface BlockReferenceRow {
  readonly referencedId: string;
  /** JSON pointer inside the parent's data, e.g. `/credentials`. */
  readonly path: string;
}

export interface DocumentFilter {
  readonly typeSlug?: string;
  readonly capability?: string;
  readonly nameLike?: string;
  /** Default false: anonymous documents are left out. */
  readonly anonymous?: boolean;
  /** Default 200, at most 200. Sorted by type slug, then name. */
  readonly limit?: number;
  readonly offset?: number;
}

export interface KeyRow {
  readonly kid: string;
  readonly state: "active" | "decrypt_only" | "retired";
  readonly source: string;
}

/** Where block types, schemas, documents and key ids live. Rows only: sealing and rules are above this port. */
export interface BlockStore {
  /** UUID of this store, made with it; part of the keychain account. */
  storeId(): Promise<string>;

  readType(slug: string): Promise<BlockTypeRow | null>;
  listTypes(): Promise<BlockTypeRow[]>;
  /** Inserts the type, or updates the texts of the one with this slug. Returns the stored row. */
  putType(type: BlockTypeRow): Promise<BlockTypeRow>;
  readSchema(blockTypeId: string, checksum: string, version: string): Promise<BlockSchemaRow | null>;
  readSchemaById(id: string): Promise<BlockSchemaRow | null>;
  /** The newest schema of a type. */
  readNewestSchema(blockTypeId: string): Promise<BlockSchemaRow | null>;
  /** Inserts, or returns the row that is already there for (type, checksum, version). */
  putSchema(schema: BlockSchemaRow): Promise<BlockSchemaRow>;

  readDocument(typeSlug: string, name: string): Promise<BlockDocumentRow | null>;
  readDocumentById(id: string): Promise<BlockDocumentRow | null>;
  listDocuments(filter?: DocumentFilter): Promise<BlockDocumentRow[]>;
  /** False when (type, name) is taken; nothing is written then. */
  insertDocument(document: BlockDocumentRow): Promise<boolean>;
  /** Replaces data, schema, labels and references if the stored revision is `expected`; false otherwise. */
  updateDocument(document: BlockDocumentRow, expected: number): Promise<boolean>;
  deleteDocument(id: string): Promise<boolean>;
  /** Documents that refer to this one, at most `limit`. */
  listReferrers(id: string, limit: number): Promise<BlockDocumentRow[]>;

  readKeys(): Promise<KeyRow[]>;
  /** Records the key as active unless another one is; returns the row that is active afterwards. */
  activateKey(key: KeyRow): Promise<KeyRow>;
}
