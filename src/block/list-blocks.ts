import { errorCode } from "../base/errors.ts";
import { formatMicros } from "../base/instant.ts";
import type { JsonObject, JsonValue } from "../base/json.ts";
import type { BlockContext } from "./ambient.ts";
import type { BlockDocumentRow, BlockSchemaRow, BlockStore, DocumentFilter } from "./block-store.ts";
import { type DocumentTree, expand, referenceOf } from "./document-tree.ts";
import { BlockNotFoundError } from "./errors.ts";
import { maskDocument } from "./mask.ts";
import { openRow } from "./open-document.ts";
import { parseReference } from "./reference.ts";
import { joinReferences } from "./references.ts";
import { findClass } from "./registry.ts";
import { secretPaths } from "./secret-paths.ts";

export interface ListOptions {
  /** Only this type. */
  readonly type?: string;
  /** Only types that can do this, e.g. `notify`. */
  readonly capability?: string;
  /** Only names that contain this. */
  readonly nameLike?: string;
  /** Also documents without a user's name. Default false. */
  readonly anonymous?: boolean;
  /** Default and maximum 200. */
  readonly limit?: number;
  readonly offset?: number;
}

/** A saved document as it may be shown. */
export interface BlockSummary {
  readonly id: string;
  readonly ref: string;
  readonly type: string;
  readonly typeName: string;
  readonly name: string;
  readonly isAnonymous: boolean;
  readonly revision: number;
  /** `sealed`: its key is not at hand. `tampered`: it was altered outside the product. */
  readonly status: "ready" | "sealed" | "tampered";
  /** Masked; references as `$ref`. Empty unless `ready`. */
  readonly data: JsonObject;
  readonly labels: Readonly<Record<string, string>>;
  /** ISO 8601, microseconds. */
  readonly created: string;
  readonly updated: string;
}

export interface BlockInspection extends BlockSummary {
  /** Masked unless secrets were asked for; documents that it refers to stand in their places. */
  readonly data: JsonObject;
  readonly capabilities: readonly string[];
  readonly schemaVersion: string;
  readonly schemaChecksum: string;
}

/** Schema rows never change once stored. */
const schemas = new WeakMap<BlockStore, Map<string, BlockSchemaRow>>();

async function schemaOf(store: BlockStore, id: string): Promise<BlockSchemaRow | null> {
  const known = schemas.get(store) ?? new Map<string, BlockSchemaRow>();
  schemas.set(store, known);
  const cached = known.get(id);
  if (cached !== undefined) return cached;
  const row = await store.readSchemaById(id);
  if (row !== null) known.set(id, row);
  return row;
}

/**
 * What the document's own schema calls secret, and what the class calls so, where this process has one: the schema lies
 * unsealed in the store, and whoever can write there must not get values shown by taking a path out of it.
 */
async function secretFieldsOf(
  { blockTypeSlug }: BlockDocumentRow,
  schema: BlockSchemaRow | null,
): Promise<readonly string[] | undefined> {
  const paths = schema?.fields["secret_fields"];
  if (!Array.isArray(paths)) return undefined;
  const type = await findClass(blockTypeSlug);
  return [...paths.map(String), ...(type === undefined ? [] : secretPaths(type.definition.schema))];
}

/** Saved documents, masked, sorted by type and name. A document that does not open is listed with its status. */
export async function listBlocks(context: BlockContext, options: ListOptions = {}): Promise<BlockSummary[]> {
  const { type, ...rest } = options;
  const filter: DocumentFilter = type === undefined ? rest : { ...rest, typeSlug: type };
  const rows = await context.store.listDocuments(filter);
  return Promise.all(rows.map((row) => summary(context, row)));
}

async function summary(context: BlockContext, row: BlockDocumentRow): Promise<BlockSummary> {
  const { id, blockTypeSlug: type, blockTypeName: typeName, name, isAnonymous, revision, labels } = row;
  const opened = await openMasked(context, row);
  const times = { created: formatMicros(row.createdMicros), updated: formatMicros(row.updatedMicros) };
  return { id, ref: referenceOf(row), type, typeName, name, isAnonymous, revision, ...opened, labels, ...times };
}

async function openMasked(
  context: BlockContext,
  row: BlockDocumentRow,
): Promise<Pick<BlockSummary, "status" | "data">> {
  try {
    const [data, schema] = [await openRow(context.vault, row), await schemaOf(context.store, row.blockSchemaId)];
    return { status: "ready", data: withReferences(row, maskDocument(data, await secretFieldsOf(row, schema))) };
  } catch (error) {
    return { status: statusOf(error), data: {} };
  }
}

const LOCKED: ReadonlySet<unknown> = new Set([
  "encryption_key_unavailable",
  "encryption_key_mismatch",
  "keychain_unavailable",
  "encryption_key_invalid",
]);

function statusOf(error: unknown): "sealed" | "tampered" {
  const code = errorCode(error);
  if (code === "block_tampered") return "tampered";
  if (LOCKED.has(code)) return "sealed";
  throw error;
}

function withReferences(row: BlockDocumentRow, data: JsonObject): JsonObject {
  // JSON goes in on all sides, so JSON comes out.
  return joinReferences(data, row.references, ({ referencedId }) => ({
    $ref: { block_document_id: referencedId },
  })) as JsonObject;
}

/**
 * One document with everything that may be shown of it.
 *
 * @param options With `secrets: true` its values are given in clear.
 * @throws block_not_found; with secrets also encryption_key_unavailable, encryption_key_mismatch, block_tampered
 */
export async function inspectBlock(
  context: BlockContext,
  reference: string,
  options: { readonly secrets?: boolean } = {},
): Promise<BlockInspection> {
  const { slug, name } = parseReference(reference);
  const row = await context.store.readDocument(slug, name);
  if (row === null) throw new BlockNotFoundError({ ref: reference });
  const [shown, schema] = [await summary(context, row), await schemaOf(context.store, row.blockSchemaId)];
  const withValues = options.secrets === true || shown.status === "ready";
  const data = withValues ? await shownTree(context, await expand(context.store, row), options.secrets === true) : {};
  return {
    ...shown,
    data,
    capabilities: schema?.capabilities ?? [],
    schemaVersion: schema?.version ?? "unknown",
    schemaChecksum: schema?.checksum ?? "unknown",
  };
}

/** Referenced values are masked by their own schema and by the parent's, so that a gap in one does not show them. */
async function shownTree(
  context: BlockContext,
  { row, children }: DocumentTree,
  secrets: boolean,
): Promise<JsonObject> {
  const data = await openRow(context.vault, row);
  const nested = new Map<string, JsonValue>();
  for (const [id, child] of children) {
    const { blockTypeSlug, name, isAnonymous } = child.row;
    const meta = {
      block_type_slug: blockTypeSlug,
      _block_document_id: id,
      _block_document_name: name,
      _is_anonymous: isAnonymous,
    };
    nested.set(id, { ...(await shownTree(context, child, secrets)), ...meta });
  }
  // As in withReferences.
  const joined = joinReferences(
    data,
    row.references,
    ({ referencedId }) => nested.get(referencedId) ?? null,
  ) as JsonObject;
  if (secrets) return joined;
  return maskDocument(joined, await secretFieldsOf(row, await schemaOf(context.store, row.blockSchemaId)));
}
