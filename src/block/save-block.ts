import type { BlockClass } from "./block-class.ts";
export interface SaveOptions { readonly name?: string; readonly overwrite?: boolean }
export async function saveBlock(_type: BlockClass, _block: object, _options: SaveOptions): Promise<string> { throw new Error("x"); }
