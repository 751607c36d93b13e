import { stripVTControlCharacters } from "node:util";
import { redact } from "../../base/redactor.ts";

/** Bytes kept of what a program printed. */
const WINDOW_BYTES = 65_536;
/** Longest text that is kept with a run. */
const MOST_CHARS = 16_000;
/**
 * Left out at the beginning of a window that lost something before it: a secret may begin there whose first half is
 * gone, and half a secret is not recognised.
 */
const MARGIN_BYTES = 8_192;

/** The last bytes of an output, in constant memory. */
export class Tail {
  readonly #window = Buffer.alloc(WINDOW_BYTES);
  /** Bytes ever pushed. */
  #total = 0;

  push(chunk: Buffer): void {
    const kept = chunk.length > WINDOW_BYTES ? chunk.subarray(chunk.length - WINDOW_BYTES) : chunk;
    const at = (this.#total + chunk.length - kept.length) % WINDOW_BYTES;
    const first = Math.min(kept.length, WINDOW_BYTES - at);
    kept.copy(this.#window, at, 0, first);
    kept.copy(this.#window, 0, first);
    this.#total += chunk.length;
  }

  /** The kept bytes as they came. */
  bytes(): Buffer {
    if (this.#total <= WINDOW_BYTES) return Buffer.from(this.#window.subarray(0, this.#total));
    const at = this.#total % WINDOW_BYTES;
    return Buffer.concat([this.#window.subarray(at), this.#window.subarray(0, at)]);
  }

  /** The last lines as text for people: secrets masked, colours and overwritten progress left out. */
  lines(most: number): readonly string[] {
    if (most === 0) return [];
    const isCut = this.#total > WINDOW_BYTES;
    const bytes = this.bytes();
    const masked = redact(plainText(bytes.toString("utf8")));
    // Masks change lengths, but by far less than the margin.
    const safe = isCut ? masked.slice(plainText(bytes.toString("utf8", 0, MARGIN_BYTES)).length) : masked;
    const text = safe.slice(-MOST_CHARS).trimEnd();
    const lines = text.split("\n");
    // The first line lost its beginning; better none than half of one, unless it is all there is.
    if (lines.length > 1 && (isCut || safe.length > MOST_CHARS)) lines.shift();
    return text === "" ? [] : lines.slice(-most);
  }
}

/** What a terminal would show in the end: nothing that moves the cursor, of an overwritten line the last version. */
function plainText(output: string): string {
  return (
    stripVTControlCharacters(output)
      .replaceAll("\r\n", "\n")
      .split("\n")
      .map((line) => line.replace(/\r+$/, ""))
      .map((line) => line.slice(line.lastIndexOf("\r") + 1))
      .join("\n")
      // oxlint-disable-next-line no-control-regex -- control characters are what must go
      .replaceAll(/[\u0000-\u0008\u000B-\u001F\u007F-\u009F\u202A-\u202E\u2066-\u2069]/g, "")
  );
}

/** The last of these lines that fit; of a single longer line its end. */
export function excerpt(lines: readonly string[], limits: { readonly lines: number; readonly chars: number }): string {
  const shown: string[] = [];
  let chars = 0;
  for (const line of lines.slice(-limits.lines).toReversed()) {
    chars += line.length + 1;
    if (chars > limits.chars) {
      if (shown.length === 0) shown.push(`…${line.slice(1 - limits.chars)}`);
      break;
    }
    shown.unshift(line);
  }
  return shown.join("\n");
}
