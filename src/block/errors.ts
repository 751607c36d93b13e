import type { ErrorCode, ErrorDetails } from "../base/error-table.ts";
import { BellhopError, errorClass } from "../base/errors.ts";

/** Whatever is wrong with a block, its type, its document or its key; `code` says which. */
export class BlockError<C extends ErrorCode = ErrorCode> extends BellhopError<C> {}

const blockError = <C extends ErrorCode>(code: C) =>
  class extends BlockError<C> {
    constructor(details: ErrorDetails<C>, options?: { readonly cause?: unknown }) {
      super(code, details, options);
    }
  };

/** No document has this type and name. */
export class BlockNotFoundError extends blockError("block_not_found") {}
/** The store has no type with this slug. */
export class BlockTypeNotFoundError extends blockError("block_type_not_found") {}
/** This process has no class for the type. */
export class UnknownBlockTypeError extends blockError("unknown_block_type") {}
/** The name is taken and `overwrite` was not asked for. */
export class BlockAlreadyExistsError extends blockError("block_already_exists") {}
/** Saving needs a name. */
export class BlockNameRequiredError extends blockError("block_name_required") {}
/** A document name breaks the rules. */
export class InvalidBlockNameError extends blockError("invalid_block_name") {}
/** Not of the form `<type-slug>/<name>`. */
export class InvalidBlockReferenceError extends blockError("invalid_block_reference") {}
/** References lead back to their start. */
export class BlockReferenceCycleError extends blockError("block_reference_cycle") {}
/** References are nested too deep. */
export class BlockReferenceDepthError extends blockError("block_reference_depth") {}
/** A reference names a document that does not exist. */
export class MissingReferenceError extends blockError("block_reference_missing") {}
/** Other documents refer to it. */
export class BlockInUseError extends blockError("block_in_use") {}
/** Someone else changed the document first. */
export class BlockRevisionConflictError extends blockError("block_revision_conflict") {}
/** The operation needs a saved block. */
export class BlockNotSavedError extends blockError("block_not_saved") {}
/** Values do not fit the type. Issues carry path, code and message, never the value. */
export class BlockValidationError extends blockError("block_validation_failed") {}
/** The mask was given where a secret belongs. */
export class MaskedValueError extends blockError("masked_value") {}
/** A class cannot be used as a block type. */
export class InvalidBlockRegistrationError extends blockError("invalid_block_registration") {}
/** The type cannot be changed or removed. */
export class ProtectedBlockTypeError extends blockError("protected_block_type") {}
/** The type's name belongs to the product. */
export class ReservedNameError extends blockError("reserved_block_type_name") {}
/** The values exceed the size limit of a document. */
export class BlockTooLargeError extends blockError("block_too_large") {}
/** Stored data does not authenticate. */
export class BlockTamperedError extends blockError("block_tampered") {}
/** The keychain of the system is unusable. */
export class KeychainUnavailableError extends blockError("keychain_unavailable") {}
/** The configured encryption key is malformed. */
export class InvalidEncryptionKeyError extends blockError("encryption_key_invalid") {}
/** A send was refused or got no answer; `details.reason` says why. */
export class DeliveryFailedError extends errorClass("delivery_failed") {}
/** There is nothing to send. */
export class InvalidPayloadError extends errorClass("invalid_payload") {}

type KeyCode = "encryption_key_unavailable" | "encryption_key_mismatch";

/** The key that sealed the store is not at hand: the store is locked. */
export class BlockKeyUnavailableError extends BlockError<KeyCode> {}
