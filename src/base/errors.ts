import { ERRORS, type ErrorCode, type ErrorDetails, type ErrorSpec } from "./error-table.ts";

const BRAND = Symbol.for("bellhop.BellhopError");

/**
 * The one error class of the product; named subclasses only narrow `code`.
 * `code` says what happened, `hint` what to do next, `details` hold names and ids and never a secret.
 */
export class BellhopError<C extends ErrorCode = ErrorCode> extends Error {
  readonly code: C;
  readonly hint: string;
  /** HTTP status with which a hub answers. */
  readonly status: number;
  readonly details: ErrorDetails<C>;

  constructor(code: C, details: ErrorDetails<C>, options?: { readonly cause?: unknown }) {
    // A code's functions take exactly that code's details; TypeScript cannot follow the link through the generic.
    const spec = ERRORS[code] as unknown as ErrorSpec & Record<"message" | "hint", (d: unknown) => string>;
    super(spec.message(details), options);
    this.name = spec.name;
    this.code = code;
    this.hint = spec.hint(details);
    this.status = spec.status;
    this.details = details;
    Object.defineProperty(this, BRAND, { value: true });
  }

  /** True for an error of this class, also when it comes from a second installed copy of the package. */
  static is(value: unknown): value is BellhopError {
    return value instanceof Error && BRAND in value;
  }
}

/** The code of any error that is ours, else undefined. */
export const errorCode = (error: unknown): ErrorCode | undefined => (BellhopError.is(error) ? error.code : undefined);

/** Makes the base class of a named error; `class X extends errorClass("code") {}`. */
export const errorClass = <C extends ErrorCode>(code: C) =>
  class extends BellhopError<C> {
    constructor(details: ErrorDetails<C>, options?: { readonly cause?: unknown }) {
      super(code, details, options);
    }
  };

/** Text of anything thrown: an error's message, else the value as text. */
export const messageOf = (thrown: unknown): string => (thrown instanceof Error ? thrown.message : String(thrown));
