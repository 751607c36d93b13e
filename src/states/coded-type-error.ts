import type { ErrorCode, ErrorDetails } from "../base/error-table.ts";
import { BellhopError } from "../base/errors.ts";

/**
 * An error of the table that is also a `TypeError`, for mistakes in code that JavaScript itself would call one.
 * `BellhopError.is` is true for it.
 */
export class CodedTypeError<C extends ErrorCode = ErrorCode> extends TypeError {
  readonly code: C;
  readonly hint: string;
  readonly status: number;
  readonly details: ErrorDetails<C>;

  constructor(code: C, details: ErrorDetails<C>, options?: { readonly cause?: unknown }) {
    const model = new BellhopError(code, details);
    super(model.message, options);
    this.code = code;
    this.hint = model.hint;
    this.status = model.status;
    this.details = details;
    Object.defineProperty(this, Symbol.for("bellhop.BellhopError"), { value: true });
  }
}
