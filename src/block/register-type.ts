import { newId } from "../base/ids.ts";
import { VERSION } from "../base/version.ts";
import type { BlockClass } from "./block-class.ts";
import type { BlockSchemaRow, BlockStore, BlockTypeRow } from "./block-store.ts";
import { checkTypeName } from "./check-definition.ts";
import { isBuiltin, registerClass } from "./registry.ts";
import { type SchemaDocument, schemaDocument } from "./schema-document.ts";

/** Where a class is stored. */
export interface Registered {
  readonly type: BlockTypeRow;
  readonly schema: BlockSchemaRow;
}

/** Types that every store has and nobody may delete. Source: Prefect 3, protected block types. */
const PROTECTED: ReadonlySet<string> = new Set(["secret", "webhook", "local-file-system"]);

const registered = new WeakMap<BlockStore, Map<BlockClass, Promise<Registered>>>();

/**
 * Makes sure that the store knows the type, its schema, and the types inside it. Known classes cost nothing.
 *
 * @throws invalid_block_registration
 */
export function registerType(store: BlockStore, type: BlockClass): Promise<Registered> {
  const known = registered.get(store) ?? new Map<BlockClass, Promise<Registered>>();
  registered.set(store, known);
  const running = known.get(type);
  if (running !== undefined) return running;
  const registering = put(store, type);
  known.set(type, registering);
  // A failed attempt is not remembered, so that the next call tries again.
  registering.catch(() => known.delete(type));
  return registering;
}

async function put(store: BlockStore, type: BlockClass): Promise<Registered> {
  const { slug, name = type.name, description, documentationUrl, logoUrl, codeExample } = type.definition;
  checkTypeName(slug, name);
  registerClass(type);
  const document = schemaDocument(type);
  for (const nested of document.nested) await registerType(store, nested);
  const row = await store.putType({
    id: newId(),
    slug,
    name,
    description: description ?? null,
    documentationUrl: documentationUrl ?? null,
    logoUrl: logoUrl ?? null,
    codeExample: codeExample ?? null,
    isProtected: PROTECTED.has(slug),
  });
  const version = (await isBuiltin(type)) ? VERSION : document.version;
  return { type: row, schema: await putSchema(store, row.id, document, version) };
}

/**
 * Schemas are found by checksum and version, which say nothing of capabilities: other capabilities under the same
 * version get a version of their own.
 */
async function putSchema(
  store: BlockStore,
  blockTypeId: string,
  document: SchemaDocument,
  base: string,
): Promise<BlockSchemaRow> {
  const { checksum, fields, capabilities } = document;
  const wanted = capabilities.toSorted().join();
  for (let attempt = 0; ; attempt += 1) {
    const version = attempt === 0 ? base : `${base}+${attempt}`;
    const row = await store.putSchema({ id: newId(), blockTypeId, checksum, fields, capabilities, version });
    if (row.capabilities.toSorted().join() === wanted) return row;
  }
}
