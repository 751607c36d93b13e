import type { ErrorSpec } from "./error-spec.ts";

export interface Ref {
  readonly ref: string;
}

export interface BlockProblems {
  /** Block reference, or the type's slug when the block is not saved. */
  readonly ref: string;
  readonly issues: readonly { readonly path: string; readonly code: string; readonly message: string }[];
  /** Versions of the type, when a stored document does not fit the class. */
  readonly savedVersion?: string;
  readonly currentVersion?: string;
}

export interface SendProblem {
  /** Block reference, or `<slug>/(unsaved)`. */
  readonly ref: string;
  /** One of the reasons of `Outcome`. */
  readonly reason: string;
  readonly detail: string;
}

/** What to do about a failed send, by its reason. */
const SEND_HINTS: Readonly<Record<string, string>> = {
  auth: "The credential was refused: save the block again with a valid one.",
  forbidden: "The credential is valid but lacks the right to do this: grant it on the provider's side.",
  "not-found": "The target does not exist: check the address, channel or user in the block.",
  gone: "The provider has removed this target: make a new one there and save it with overwrite.",
  "invalid-config": "Correct the block's settings; the detail names what the provider refused.",
  "invalid-payload": "The provider refused the content: shorten or simplify the message.",
  "too-large": "Shorten the message.",
  format: "The provider refused the formatting: check the markup of the message.",
  "rate-limited": "Too many messages: send later, or declare it as a hook with notify(), which waits and retries.",
  quota: "The account's quota is used up: raise it or wait for its renewal.",
  server: "The provider failed: try again later, or declare it as a hook with notify(), which retries.",
  timeout: "No answer in time: it may have arrived. Try again later, or check the address.",
  network: "The connection failed: check address, port and firewall.",
  dns: "The host name does not resolve: check it for typing errors.",
  tls: "The secure connection failed: check the certificate of the server and the clock of this machine.",
  proxy: "The proxy refused the connection: check the proxy settings.",
  "blocked-address":
    "The address is private and this block does not allow that: set allow_private_urls if it is meant.",
  redirect: "The address redirects, which is not followed: save the final address.",
  cancelled: "The send was cancelled by its caller.",
  "key-unavailable": "The block's values cannot be opened: make the encryption key available.",
};

export interface KeyProblem {
  /** Key id that is needed; null when the store has none yet. */
  readonly kid: string | null;
  /** One line per place looked at. */
  readonly looked: readonly string[];
}

