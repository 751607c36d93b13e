import type { Dialect } from "./dialect.ts";
import { escapeHeader, escapeJson } from "./escape.ts";

const MARKUP = Symbol("markup");

/** Dialects with a syntax of their own; the others wrap one of them. */
export type MarkupDialect = Exclude<Dialect, "slack-json" | "json" | "header">;

/** What `{{bold x}}` and its like return: printed as markup of the dialect at hand, as plain text everywhere else. */
export interface Markup {
  readonly [MARKUP]: true;
  readonly plain: string;
  /** Escaped for the dialect, ready to print. */
  readonly print: (dialect: Dialect) => string;
}

/** Markup from one function per syntax; JSON dialects and headers follow from it. */
export function markup(plain: string, print: (dialect: MarkupDialect) => string): Markup {
  const byDialect = (dialect: Dialect): string => {
    if (dialect === "header") return escapeHeader(plain);
    if (dialect === "slack-json") return escapeJson(print("slack-mrkdwn"));
    return dialect === "json" ? escapeJson(print("text")) : print(dialect);
  };
  return { [MARKUP]: true, plain, print: byDialect };
}

/** Text that each dialect prints in a way of its own, JSON dialects included. */
export const verbatim = (plain: string, print: (dialect: Dialect) => string): Markup => ({
  [MARKUP]: true,
  plain,
  print,
});

export const isMarkup = (value: unknown): value is Markup =>
  typeof value === "object" && value !== null && MARKUP in value;
