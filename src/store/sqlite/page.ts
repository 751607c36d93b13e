const DEFAULT_LIMIT = 50;
const LARGEST_LIMIT = 200;

interface Page {
  readonly limit?: number | undefined;
  readonly offset?: number | undefined;
}

/** Bounds of a list: `take` rows after `skip`. Default 50, at most 200. */
export function pageSize(
  { limit, offset }: Page,
  defaultLimit = DEFAULT_LIMIT,
): { readonly take: number; readonly skip: number } {
  const take = Math.min(LARGEST_LIMIT, Math.max(0, Math.trunc(limit ?? defaultLimit)));
  return { take, skip: Math.max(0, Math.trunc(offset ?? 0)) };
}

const PREFIX = /^[0-9a-f][0-9a-f-]{3,}$/;

/**
 * Bounds between which all ids with this prefix lie: `from` inclusive, `to` exclusive. Null when it cannot be the
 * beginning of a UUID of at least 4 characters.
 */
export function idRange(prefix: string): { readonly from: string; readonly to: string } | null {
  const from = prefix.toLowerCase();
  // "g" sorts after every character of a UUID.
  return PREFIX.test(from) ? { from, to: `${from}g` } : null;
}
