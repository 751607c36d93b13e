import type { Clock } from "../base/clock.ts";
import type { BlockDocumentRow, BlockStore } from "./block-store.ts";
import { BlockReferenceCycleError, BlockReferenceDepthError, MissingReferenceError } from "./errors.ts";
import { formatReference } from "./reference.ts";
import { MAX_REFERENCE_DEPTH } from "./references.ts";

/** A document with the documents that it refers to, all still sealed. */
export interface DocumentTree {
  readonly row: BlockDocumentRow;
  /** By document id. */
  readonly children: ReadonlyMap<string, DocumentTree>;
}

interface Kept {
  readonly tree: DocumentTree;
  readonly readAtMs: number;
}

/** What one store is asked for at the moment, and what was kept for loads with `maxAge`. */
interface Reads {
  readonly running: Map<string, Promise<DocumentTree | null>>;
  readonly kept: Map<string, Kept>;
}

/** Sealed documents kept per store for loads with `maxAge`; the oldest goes first. */
const MAX_KEPT = 500;

const reads = new WeakMap<BlockStore, Reads>();

function readsOf(store: BlockStore): Reads {
  const known = reads.get(store);
  if (known !== undefined) return known;
  const fresh: Reads = { running: new Map(), kept: new Map() };
  reads.set(store, fresh);
  return fresh;
}

/** After a write: nobody joins a read that began before it, and nothing kept is used again. */
export function forgetReads(store: BlockStore): void {
  const { running, kept } = readsOf(store);
  running.clear();
  kept.clear();
}

export const referenceOf = (row: BlockDocumentRow): string =>
  formatReference({ slug: row.blockTypeSlug, name: row.name });

/**
 * Reads a document and everything it refers to. Calls for one document at one time share one read.
 *
 * @param maxAgeMs A copy read at most this long ago will do; 0 reads again.
 */
export function readTree(
  { store, clock }: { readonly store: BlockStore; readonly clock: Clock },
  slug: string,
  name: string,
  maxAgeMs: number,
): Promise<DocumentTree | null> {
  const { running, kept } = readsOf(store);
  const ref = formatReference({ slug, name });
  const copy = maxAgeMs > 0 ? kept.get(ref) : undefined;
  if (copy !== undefined && clock.monotonic() - copy.readAtMs <= maxAgeMs) return Promise.resolve(copy.tree);
  const joined = running.get(ref);
  if (joined !== undefined) return joined;

  const readAtMs = clock.monotonic();
  const reading = (async () => {
    const row = await store.readDocument(slug, name);
    return row === null ? null : expand(store, row);
  })();
  running.set(ref, reading);
  const settle = (tree: DocumentTree | null): void => {
    if (running.get(ref) !== reading) return; // a write came in between
    running.delete(ref);
    if (maxAgeMs <= 0 || tree === null) return;
    kept.delete(ref);
    kept.set(ref, { tree, readAtMs });
    const oldest = kept.size > MAX_KEPT ? kept.keys().next().value : undefined;
    if (oldest !== undefined) kept.delete(oldest);
  };
  void reading.then(settle, () => settle(null));
  return reading;
}

/**
 * Reads what a document refers to, depth first. Documents that several refer to are read once.
 *
 * @throws block_reference_cycle, block_reference_depth, block_reference_missing
 */
export async function expand(store: BlockStore, row: BlockDocumentRow): Promise<DocumentTree> {
  const done = new Map<string, DocumentTree>();
  const visit = async (at: BlockDocumentRow, above: readonly string[]): Promise<DocumentTree> => {
    if (above.includes(at.id)) throw new BlockReferenceCycleError({ ref: referenceOf(row) });
    if (above.length >= MAX_REFERENCE_DEPTH)
      throw new BlockReferenceDepthError({ ref: referenceOf(row), max: MAX_REFERENCE_DEPTH });
    const known = done.get(at.id);
    if (known !== undefined) return known;
    const children = new Map<string, DocumentTree>();
    for (const { referencedId, path } of at.references) {
      const child = children.has(referencedId) ? undefined : await store.readDocumentById(referencedId);
      if (child === null) throw new MissingReferenceError({ ref: referenceOf(at), path });
      if (child !== undefined) children.set(referencedId, await visit(child, [...above, at.id]));
    }
    const tree = { row: at, children };
    done.set(at.id, tree);
    return tree;
  };
  return visit(row, []);
}
