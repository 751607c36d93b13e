import type { Paint } from "../paint.ts";
import { safeLine, safeText, wrapColumns } from "../terminal-text.ts";

/** The parts of a mail that a reader sees first. */
export interface MailView {
  readonly from?: string;
  readonly to?: readonly string[];
  readonly subject: string;
  readonly text: string;
  readonly html: string | null;
}

/** Headers and the plain-text part of a mail, with a bar beside them. */
export function mailCard(paint: Paint, columns: number, mail: MailView): string[] {
  const bar = paint.accent("┃");
  const room = columns - 4;
  const header = (name: string, value: string): string[] => wrapColumns(`${name.padEnd(9)}${safeLine(value)}`, room);
  const html =
    mail.html === null
      ? []
      : ["", paint.dim(`(and the same as HTML, ${(Buffer.byteLength(mail.html) / 1_024).toFixed(1)} kB)`)];
  return [
    ...(mail.from === undefined ? [] : header("From:", mail.from).map((line) => paint.dim(line))),
    ...(mail.to === undefined ? [] : header("To:", mail.to.join(", ")).map((line) => paint.dim(line))),
    ...header("Subject:", mail.subject).map((line) => paint.bold(line)),
    "",
    ...wrapColumns(safeText(mail.text).trimEnd(), room),
    ...html,
  ].map((line) => `${bar} ${line}`.trimEnd());
}
