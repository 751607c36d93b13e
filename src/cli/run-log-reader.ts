import { lineOfLog, lineOfState, linesOfHook, type LogLine } from "../runs/run-log-lines.ts";
import type { LifeFilter, LifeOf, LogPage, RunLogStore } from "../runs/run-log.ts";

/** Rows asked for at a time. */
const PAGE = 1_000;

interface Row {
  readonly key: number;
}

type List<T extends Row> = (page: LogPage) => Promise<T[]>;

/** What was logged, what states say and what hooks did, as one list in order of time. */
export interface RunLogReader {
  /** The latest lines, at most `limit`; `isCut` when there are more. */
  latest(limit: number): Promise<{ readonly lines: readonly LogLine[]; readonly isCut: boolean }>;
  /** What was stored since the last call. */
  next(): Promise<readonly LogLine[]>;
}

export function openReader(
  logs: RunLogStore,
  of: LifeOf,
  filter: { readonly task?: string; readonly minLevel: number },
): RunLogReader {
  const life = (page: LogPage): LifeFilter => ({ ...filter, ...page });
  const sources = [
    sourceOf(
      (page) => logs.listLifeStates(of, life(page)),
      (row) => [lineOfState(row)],
    ),
    sourceOf((page) => logs.listLifeHooks(of, life(page)), linesOfHook),
    sourceOf(
      (page) => logs.listLogs({ ...of, ...life(page) }),
      (row) => [lineOfLog(row)],
    ),
  ];
  const inOrder = (lines: readonly (readonly LogLine[])[]): LogLine[] =>
    lines
      .flat()
      // The beginning of a hook that failed may be below the level of its end.
      .filter((line) => line.level >= filter.minLevel)
      .toSorted((a, b) => a.timestampMicros - b.timestampMicros);
  return {
    latest: async (limit) => {
      // One more than asked for tells whether there are more.
      const lines = inOrder(await Promise.all(sources.map((source) => source.latest(limit + 1))));
      return { lines: lines.slice(-limit), isCut: lines.length > limit };
    },
    next: async () => inOrder(await Promise.all(sources.map((source) => source.next()))),
  };
}

interface Source {
  readonly latest: (limit: number) => Promise<LogLine[]>;
  readonly next: () => Promise<LogLine[]>;
}

/** One of the lists that the log is made of, with how far it was read. */
function sourceOf<T extends Row>(list: List<T>, lines: (row: T) => readonly LogLine[]): Source {
  let seen = 0;
  const read = (rows: readonly T[]): LogLine[] => {
    for (const { key } of rows) seen = Math.max(seen, key);
    return rows.flatMap(lines);
  };
  return {
    latest: async (limit) => read((await pages(list, { newestFirst: true }, limit)).toReversed()),
    next: async () => read(await pages(list, { after: seen }, Number.POSITIVE_INFINITY)),
  };
}

/** Rows from one end on, page by page. */
async function pages<T extends Row>(list: List<T>, from: LogPage, most: number): Promise<T[]> {
  const rows: T[] = [];
  for (let page = from; rows.length < most;) {
    const limit = Math.min(PAGE, most - rows.length);
    // oxlint-disable-next-line no-await-in-loop -- each page begins where the one before ended
    const found = await list({ ...page, limit });
    rows.push(...found);
    const last = found.at(-1);
    if (last === undefined || found.length < limit) break;
    page = from.newestFirst === true ? { ...from, before: last.key } : { ...from, after: last.key };
  }
  return rows;
}
