import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

/** Twenty planted secrets of all shapes. None of them may show anywhere but in the request it is meant for. */
export const SECRETS = {
  slackUrlPath: "T0CANARY01/B0CANARY02/xoxCanary03QmZkLw",
  slackOtherPath: "T0CANARY11/B0CANARY12/yoyCanary13PlOkIj",
  smtpPassword: 'p4ss "quoted" \\ back & canary-21',
  smtpPasswordTwo: "päßwörd-кот-canary-22",
  webhookToken: "tok+en/with=signs&canary-31",
  webhookHeader: "Bearer canary-41-AbCdEf0123456789",
  webhookNested: "canary-51 with spaces and % signs",
  secretText: "canary-61-plain-text-secret",
  secretMultiline: "-----BEGIN CANARY KEY-----\nline71two\n-----END CANARY KEY-----",
  secretNumericText: "8100812345678990123",
  jsonSecret: "canary-91-json-leaf",
  jsonSecretTab: "canary-92\tjson\ttabs",
  connection: "postgres://canary:canary-101-pw@db.internal:5432/prod",
  apiKey: "sk_live_canary_111_ZmFrZUtleQ==",
  emoji: "canary-121-🔑-secret",
  html: "<canary-131 & 'quoted'>",
  slashes: "canary/141/a/b?c=d#e",
  long: `canary-151-${"x9".repeat(150)}`,
  parameter: "canary-161-parameter-password",
  parameterNested: "canary-171-nested-api-key",
} as const;

const json = (text: string): string => JSON.stringify(text).slice(1, -1);
const asciiJson = (text: string): string =>
  json(text).replace(/[^\x20-\x7e]/g, (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, "0")}`);

const HTML: Readonly<Record<string, string>> = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#39;" };
const slack = (text: string): string => text.replaceAll(/[&<>]/g, (char) => HTML[char] ?? char);
const html = (text: string): string => text.replaceAll(/[&<>"']/g, (char) => HTML[char] ?? char);
/** A login as SMTP and HTTP send it. */
const logins = (secret: string): string[] =>
  [`\0canary\0${secret}`, `canary:${secret}`].map((text) => Buffer.from(text, "utf8").toString("base64"));

/** What is left of a long secret that was cut before it was masked, whichever end went. */
const half = (secret: string): string[] =>
  secret.length < 24 || /[\s/]/.test(secret) ? [] : [secret.slice(0, 14), secret.slice(-14)];

/** The forms in which a secret may leak: plain, base64, base64url, URL-encoded, JSON-escaped, escaped for markup, cut. */
export function formsOf(secret: string): readonly string[] {
  const bytes = Buffer.from(secret, "utf8");
  return [
    ...new Set([
      secret,
      bytes.toString("base64"),
      bytes.toString("base64url"),
      encodeURIComponent(secret),
      encodeURIComponent(secret).replaceAll("%20", "+"),
      json(secret),
      json(json(secret)),
      asciiJson(secret),
      slack(secret),
      html(secret),
      new URLSearchParams({ x: secret }).toString().slice(2),
      secret.replaceAll("\n", "\r\n"),
      secret.replaceAll(/\s+/g, " "),
      ...logins(secret),
      ...half(secret),
    ]),
  ];
}

/** Something that a secret may have leaked into. */
export interface Output {
  readonly what: string;
  readonly bytes: Buffer;
}

/** Which secrets are where, in whatever form; what stands before each is shown, the secret itself is not. */
export const leaks = (places: readonly Output[]): string[] =>
  Object.entries(SECRETS).flatMap(([name, secret]) =>
    formsOf(secret).flatMap((form) =>
      places
        .filter(({ bytes }) => bytes.includes(form))
        .map(({ what, bytes }) => {
          const at = bytes.indexOf(form);
          return `${name} in ${what}: …${bytes.subarray(Math.max(0, at - 60), at).toString()}[LEAK]`;
        }),
    ),
  );

/** All files in a folder, at any depth. */
export const filesIn = (folder: string): Output[] =>
  readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .map((what) => ({ what, bytes: readFileSync(what) }));
