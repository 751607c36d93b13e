import { BellhopError, errorClass } from "../base/errors.ts";

/** No document has this type and name. */
export class BlockNotFoundError extends errorClass("block_not_found") {}
/** The store has no type with this slug. */
export class BlockTypeNotFoundError extends errorClass("block_type_not_found") {}
/** This process has no class for the type. */
export class UnknownBlockTypeError extends errorClass("unknown_block_type") {}
/** The name is taken and `overwrite` was not asked for. */
export class BlockAlreadyExistsError extends errorClass("block_already_exists") {}
/** Saving needs a name. */
export class BlockNameRequiredError extends errorClass("block_name_required") {}
/** A document name breaks the rules. */
export class InvalidBlockNameError extends errorClass("invalid_block_name") {}
/** Not of the form `<type-slug>/<name>`. */
export class InvalidBlockReferenceError extends errorClass("invalid_block_reference") {}
/** References lead back to their start. */
export class BlockReferenceCycleError extends errorClass("block_reference_cycle") {}
/** References are nested too deep. */
export class BlockReferenceDepthError extends errorClass("block_reference_depth") {}
/** A reference names a document that does not exist. */
export class MissingReferenceError extends errorClass("block_reference_missing") {}
/** Other documents refer to it. */
export class BlockInUseError extends errorClass("block_in_use") {}
/** Someone else changed the document first. */
export class BlockRevisionConflictError extends errorClass("block_revision_conflict") {}
/** The operation needs a saved block. */
export class BlockNotSavedError extends errorClass("block_not_saved") {}
/** Values do not fit the type. Issues carry path, code and message, never the value. */
export class BlockValidationError extends errorClass("block_validation_failed") {}
/** The mask was given where a secret belongs. */
export class MaskedValueError extends errorClass("masked_value") {}
/** A class cannot be used as a block type. */
export class InvalidBlockRegistrationError extends errorClass("invalid_block_registration") {}
/** The type cannot be changed or removed. */
export class ProtectedBlockTypeError extends errorClass("protected_block_type") {}
/** The type's name belongs to the product. */
export class ReservedNameError extends errorClass("reserved_block_type_name") {}
/** The values exceed the size limit of a document. */
export class BlockTooLargeError extends errorClass("block_too_large") {}
/** Stored data does not authenticate. */
export class BlockTamperedError extends errorClass("block_tampered") {}
/** The keychain of the system is unusable. */
export class KeychainUnavailableError extends errorClass("keychain_unavailable") {}
/** The configured encryption key is malformed. */
export class InvalidEncryptionKeyError extends errorClass("encryption_key_invalid") {}
/** A send was refused or got no answer; `details.reason` says why. */
export class DeliveryFailedError extends errorClass("delivery_failed") {}
/** There is nothing to send. */
export class InvalidPayloadError extends errorClass("invalid_payload") {}

type KeyCode = "encryption_key_unavailable" | "encryption_key_mismatch";

/** The key that sealed the store is not at hand: the store is locked. */
export class BlockKeyUnavailableError extends BellhopError<KeyCode> {}
