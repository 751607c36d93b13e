import { type Message, NotificationBlock, blockField, chars, deliveryFields, fit, z } from "../src/sdk.ts";
import { EmailServerCredentials } from "./email-server-credentials.ts";

/** Subjects have no limit in the protocol; mail programs show far less. */
const MAX_SUBJECT = chars(255);
/** Far below the 10 MB that small servers accept, HTML form and encoding included. */
const MAX_BODY = chars(500_000);
/** Largest envelope that common providers take. Source: Amazon SES, "Service quotas", recipients per message. */
const MAX_RECIPIENTS = 50;

const ADDRESS = /^[^\s@<>,;:"()[\]\\]+@[^\s@<>,;:"()[\]\\]+$/;
const NAMED = /^(?:"[^"\r\n]*"|[^"<>,;:@\r\n]*)\s*<([^<>]*)>$/;

/** The bare address of a mailbox: `Ops <ops@example.org>` or `ops@example.org`; "" when it is neither. */
function addressOf(mailbox: string): string {
  const address = NAMED.exec(mailbox)?.[1] ?? mailbox;
  return ADDRESS.test(address) && address.length <= 254 ? address : "";
}

// oxlint-disable-next-line no-control-regex -- a line end here would start another mail header
const isOneLine = (text: string): boolean => !/[\u0000-\u001f\u007f-\u009f\u2028\u2029]/.test(text);

// The mail library silently leaves out what it cannot parse, so each address is checked by itself.
const mailbox = z
  .string()
  .trim()
  .refine((text) => addressOf(text) !== "" && isOneLine(text), 'must be an address such as "Ops <ops@example.org>"');
const oneLine = z.string().refine(isOneLine, "must be one line");

const schema = z
  .object({
    credentials: blockField(() => EmailServerCredentials).meta({
      description: "The mail server, and the login there.",
    }),
    from: mailbox.meta({ description: "Sender." }),
    to: z.array(mailbox).min(1).meta({ description: "Recipients." }),
    cc: z.array(mailbox).default([]),
    bcc: z.array(mailbox).default([]),
    reply_to: z.array(mailbox).default([]).meta({ description: "Where answers go; default: the sender." }),
    subject_prefix: oneLine.default("").meta({ description: 'Put before every subject, e.g. "[prod] ".' }),
    ...deliveryFields(),
  })
  .refine(({ to, cc, bcc }) => to.length + cc.length + bcc.length <= MAX_RECIPIENTS, {
    path: ["to"],
    message: `must name at most ${MAX_RECIPIENTS} recipients, with cc and bcc`,
  });

const HTML: Readonly<Record<string, string>> = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#39;" };
const escape = (text: string): string => text.replaceAll(/[&<>"']/g, (char) => HTML[char] ?? char);

const safeLinks = ({ links }: Message) => links.filter(({ url }) => /^(https?|mailto):/i.test(url));

const textOf = (message: Message): string =>
  [
    message.body,
    ...message.fields.map(({ name, value }) => `${name}: ${value}`),
    ...safeLinks(message).map(({ label, url }) => `${label}: ${url}`),
  ].join("\n");

/** The message's own document, or one made around its text: mail programs know no style sheets, so styles are inline. */
function htmlOf(message: Message): string {
  const { html, body, fields } = message;
  if (html !== undefined && /^\s*<(!doctype|html)\b/i.test(html)) return html;
  const text = html ?? `<p style="white-space:pre-wrap">${escape(body)}</p>`;
  const rows = fields.map(
    ({ name, value }) => `<tr><th align="left">${escape(name)}</th><td>${escape(value)}</td></tr>`,
  );
  const table = rows.length === 0 ? "" : `\n<table cellpadding="4">${rows.join("")}</table>`;
  const links = safeLinks(message).map(({ label, url }) => `\n<p><a href="${escape(url)}">${escape(label)}</a></p>`);
  return `<!doctype html><html lang="en"><body style="font-family:sans-serif">\n${text}${table}${links.join("")}\n</body></html>`;
}

/** One line: a line break in a subject would start another header. */
function subjectOf(prefix: string, { title, body }: Message): string {
  const text = title === "" ? (body.trimStart().split("\n", 1)[0] ?? "") : title;
  // oxlint-disable-next-line no-control-regex -- control characters are what must go
  return fit(`${prefix}${text}`.replaceAll(/[\u0000-\u001f\u007f-\u009f\u2028\u2029]+/g, " "), MAX_SUBJECT).text;
}

/** One or more mailboxes, over SMTP. */
export class EmailSmtp extends NotificationBlock.define({
  slug: "email-smtp",
  name: "Email SMTP",
  description: "Sends mail through a mail server.",
  codeExample:
    'import { Block } from "bellhop";\n\nawait Block.load("email-smtp/oncall").notify("The body", "The subject");',
  schema,
  dialect: "html",
  limits: { title: MAX_SUBJECT, body: MAX_BODY },
  variants: ["email", "html", "markdown", "text"],
  profile: "email",
  rate: { capacity: 5, refillPerSecond: 5 },
  build: ({ config, message }) => {
    const { credentials, from, to, cc, bcc, reply_to, subject_prefix } = config;
    const domain = addressOf(from).split("@")[1] ?? "localhost";
    return {
      executor: "smtp",
      server: credentials.smtpServer(),
      mail: {
        from,
        to,
        ...(cc.length === 0 ? {} : { cc }),
        ...(bcc.length === 0 ? {} : { bcc }),
        ...(reply_to.length === 0 ? {} : { replyTo: reply_to }),
        ...(message.only === undefined ? {} : { only: message.only }),
        subject: subjectOf(subject_prefix, message),
        text: textOf(message),
        html: htmlOf(message),
        messageId: `<${message.deliveryId}@${domain}>`,
        ...(message.conversationKey === null ? {} : { conversationKey: message.conversationKey }),
        headers: {
          // Keeps holiday notices and other robots from answering. Source: RFC 3834, section 5; Microsoft, [MS-OXCMAIL].
          "Auto-Submitted": "auto-generated",
          "X-Auto-Response-Suppress": "All",
          "X-Bellhop-Delivery": message.deliveryId,
        },
      },
    };
  },
}) {}

declare module "../src/block/reference.ts" {
  interface BlockTypes {
    "email-smtp": EmailSmtp;
  }
}
