export interface DeleteOptions { readonly force?: boolean }
export async function deleteBlock(_ref: string, _options: DeleteOptions): Promise<void> {}
