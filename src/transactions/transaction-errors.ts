import { errorClass } from "../base/errors.ts";

/** `get` was asked for a value that nobody set. */
export class UnknownTransactionValueError extends errorClass("transaction_value_unknown") {}

/** The block of a transaction was entered a second time. */
export class TransactionReenteredError extends errorClass("transaction_reentered") {}

/** `SERIALIZABLE` was asked of a record store without locks. */
export class ConfigurationError extends errorClass("isolation_unsupported") {}
