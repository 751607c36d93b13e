import type { JsonValue } from "../base/json.ts";
import { redact, redactDeep } from "../base/redactor.ts";
import { type Paint, paintFor } from "./paint.ts";

/** A stream of the process, as far as the command line uses it. */
export interface Sink {
  readonly isTTY?: boolean | undefined;
  readonly columns?: number | undefined;
  readonly write: (text: string) => unknown;
  on?(event: "error", listener: (error: NodeJS.ErrnoException) => void): unknown;
}

/** Narrowest and widest layout; a terminal's own width in between. */
const MIN_COLUMNS = 40;
const MAX_COLUMNS = 100;
/** Where the width is unknown (a pipe, a file). */
const DEFAULT_COLUMNS = 80;

/** Where a command writes. Results go to stdout, everything about getting there to stderr. */
export interface Output {
  /** `--json`: stdout carries JSON and nothing else. */
  readonly json: boolean;
  readonly columns: number;
  readonly paint: Paint;
  readonly errorPaint: Paint;
  /** stdout is a terminal: what is too wide for it is cut or wrapped. */
  readonly cuts: boolean;
  /** stderr is a terminal a person may be watching. */
  readonly watched: boolean;
  /** One line, or several, for people. Nothing with `--json`. */
  readonly line: (text?: string) => void;
  /** The result for programs: pretty-printed JSON. Nothing without `--json`. */
  readonly value: (value: JsonValue) => void;
  /** One JSON object on one line, for streams of events. Nothing without `--json`. */
  readonly event: (value: JsonValue) => void;
  /** A remark on stderr, for people; nothing with `--json`. */
  readonly note: (text: string) => void;
  /** Text as it is to stderr: errors, progress. Redacted like everything else. */
  readonly error: (text: string) => void;
  /** What this output makes of secrets in a text. For a text that is wrapped, cut or changed: half a secret is not recognised. */
  readonly mask: (text: string) => string;
  /** The same output without masking; only for secrets that a person explicitly asked to see. */
  readonly unmasked: () => Output;
}

/** Writes to a stream until its reader is gone (`| head`); what comes after that is dropped and is no failure. */
function writerTo(sink: Sink): (text: string) => void {
  let closed = false;
  sink.on?.("error", (error) => {
    if (error.code !== "EPIPE" && error.code !== "ERR_STREAM_DESTROYED") throw error;
    closed = true;
  });
  return (text) => {
    if (!closed) sink.write(text);
  };
}

interface OutputParts {
  readonly stdout: Sink;
  readonly stderr: Sink;
  readonly env: NodeJS.ProcessEnv;
  readonly json: boolean;
}

export function openOutput({ stdout, stderr, env, json }: OutputParts): Output {
  const width = stdout.isTTY === true ? (stdout.columns ?? DEFAULT_COLUMNS) : DEFAULT_COLUMNS;
  const layout = {
    json,
    columns: Math.min(MAX_COLUMNS, Math.max(MIN_COLUMNS, width)),
    paint: paintFor(stdout.isTTY === true, env),
    errorPaint: paintFor(stderr.isTTY === true, env),
    cuts: stdout.isTTY === true,
    watched: stderr.isTTY === true,
  };
  const toOut = writerTo(stdout);
  const toError = writerTo(stderr);
  const writing = (text: (text: string) => string, deep: (value: JsonValue) => JsonValue): Output => ({
    ...layout,
    mask: text,
    line: (line = "") => {
      if (!json) toOut(`${text(line)}\n`);
    },
    value: (value) => {
      if (json) toOut(`${printable(JSON.stringify(deep(value), null, 2))}\n`);
    },
    event: (value) => {
      if (json) toOut(`${printable(JSON.stringify(deep(value)))}\n`);
    },
    note: (line) => {
      if (!json) toError(`${text(line)}\n`);
    },
    error: (line) => toError(text(line)),
    unmasked: () => writing(same, same),
  });
  return writing(redact, redactDeep);
}

/** JSON leaves these as they are; a terminal that shows it might obey them. Written as escapes they mean the same. */
const printable = (json: string): string =>
  json.replaceAll(
    /[\u007F-\u009F\u200E\u200F\u202A-\u202E\u2066-\u2069]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );

const same = <T>(value: T): T => value;
