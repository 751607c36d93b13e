import type { Paint } from "../paint.ts";
import { safeLine, safeText, wrapColumns } from "../terminal-text.ts";

/** A mail as its reader sees it. */
export interface MailView {
  readonly from: string;
  readonly to: string;
  readonly subject: string;
  readonly text: string;
  readonly htmlBytes: number;
}

/** Parses a mail as it was received. */
export async function readMail(raw: string | Uint8Array): Promise<MailView> {
  const { default: PostalMime } = await import("postal-mime");
  const mail = await PostalMime.parse(raw);
  const named = (address: { name?: string; address?: string } | undefined): string =>
    [address?.name ?? "", address?.address === undefined ? "" : `<${address.address}>`].filter((part) => part !== "").join(" ");
  return {
    from: named(mail.from),
    to: (mail.to ?? []).map(named).join(", "),
    subject: mail.subject ?? "",
    text: (mail.text ?? "").replaceAll("\r\n", "\n").trimEnd(),
    htmlBytes: Buffer.byteLength(mail.html ?? "", "utf8"),
  };
}

/** Headers, a rule, and the plain-text part. */
export function mailCard(paint: Paint, columns: number, mail: MailView): string[] {
  const bar = paint.accent("┃");
  const header = (name: string, value: string): string[] => wrapColumns(`${name.padEnd(9)}${safeLine(value)}`, columns - 4);
  const html = mail.htmlBytes === 0 ? [] : [paint.dim(`(and an HTML part of ${(mail.htmlBytes / 1_024).toFixed(1)} kB)`)];
  return [
    ...header("From:", mail.from).map((line) => paint.dim(line)),
    ...header("To:", mail.to).map((line) => paint.dim(line)),
    ...header("Subject:", mail.subject).map((line) => paint.bold(line)),
    "",
    ...wrapColumns(safeText(mail.text), columns - 4),
    ...(html.length === 0 ? [] : ["", ...html]),
  ].map((line) => `${bar} ${line}`.trimEnd());
}
