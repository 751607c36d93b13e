import { messageOf } from "../base/errors.ts";
import type { Program } from "./ast.ts";
import type { Engine } from "./engine.ts";
import type { ProblemCode } from "./problem.ts";
import type { TemplateSource } from "./template-source.ts";
import { LIMITS } from "./source-limits.ts";

interface ParseProblem {
  readonly line: number;
  readonly column: number;
  readonly code: ProblemCode;
  readonly message: string;
  readonly suggestion?: string;
}

export type Parsed =
  | { readonly ok: true; readonly program: Program }
  | { readonly ok: false; readonly problem: ParseProblem };

/** Parses a template's text; what stops it comes back as a problem with its place. */
export function parseTemplate(source: TemplateSource, engine: Engine): Parsed {
  const { text, unreadable } = source;
  if (unreadable !== undefined) return { ok: false, problem: { line: 1, column: 1, ...unreadable } };
  if (Buffer.byteLength(text) > LIMITS.sourceBytes) {
    const message = `The template is larger than ${LIMITS.sourceBytes} bytes.`;
    return { ok: false, problem: { line: 1, column: 1, code: "too_large", message } };
  }
  try {
    return { ok: true, program: engine.parse(text) };
  } catch (error) {
    return { ok: false, problem: parseProblem(error, text) };
  }
}

function parseProblem(error: unknown, text: string): ParseProblem {
  if (error instanceof RangeError) {
    return { line: 1, column: 1, code: "too_deep", message: `Blocks are nested more than ${LIMITS.nesting} deep.` };
  }
  const message = messageOf(error);
  const mismatch = /^(\S+) doesn't match (\S+) - (\d+):(\d+)/.exec(message);
  if (mismatch !== null) {
    const [, opened, closed, line, column] = mismatch;
    return {
      line: Number(line),
      column: Number(column) + 1,
      code: "syntax",
      message: `{{#${opened}}} is closed by {{/${closed}}}.`,
      suggestion: `{{/${opened}}}`,
    };
  }
  const line = Number(/Parse error on line (\d+)/.exec(message)?.[1] ?? /(\d+):\d+\s*$/.exec(message)?.[1] ?? 1);
  const column =
    columnOf(message, text.split("\n")[line - 1] ?? "") ?? Number(/\d+:(\d+)\s*$/.exec(message)?.[1] ?? 0) + 1;
  return { line, column, code: "syntax", message: explain(message) };
}

/**
 * The parser draws an arrow under the last 20 characters before the mistake, with line ends removed; the column is where
 * those characters stand in the line.
 */
function columnOf(message: string, line: string): number | undefined {
  const [, shown, arrow] = /^Parse error[^\n]*\n([^\n]*)\n(-*)\^/.exec(message) ?? [];
  if (shown === undefined || arrow === undefined) return undefined;
  const before = shown.slice(0, arrow.length).replace(/^\.\.\./, "");
  for (let length = Math.min(before.length, line.length); length > 0; length -= 1) {
    const at = line.indexOf(before.slice(-length));
    if (at >= 0) return at + length + 1;
  }
  return 1;
}

const GOT: Readonly<Record<string, string>> = {
  EOF: "The template ends before a block or tag is closed.",
  OPEN_ENDBLOCK: "A block is closed here that was not opened.",
  INVERSE: "{{else}} stands outside a block.",
  OPEN_INVERSE_CHAIN: "{{else}} stands outside a block.",
  CLOSE: 'Something is missing before "}}".',
  INVALID: "This character cannot stand here.",
};

function explain(message: string): string {
  const token = /got '([A-Z_]+)'/.exec(message)?.[1];
  if (token !== undefined) return GOT[token] ?? "The text inside {{ }} is not understood.";
  return message.split("\n")[0] ?? message;
}
