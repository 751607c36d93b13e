import { BLOCKS, lookupMember } from "./blocks.ts";
import { DATES } from "./dates.ts";
import type { Helper } from "./helper.ts";
import { LISTS } from "./lists.ts";
import { LOGIC } from "./logic.ts";
import { MARKUP_HELPERS } from "./markup-helpers.ts";
import { NUMBERS } from "./numbers.ts";
import { STRINGS } from "./strings.ts";

/** Every helper that a template may call for a value. */
export const HELPERS: Readonly<Record<string, Helper>> = {
  ...LOGIC,
  ...STRINGS,
  ...NUMBERS,
  ...DATES,
  ...LISTS,
  ...MARKUP_HELPERS,
  lookup: { min: 2, max: 2, optional: true, fn: ({ scope }, owner, key) => lookupMember(scope, owner, key) },
};

/** Helpers that open a block: one argument each. */
export const BLOCK_NAMES: readonly string[] = Object.keys(BLOCKS);

/** Sections of a mail template; only at its top level. */
export const EMAIL_SECTIONS = ["subject", "preheader", "html", "text"] as const;
export type EmailSection = (typeof EMAIL_SECTIONS)[number];

export const helperNamed = (name: string): Helper | undefined =>
  Object.hasOwn(HELPERS, name) ? HELPERS[name] : undefined;
