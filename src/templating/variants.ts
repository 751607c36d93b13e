import type { Dialect } from "./dialect.ts";

/** How the file of a variant is read: as one text of a dialect, or as the sections of a mail. */
export type VariantKind = { readonly dialect: Dialect } | "email";

const KINDS: Readonly<Record<string, VariantKind>> = {
  text: { dialect: "text" },
  sms: { dialect: "text" },
  markdown: { dialect: "markdown" },
  html: { dialect: "html" },
  slack: { dialect: "slack-mrkdwn" },
  "slack.json": { dialect: "slack-json" },
  email: "email",
  "email.subject": "email",
  "email.preheader": "email",
  "email.html": "email",
  "email.text": "email",
};

/** undefined for a file name that means nothing. */
export function variantKind(variant: string): VariantKind | undefined {
  if (Object.hasOwn(KINDS, variant)) return KINDS[variant];
  return variant.endsWith(".json") ? { dialect: "json" } : undefined;
}

export const knownVariants = (): readonly string[] => [...Object.keys(KINDS), "webhook.json"];

/** Variants that a dialect can use, best first. */
export const VARIANTS_OF: Readonly<Record<Dialect, readonly string[]>> = {
  text: ["text", "sms"],
  header: ["text"],
  "slack-mrkdwn": ["slack", "markdown", "text"],
  "slack-json": ["slack.json", "slack", "markdown", "text"],
  html: ["email", "html", "markdown", "text"],
  markdown: ["markdown", "text"],
  json: ["webhook.json", "text"],
};

/** The variant that a text given in code is taken for. */
export const INLINE_VARIANT: Readonly<Record<Dialect, string>> = {
  text: "text",
  header: "text",
  "slack-mrkdwn": "slack",
  "slack-json": "slack",
  html: "html",
  markdown: "markdown",
  json: "text",
};

/** File suffixes under which a partial for a dialect is looked for; a file without suffix comes last. */
export const PARTIAL_SUFFIXES: Readonly<Record<Dialect, readonly string[]>> = {
  text: ["text"],
  header: ["text"],
  "slack-mrkdwn": ["slack", "text"],
  "slack-json": ["slack.json", "slack", "text"],
  html: ["html", "text"],
  markdown: ["markdown", "text"],
  json: ["json", "text"],
};
