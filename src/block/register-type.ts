import type { BlockClass } from "./block-class.ts";
export async function registerType(_type: BlockClass): Promise<void> {}
