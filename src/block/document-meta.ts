/** Where a block instance came from, or where it was saved. */
export interface DocumentMeta {
  readonly id: string;
  readonly name: string;
  readonly isAnonymous: boolean;
  readonly revision: number;
}

const metas = new WeakMap<object, DocumentMeta>();

/** Metadata is kept beside instances, so that fields of any name fit on them and printing shows fields only. */
export const documentMeta = (block: object): DocumentMeta | undefined => metas.get(block);

export const setDocumentMeta = (block: object, meta: DocumentMeta): void => {
  metas.set(block, meta);
};