/** Blocks, their keys, and direct sends. */
export const BLOCK_ERRORS = {
  block_not_found: {
    name: "BlockNotFoundError",
    status: 404,
    message: (d: Ref) => `No block is saved as "${d.ref}".`,
    hint: (d: Ref) => `Save it with "bellhop block save ${d.ref}", or list the saved ones with "bellhop block ls".`,
  },
  block_type_not_found: {
    name: "BlockTypeNotFoundError",
    status: 404,
    message: (d: { slug: string }) => `No block type "${d.slug}" is stored here.`,
    hint: () => `List the types with "bellhop block type ls".`,
  },
  unknown_block_type: {
    name: "UnknownBlockTypeError",
    status: 404,
    message: (d: { slug: string; near: readonly string[] }) => `This process has no class for block type "${d.slug}".`,
    hint: (d: { slug: string; near: readonly string[] }) =>
      d.near.length > 0
        ? `Did you mean ${d.near.map((slug) => `"${slug}"`).join(" or ")}? Own types are registered by importing their class and calling register() on it.`
        : `Import the class and call register() on it, or list the known types with "bellhop block type ls".`,
  },
  block_already_exists: {
    name: "BlockAlreadyExistsError",
    status: 409,
    message: (d: Ref) => `A block is already saved as "${d.ref}".`,
    hint: () => `Save under another name, or replace it with { overwrite: true } (CLI: --overwrite).`,
  },
  block_name_required: {
    name: "BlockNameRequiredError",
    status: 422,
    message: (d: { slug: string }) => `A block of type "${d.slug}" cannot be saved without a name.`,
    hint: () => `Give one, e.g. save("prod"), or save it with { anonymous: true }.`,
  },
  invalid_block_name: {
    name: "InvalidBlockNameError",
    status: 422,
    message: (d: { name: string }) => `"${d.name}" is not a valid block name.`,
    hint: () => `Use 1 to 255 lower-case letters, digits and dashes, e.g. "my-block".`,
  },
  invalid_block_reference: {
    name: "InvalidBlockReferenceError",
    status: 400,
    message: (d: { reference: string; suggestion?: string }) => `"${d.reference}" is not a block reference.`,
    hint: (d: { reference: string; suggestion?: string }) =>
      d.suggestion === undefined
        ? `Write it as <type-slug>/<name>, e.g. "slack-webhook/ops".`
        : `Write it as <type-slug>/<name>. Did you mean "${d.suggestion}"?`,
  },
  block_reference_cycle: {
    name: "BlockReferenceCycleError",
    status: 400,
    message: (d: Ref) => `The references of "${d.ref}" lead back to itself.`,
    hint: () => `Let one of the blocks on the circle hold its values itself.`,
  },
  block_reference_depth: {
    name: "BlockReferenceDepthError",
    status: 400,
    message: (d: { ref: string; max: number }) => `The references of "${d.ref}" are nested more than ${d.max} deep.`,
    hint: () => `Flatten the chain of referenced blocks.`,
  },
  block_reference_missing: {
    name: "MissingReferenceError",
    status: 409,
    message: (d: { ref: string; path: string }) => `"${d.ref}" refers at ${d.path} to a block that does not exist.`,
    hint: () => `Save the referenced block first, or take the reference out.`,
  },
  block_in_use: {
    name: "BlockInUseError",
    status: 409,
    message: (d: { ref: string; usedBy: readonly string[] }) => `"${d.ref}" is used by ${d.usedBy.join(", ")}.`,
    hint: () => `Change those first, or delete it with { force: true } (CLI: --force), which takes the references out.`,
  },
  block_revision_conflict: {
    name: "BlockRevisionConflictError",
    status: 412,
    message: (d: { ref: string; expected: number; found: number }) =>
      `"${d.ref}" was changed meanwhile: expected revision ${d.expected}, found ${d.found}.`,
    hint: () => `Load it again, repeat the change and save.`,
  },
  block_not_saved: {
    name: "BlockNotSavedError",
    status: 400,
    message: (d: { slug: string }) => `This block of type "${d.slug}" is not saved.`,
    hint: () => `Save it first: await block.save("name").`,
  },
  block_validation_failed: {
    name: "BlockValidationError",
    status: 422,
    message: (d: BlockProblems) =>
      `The values of ${d.ref} do not fit the type: ${d.issues.map((issue) => `${issue.path}: ${issue.message}`).join("; ")}.`,
    hint: (d: BlockProblems) =>
      d.savedVersion === undefined
        ? `Correct the named fields; "bellhop block type inspect <slug>" lists what a type takes.`
        : `It was saved with version ${d.savedVersion}, the class has version ${d.currentVersion}. ` +
          `Load it with { validate: false }, set the named fields and save it.`,
  },
  masked_value: {
    name: "MaskedValueError",
    status: 400,
    message: (d: { ref: string; path: string }) => `The secret ${d.path} of ${d.ref} is the mask, not a value.`,
    hint: () => `Pass the real value. JSON and printed forms of a block show only masks and cannot be read back.`,
  },
  invalid_block_registration: {
    name: "InvalidBlockRegistrationError",
    status: 400,
    message: (d: { type: string; problem: string }) => `The block type "${d.type}" cannot be used: ${d.problem}.`,
    hint: () => `Correct the definition of the class.`,
  },
  protected_block_type: {
    name: "ProtectedBlockTypeError",
    status: 403,
    message: (d: { slug: string }) => `The block type "${d.slug}" is protected.`,
    hint: () => `Define a type with another slug instead.`,
  },
  reserved_block_type_name: {
    name: "ReservedNameError",
    status: 403,
    message: (d: { name: string }) => `The block type name "${d.name}" is reserved.`,
    hint: () => `Choose a name that does not begin with "Prefect" or "Bellhop".`,
  },
  block_too_large: {
    name: "BlockTooLargeError",
    status: 413,
    message: (d: { ref: string; maxBytes: number }) => `The values of ${d.ref} take more than ${d.maxBytes} bytes.`,
    hint: () => `Keep large content elsewhere and save a pointer to it.`,
  },
  encryption_key_unavailable: {
    name: "BlockKeyUnavailableError",
    status: 503,
    message: (d: KeyProblem) =>
      d.kid === null
        ? `There is no encryption key for this store.`
        : `The encryption key ${d.kid} of this store is not available.`,
    hint: (d: KeyProblem) =>
      `Looked in: ${d.looked.join("; ")}. ` +
      (d.kid === null
        ? `Make a key with "openssl rand -base64 32" and set it as BELLHOP_ENCRYPTION_KEY.`
        : `Set BELLHOP_ENCRYPTION_KEY to the key that the blocks were saved with; "bellhop doctor" shows where keys come from.`),
  },
  encryption_key_mismatch: {
    name: "BlockKeyUnavailableError",
    status: 503,
    message: (d: KeyProblem) =>
      `The configured encryption key is not ${d.kid ?? "the key"}, with which this store is sealed.`,
    hint: (d: KeyProblem) =>
      `Looked in: ${d.looked.join("; ")}. Unset the configured key, or add the right one to it, separated by a comma.`,
  },
  encryption_key_invalid: {
    name: "InvalidEncryptionKeyError",
    status: 400,
    message: (d: { source: string; problem: string }) =>
      `The encryption key from ${d.source} cannot be used: ${d.problem}.`,
    hint: () => `A key is 32 random bytes in base64, base64url or hexadecimal: "openssl rand -base64 32" makes one.`,
  },
  keychain_unavailable: {
    name: "KeychainUnavailableError",
    status: 503,
    message: (d: { problem: string }) => `The keychain of this system cannot be used: ${d.problem}.`,
    hint: () => `Unlock it or start its service, or set BELLHOP_KEYCHAIN=off to keep the key in a file.`,
  },
  block_tampered: {
    name: "BlockTamperedError",
    status: 500,
    message: (d: { documentId: string; field: string; kid: string }) =>
      `The stored block ${d.documentId} was altered outside Bellhop (${d.field}, key ${d.kid}).`,
    hint: () => `Do not use it. Find out who wrote to the database, then save the block again with overwrite.`,
  },
  delivery_failed: {
    name: "DeliveryFailedError",
    status: 502,
    message: (d: SendProblem) => `"${d.ref}" did not take the message (${d.reason}): ${d.detail}`,
    hint: (d: SendProblem) =>
      SEND_HINTS[d.reason] ?? `Look at the detail; "bellhop block test ${d.ref}" sends a test message.`,
  },
  invalid_payload: {
    name: "InvalidPayloadError",
    status: 422,
    message: (d: { ref: string; problem: string }) => `The message for "${d.ref}" cannot be sent: ${d.problem}.`,
    hint: () => `Give a text, e.g. notify("Nightly load failed").`,
  },
} as const satisfies Record<string, ErrorSpec>;
