import type { KeyRow } from "../../block/block-store.ts";
import { query } from "./database.ts";
import type { DocumentRow, SchemaRow, TypeRow } from "./block-rows.ts";

// Reads lock nothing (they see the last commit). Writes run inside a group commit, which holds the write lock.

const TYPE_COLUMNS = `id, slug, name, is_protected as isProtected, logo_url as logoUrl, documentation_url as documentationUrl,
  description, code_example as codeExample`;

export const READ_STORE_ID = query<[], { value: string }>("select value from store_facts where name = 'store_id'");

/** Unique index on slug. */
export const READ_TYPE = query<[slug: string], TypeRow>(`select ${TYPE_COLUMNS} from block_types where slug = ?`);

/** Walks the unique index on slug. */
export const LIST_TYPES = query<[], TypeRow>(`select ${TYPE_COLUMNS} from block_types order by slug`);

type TypeParams = [
  id: string,
  slug: string,
  name: string,
  isProtected: number,
  logoUrl: string | null,
  documentationUrl: string | null,
  description: string | null,
  codeExample: string | null,
];

/** The id of a type never changes, and protection is only ever added. */
export const PUT_TYPE = query<TypeParams>(
  `insert into block_types (id, slug, name, is_protected, logo_url, documentation_url, description, code_example)
   values (?, ?, ?, ?, ?, ?, ?, ?)
   on conflict (slug) do update set name = excluded.name, is_protected = max(is_protected, excluded.is_protected),
     logo_url = excluded.logo_url, documentation_url = excluded.documentation_url, description = excluded.description,
     code_example = excluded.code_example`,
);

const SCHEMAS = `select s.id, t.id as blockTypeId, s.checksum, s.version, s.capabilities, s.fields
  from block_schemas s join block_types t on t.key = s.block_type_key`;

/** Unique indexes on block_types (id) and on block_schemas (block_type_key, checksum, version). */
export const READ_SCHEMA = query<[blockTypeId: string, checksum: string, version: string], SchemaRow>(
  `${SCHEMAS} where t.id = ? and s.checksum = ? and s.version = ?`,
);

/** Unique index on block_schemas (id). */
export const READ_SCHEMA_BY_ID = query<[id: string], SchemaRow>(`${SCHEMAS} where s.id = ?`);

/** Index block_schemas (block_type_key, …); a type has a handful of schemas. */
export const READ_NEWEST_SCHEMA = query<[blockTypeId: string], SchemaRow>(
  `${SCHEMAS} where t.id = ? order by s.key desc limit 1`,
);

export const PUT_SCHEMA = query<
  [id: string, blockTypeId: string, checksum: string, version: string, capabilities: string, fields: string]
>(
  `insert into block_schemas (id, block_type_key, checksum, version, capabilities, fields)
   values (?, (select key from block_types where id = ?), ?, ?, ?, ?)
   on conflict (block_type_key, checksum, version) do nothing`,
);

const DOCUMENTS = `select d.id, d.name, d.is_anonymous as isAnonymous, t.id as blockTypeId, t.slug as blockTypeSlug,
    t.name as blockTypeName, s.id as blockSchemaId, d.data, d.revision, d.labels,
    d.created_micros as createdMicros, d.updated_micros as updatedMicros,
    (select json_group_array(json_object('referencedId', c.id, 'path', r.path))
     from block_references r join block_documents c on c.key = r.referenced_key where r.parent_key = d.key) as "references"
  from block_documents d join block_types t on t.key = d.block_type_key join block_schemas s on s.key = d.block_schema_key`;

/** Unique indexes on block_types (slug) and on block_documents (block_type_key, name). */
export const READ_DOCUMENT = query<[typeSlug: string, name: string], DocumentRow>(
  `${DOCUMENTS} where t.slug = ? and d.name = ?`,
);

/** Unique index on block_documents (id). */
export const READ_DOCUMENT_BY_ID = query<[id: string], DocumentRow>(`${DOCUMENTS} where d.id = ?`);

/**
 * Scans and sorts the documents, of which people save hundreds, not millions. Empty text stands for "no filter". The
 * search ignores case; `%` and `_` mean themselves.
 */
export const LIST_DOCUMENTS = query<
  [typeSlug: string, capability: string, nameLike: string, anonymous: number, limit: number, offset: number],
  DocumentRow
>(
  `${DOCUMENTS}
   where (?1 = '' or t.slug = ?1)
     and (?2 = '' or exists (select 1 from json_each(s.capabilities) where value = ?2))
     and (?3 = '' or instr(lower(d.name), lower(?3)) > 0)
     and (?4 = 1 or d.is_anonymous = 0)
   order by t.slug, d.name limit ?5 offset ?6`,
);

/** Index block_references_to. */
export const LIST_REFERRERS = query<[id: string, limit: number], DocumentRow>(
  `${DOCUMENTS} where d.key in (
     select parent_key from block_references where referenced_key = (select key from block_documents where id = ?1))
   order by t.slug, d.name limit ?2`,
);

type DocumentParams = [
  id: string,
  blockTypeId: string,
  blockSchemaId: string,
  name: string,
  isAnonymous: number,
  revision: number,
  createdMicros: number,
  updatedMicros: number,
  labels: string,
  data: string,
];

/** The unique index on (block_type_key, name) decides between two who save at once. */
export const INSERT_DOCUMENT = query<DocumentParams>(
  `insert into block_documents
     (id, block_type_key, block_schema_key, name, is_anonymous, revision, created_micros, updated_micros, labels, data)
   values (?, (select key from block_types where id = ?), (select key from block_schemas where id = ?), ?, ?, ?, ?, ?, ?, ?)
   on conflict (block_type_key, name) do nothing`,
);

/** Changes the row only if nobody else did since `expected` was read. */
export const UPDATE_DOCUMENT = query<
  [
    blockSchemaId: string,
    isAnonymous: number,
    revision: number,
    updatedMicros: number,
    labels: string,
    data: string,
    id: string,
    expected: number,
  ]
>(
  `update block_documents set block_schema_key = (select key from block_schemas where id = ?), is_anonymous = ?,
     revision = ?, updated_micros = ?, labels = ?, data = ? where id = ? and revision = ?`,
);

export const DELETE_REFERENCES = query<[parentId: string]>(
  "delete from block_references where parent_key = (select key from block_documents where id = ?)",
);

export const INSERT_REFERENCE = query<[parentId: string, referencedId: string, path: string]>(
  `insert into block_references (parent_key, referenced_key, path)
   values ((select key from block_documents where id = ?), (select key from block_documents where id = ?), ?)`,
);

/** Refused while another document refers to it; its own references go with it. */
export const DELETE_DOCUMENT = query<[id: string]>("delete from block_documents where id = ?");

export const READ_KEYS = query<[], KeyRow>("select kid, state, source from encryption_keys order by key");

/** Unique index on kid, and encryption_keys_one_active: at most one row is active. */
export const ACTIVATE_KEY = query<[kid: string, source: string, createdAtMs: number]>(
  `insert into encryption_keys (kid, state, source, created_at_ms) values (?, 'active', ?, ?) on conflict do nothing`,
);

/** A key that was set aside becomes the active one again if there is none. */
export const REACTIVATE_KEY = query<[kid: string]>(
  `update encryption_keys set state = 'active'
   where kid = ? and not exists (select 1 from encryption_keys where state = 'active')`,
);

export const READ_ACTIVE_KEY = query<[], KeyRow>(
  "select kid, state, source from encryption_keys where state = 'active'",
);
