import type { BlockClass } from "./block-class.ts";
export interface LoadOptions { readonly validate?: boolean }
export type DocumentRef = string | { readonly block_document_id: string } | { readonly block_document_slug: string };
export async function loadBlock(_ref: string, _options: LoadOptions): Promise<object> { throw new Error("x"); }
export async function existsBlock(_ref: string): Promise<boolean> { throw new Error("x"); }
export async function loadOfClass(_type: BlockClass, _ref: string, _options: LoadOptions): Promise<object> { throw new Error("x"); }
export async function loadFromRef(_type: BlockClass | undefined, _ref: DocumentRef): Promise<object> { throw new Error("x"); }
