import { InvalidBlockNameError, InvalidBlockReferenceError } from "./errors.ts";

/**
 * Block types by slug. Each type adds itself, so that `Block.load("slack-webhook/ops")` is a `SlackWebhook`.
 *
 * @example
 * declare module "bellhop" {
 *   interface BlockTypes { "office-lamp": OfficeLamp }
 * }
 */
// oxlint-disable-next-line typescript/no-empty-object-type -- merged by every block type
export interface BlockTypes {}

/** Slugs of the known types. */
export type BlockSlug = Extract<keyof BlockTypes, string>;

/** Reference to a document of a known type: `<type-slug>/<name>`. */
export type BlockRef = `${BlockSlug}/${string}`;

export interface ParsedReference {
  readonly slug: string;
  readonly name: string;
}

/** Slugs and document names: lower-case letters, digits, dashes. `$` without the `m` flag refuses a final newline. */
const NAME = /^[a-z0-9-]{1,255}$/;

export const isBlockName = (text: string): boolean => NAME.test(text);

/** @throws invalid_block_name */
export function checkBlockName(name: string): void {
  if (!isBlockName(name)) throw new InvalidBlockNameError({ name: printable(name) });
}

/**
 * Splits `<type-slug>/<name>` at the first slash.
 *
 * @throws invalid_block_reference
 */
export function parseReference(reference: string): ParsedReference {
  const at = reference.indexOf("/");
  const parsed = { slug: reference.slice(0, Math.max(0, at)), name: reference.slice(at + 1) };
  if (at < 0 || !isBlockName(parsed.slug) || !isBlockName(parsed.name)) {
    throw new InvalidBlockReferenceError({ reference: printable(reference) });
  }
  return parsed;
}

/** The reverse of {@link parseReference}. */
export const formatReference = ({ slug, name }: ParsedReference): string => `${slug}/${name}`;

/** People paste URLs and keys where a name belongs: what reads like one of those is not repeated in an error. */
function printable(text: string): string {
  const shown = text.replace(/\p{C}/gu, "\u{fffd}");
  return shown.length > 80 || shown.includes("://") ? `${shown.slice(0, 12)}…` : shown;
}
