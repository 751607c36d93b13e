export interface ListOptions { readonly type?: string }
export interface BlockSummary { readonly ref: string }
export async function listBlocks(_options: ListOptions): Promise<BlockSummary[]> { return []; }
