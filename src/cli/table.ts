import type { Output } from "./output.ts";
import { columnsOf, fitColumns, padColumns, safeLine, safeText, wrapColumns } from "./terminal-text.ts";

export interface Column<Row> {
  readonly title: string;
  readonly of: (row: Row) => string;
  readonly paint?: (text: string, row: Row) => string;
  /** Cut when the table is too wide; at most one column per table should be. */
  readonly flexible?: boolean;
}

const GAP = 2;
const MIN_FLEXIBLE = 12;

/** Aligned columns for a terminal; in a pipe nothing is cut, so that `grep` and `awk` see whole values. */
export function table<Row>(out: Output, columns: readonly Column<Row>[], rows: readonly Row[]): void {
  const cells = rows.map((row) => columns.map((column) => safeLine(out.mask(column.of(row)))));
  const widths = columns.map((column, at) =>
    Math.max(columnsOf(column.title), ...cells.map((line) => columnsOf(line[at] ?? ""))),
  );
  const total = widths.reduce((sum, width) => sum + width + GAP, -GAP);
  const flexible = columns.findIndex((column) => column.flexible === true);
  if (out.cuts && total > out.columns && flexible >= 0) {
    const wanted = widths[flexible] ?? 0;
    widths[flexible] = Math.max(Math.min(MIN_FLEXIBLE, wanted), wanted - (total - out.columns));
  }
  const render = (texts: readonly string[], paint: (text: string, at: number) => string): string =>
    texts
      .map((text, at) => {
        const width = widths[at] ?? 0;
        const fitted = at === flexible ? fitColumns(text, width) : text;
        const shown = paint(fitted, at);
        return at === texts.length - 1 ? shown : shown + " ".repeat(Math.max(0, width - columnsOf(fitted)));
      })
      .join(" ".repeat(GAP))
      .trimEnd();
  out.line(
    render(
      columns.map((column) => column.title),
      (text) => out.paint.dim(text),
    ),
  );
  for (const [at, line] of cells.entries()) {
    const row = rows[at];
    if (row !== undefined) out.line(render(line, (text, column) => columns[column]?.paint?.(text, row) ?? text));
  }
}

/** `name  value` lines under each other; a long value continues below itself. */
export function facts(
  out: Output,
  pairs: readonly (readonly [name: string, value: string | null | undefined])[],
  indent = 0,
): void {
  const shown = pairs.filter((pair): pair is readonly [string, string] => pair[1] !== null && pair[1] !== undefined);
  const width = Math.max(0, ...shown.map(([name]) => columnsOf(name)));
  for (const [name, value] of shown) {
    const room = out.columns - indent - width - GAP;
    const text = safeText(out.mask(value));
    const lines = out.cuts ? wrapColumns(text, room) : text.split("\n");
    for (const [at, line] of lines.entries()) {
      const head = at === 0 ? out.paint.dim(padColumns(name, width)) : " ".repeat(width);
      out.line(`${" ".repeat(indent)}${head}${" ".repeat(GAP)}${line}`.trimEnd());
    }
  }
}

/** The millisecond of a UUIDv7, and six of its random digits: those made in one millisecond differ at the end only. */
export const shortId = (id: string): string => `${id.slice(0, 13)}..${id.slice(-6)}`;

/** An id in a table: short on a terminal (and accepted in that form wherever an id is asked for), whole in a pipe. */
export const idCell = (out: Output, id: string): string => (out.cuts ? shortId(id) : id);

/** A heading between blocks of output. */
export const heading = (out: Output, title: string): void => {
  out.line();
  out.line(out.paint.bold(title));
};
