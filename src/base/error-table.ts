import { BLOCK_ERRORS } from "./errors/block-errors.ts";
import { EDGE_ERRORS } from "./errors/edge-errors.ts";
import { OUTBOUND_ERRORS } from "./errors/outbound-errors.ts";
import { RUN_ERRORS } from "./errors/run-errors.ts";
import { STORE_ERRORS } from "./errors/store-errors.ts";
import { TEMPLATE_ERRORS } from "./errors/template-errors.ts";
import type { ErrorSpec } from "./errors/error-spec.ts";

export type { ErrorSpec } from "./errors/error-spec.ts";

/**
 * Every error code of the product. Callers test `error.code`, never the text.
 * `docs/errors.md`, HTTP problem bodies and CLI output are made from this table.
 */
export const ERRORS = {
  ...BLOCK_ERRORS,
  ...RUN_ERRORS,
  ...OUTBOUND_ERRORS,
  ...STORE_ERRORS,
  ...TEMPLATE_ERRORS,
  ...EDGE_ERRORS,
} as const satisfies Record<string, ErrorSpec>;

/** The `code` of every error that Bellhop throws. */
export type ErrorCode = keyof typeof ERRORS;

/** What an error of this code must be given. */
export type ErrorDetails<C extends ErrorCode> = Parameters<(typeof ERRORS)[C]["message"]>[0];
