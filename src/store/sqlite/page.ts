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

const PART_OF_ID = /^(?<head>[0-9a-f][0-9a-f-]{3,}?)(?:\.\.(?<tail>[0-9a-f-]*))?$/;

/** Where ids lie that are written in part. */
export interface IdRange {
  /** Inclusive. */
  readonly from: string;
  /** Exclusive. */
  readonly to: string;
  /** Pattern that they match besides. */
  readonly like: string;
}

/**
 * Ids with this beginning, at least 4 characters of a UUID; or with this beginning and end, written `01994f1f..3a1b`,
 * because ids that one process makes in one millisecond differ at their end only. Null when it cannot be either.
 */
export function idRange(part: string): IdRange | null {
  const { head, tail = "" } = PART_OF_ID.exec(part.toLowerCase())?.groups ?? {};
  // "g" sorts after every character of a UUID.
  return head === undefined ? null : { from: head, to: `${head}g`, like: `%${tail}` };
}
