/** How one code reads. Messages and hints contain names, ids and paths, never values that a user may hold secret. */
export interface ErrorSpec {
  /** Name of the error class, as `error.name` shows it. */
  readonly name: string;
  /** HTTP status the hub answers with. */
  readonly status: number;
  readonly message: (details: never) => string;
  /** What the reader should do next. */
  readonly hint: (details: never) => string;
}

interface TemplateProblems {
  readonly problems: readonly {
    readonly file: string;
    readonly variant: string;
    readonly line: number;
    readonly column: number;
    readonly code: string;
    readonly message: string;
    readonly suggestion?: string;
  }[];
}

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
  "blocked-address": "The address is private and this block does not allow that: set allow_private_urls if it is meant.",
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

/**
 * Every error code of the product. Callers test `error.code`, never the text.
 * `docs/errors.md`, HTTP problem bodies and CLI output are made from this table.
 */
export const ERRORS = {
  // ---- blocks -------------------------------------------------------------------------------------------------
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
      d.kid === null ? `There is no encryption key for this store.` : `The encryption key ${d.kid} of this store is not available.`,
    hint: (d: KeyProblem) =>
      `Looked in: ${d.looked.join("; ")}. ` +
      (d.kid === null
        ? `Make a key with "openssl rand -base64 32" and set it as BELLHOP_ENCRYPTION_KEY.`
        : `Set BELLHOP_ENCRYPTION_KEY to the key that the blocks were saved with; "bellhop doctor" shows where keys come from.`),
  },
  encryption_key_mismatch: {
    name: "BlockKeyUnavailableError",
    status: 503,
    message: (d: KeyProblem) => `The configured encryption key is not ${d.kid ?? "the key"}, with which this store is sealed.`,
    hint: (d: KeyProblem) =>
      `Looked in: ${d.looked.join("; ")}. Unset the configured key, or add the right one to it, separated by a comma.`,
  },
  encryption_key_invalid: {
    name: "InvalidEncryptionKeyError",
    status: 400,
    message: (d: { source: string; problem: string }) => `The encryption key from ${d.source} cannot be used: ${d.problem}.`,
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
  // ---- direct sends ------------------------------------------------------------------------------------------
  delivery_failed: {
    name: "DeliveryFailedError",
    status: 502,
    message: (d: SendProblem) => `"${d.ref}" did not take the message (${d.reason}): ${d.detail}`,
    hint: (d: SendProblem) => SEND_HINTS[d.reason] ?? `Look at the detail; "bellhop block test ${d.ref}" sends a test message.`,
  },
  invalid_payload: {
    name: "InvalidPayloadError",
    status: 422,
    message: (d: { ref: string; problem: string }) => `The message for "${d.ref}" cannot be sent: ${d.problem}.`,
    hint: () => `Give a text, e.g. notify("Nightly load failed").`,
  },
  // ---- configuration ------------------------------------------------------------------------------------------
  config_invalid: {
    name: "ConfigError",
    status: 400,
    message: (d: { key: string; source: string; problem: string }) => `The setting "${d.key}" is not valid: ${d.problem}.`,
    hint: (d: { key: string; source: string; problem: string }) => `Correct it where it was set: ${d.source}.`,
  },
  // ---- states and runs ----------------------------------------------------------------------------------------
  invalid_state: {
    name: "InvalidStateError",
    status: 422,
    message: (d: { field: string; problem: string }) => `The state's ${d.field} is not valid: ${d.problem}.`,
    hint: (d: { field: string; problem: string }) => `Correct "${d.field}" where the state is made.`,
  },
  paused_run: {
    name: "PausedRun",
    status: 409,
    message: (d: { state: string }) => `The run is paused (${d.state}), so it has no result yet.`,
    hint: () => "Resume the run first, or ask for its state instead of its result.",
  },
  unfinished_run: {
    name: "UnfinishedRun",
    status: 409,
    message: (d: { state: string }) => `The run has not ended (${d.state}), so it has no result.`,
    hint: () => "Wait for the run to end, or check state.isFinal() before asking for the result.",
  },
  missing_result: {
    name: "MissingResult",
    status: 404,
    message: (d: { state: string }) => `The run ended as ${d.state}, but its result was not kept.`,
    hint: () => "Results live in the process that made them; read the result there, or store what you need yourself.",
  },
  failed_run: {
    name: "FailedRun",
    status: 500,
    message: (d: { message: string }) => d.message,
    hint: () => 'See what happened with "bellhop run inspect <run>".',
  },
  crashed_run: {
    name: "CrashedRun",
    status: 500,
    message: (d: { message: string }) => d.message,
    hint: () => 'The process was interrupted, or it exited. See its last states with "bellhop run inspect <run>".',
  },
  cancelled_run: {
    name: "CancelledRun",
    status: 500,
    message: (d: { message: string }) => d.message,
    hint: () => "Somebody cancelled the run; start it again if that was a mistake.",
  },
  state_group: {
    name: "StateGroupError",
    status: 500,
    message: (_d: object) => "The state is made of other states, and none of them failed, crashed or was cancelled.",
    hint: () => "Look at the states one by one.",
  },
  state_without_error: {
    name: "TypeError",
    status: 500,
    message: (d: { found: string }) => `An error was expected from the state, but ${d.found} was found.`,
    hint: () => "Ask only failed, crashed or cancelled states for their error, and give them an error, a text or states as data.",
  },
  run_timeout: {
    name: "TimeoutError",
    status: 500,
    message: (d: { run: string; seconds: number }) => `${d.run} exceeded its timeout of ${d.seconds} second(s).`,
    hint: () => "Raise timeoutSeconds (0 switches it off), or make the work stop earlier.",
  },
  run_over: {
    name: "RunOverError",
    status: 409,
    message: (d: { run: string; state: string }) => `The ${d.run} is over (${d.state}), so its code cannot start anything else.`,
    hint: () => "Code went on after its run had ended; stop it when getRunContext().signal is aborted.",
  },
  run_terminated: {
    name: "TerminationError",
    status: 500,
    message: (d: { signal: string }) => `The process was told to stop (${d.signal}).`,
    hint: () => "Find out who sent the signal; start the flow again.",
  },
  hook_timeout: {
    name: "HookTimeoutError",
    status: 500,
    message: (d: { seconds: number }) => `The hook did not end within ${d.seconds} second(s).`,
    hint: () => "Raise hookTimeoutSeconds, or do less in the hook.",
  },
  transition_refused: {
    name: "Abort",
    status: 409,
    message: (d: { reason: string }) => `The state was refused: ${d.reason}.`,
    hint: () => "Somebody else moved the run; read its states before going on.",
  },
  missing_context: {
    name: "MissingContextError",
    status: 500,
    message: (d: { wanted: string }) => `There is no ${d.wanted} here.`,
    hint: () => "Call this inside a flow, a task or one of their hooks.",
  },
  invalid_parameters: {
    name: "ParameterTypeError",
    status: 422,
    message: (d: { flow: string; problems: string }) => `The parameters of flow "${d.flow}" are not valid: ${d.problems}.`,
    hint: () => "Correct the arguments, or the flow's parameters schema.",
  },
  invalid_definition: {
    name: "TypeError",
    status: 400,
    message: (d: { option: string; problem: string }) => `The option "${d.option}" is not valid: ${d.problem}.`,
    hint: (d: { option: string; problem: string }) => `Correct "${d.option}" where the flow or task is defined.`,
  },
  invalid_hook: {
    name: "TypeError",
    status: 400,
    message: (d: { option: string; problem: string; example: string }) => `${d.option}: ${d.problem}.`,
    hint: (d: { option: string; problem: string; example: string }) => `Write ${d.example}.`,
  },
  // ---- outbound -----------------------------------------------------------------------------------------------
  blocked_address: {
    name: "BlockedAddressError",
    status: 422,
    message: (d: { host: string; literal: boolean }) =>
      d.literal ? `The address ${d.host} is not a public one.` : `The host "${d.host}" resolves to an address that is not public.`,
    hint: () => `Use a public address, or allow private ones on the block (allow_private_urls: true).`,
  },
  unsupported_scheme: {
    name: "UnsupportedSchemeError",
    status: 422,
    message: (d: { scheme: string }) => `Cannot send to a "${d.scheme}" address.`,
    hint: () => `Use an address that starts with https:// or http://.`,
  },
  invalid_address: {
    name: "InvalidAddressError",
    status: 422,
    message: (d: { problem: string }) => `The address of the destination cannot be used: ${d.problem}.`,
    hint: () => `Check the address saved in the block; save it again with "bellhop block save".`,
  },
  connect_timeout: {
    name: "ConnectTimeoutError",
    status: 504,
    message: (d: { host: string; timeoutMs: number }) => `No connection to "${d.host}" within ${d.timeoutMs / 1_000} s.`,
    hint: () => `Check host and port in the block, and whether a firewall lies between.`,
  },
  name_resolution_failed: {
    name: "NameResolutionError",
    status: 502,
    message: (d: { host: string }) => `The host name "${d.host}" has no address.`,
    hint: () => `Check the spelling of the host in the block, and the name service of this machine.`,
  },
  // ---- command line -------------------------------------------------------------------------------------------
  cli_usage: {
    name: "UsageError",
    status: 400,
    message: (d: { problem: string; next: string }) => `${d.problem.replace(/^[a-z]+(?= )/, (word) => word.charAt(0).toUpperCase() + word.slice(1))}.`,
    hint: (d: { problem: string; next: string }) => d.next,
  },
  run_not_found: {
    name: "RunNotFoundError",
    status: 404,
    message: (d: { run: string }) => `No flow run has the id or name "${d.run}".`,
    hint: () => `List runs with "bellhop run ls". At least 4 characters of an id are enough.`,
  },
  delivery_not_found: {
    name: "DeliveryNotFoundError",
    status: 404,
    message: (d: { delivery: string }) => `No delivery has the id "${d.delivery}".`,
    hint: () => `List deliveries with "bellhop delivery ls". At least 4 characters of an id are enough.`,
  },
  // ---- store --------------------------------------------------------------------------------------------------
  store_busy: {
    name: "StoreBusyError",
    status: 503,
    message: (d: { path: string; waitedMs: number }) =>
      `The store ${d.path} was locked by another process for ${Math.round(d.waitedMs)} ms.`,
    hint: () => `Try again. If it stays so, look for a process that holds the file: a backup, a database browser, a stopped program.`,
  },
  store_full: {
    name: "StoreFullError",
    status: 507,
    message: (d: { path: string }) => `The disk that holds the store ${d.path} is full.`,
    hint: () => `Free some space, or set BELLHOP_HOME to a folder on another disk. What is queued is written as soon as there is space.`,
  },
  store_corrupt: {
    name: "StoreCorruptError",
    status: 500,
    message: (d: { path: string; reason: string }) => `The store ${d.path} is damaged: ${d.reason}.`,
    hint: (d: { path: string; reason: string }) =>
      `Put back a copy of it. To save what is readable: sqlite3 "${d.path}" .recover | sqlite3 recovered.db. To start anew, move the file away.`,
  },
  store_unavailable: {
    name: "StoreUnavailableError",
    status: 503,
    message: (d: { path: string; reason: string }) => `The store ${d.path} cannot be used: ${d.reason}.`,
    hint: () => `Check that BELLHOP_HOME names a folder on a local disk in which this user may create and write files.`,
  },
  store_newer: {
    name: "StoreNewerError",
    status: 503,
    message: (d: { path: string; found: number; known: number }) =>
      `The store ${d.path} has schema ${d.found}; this version of Bellhop knows schemas up to ${d.known}.`,
    hint: () => `Update Bellhop here to the version that other programs on this store use, or give it its own BELLHOP_HOME.`,
  },
  store_conflict: {
    name: "StoreConflictError",
    status: 409,
    message: (d: { rule: string }) => `The store refused a row that breaks a rule between rows: ${d.rule}.`,
    hint: () => `Read the rows that it names again and repeat the change on what is there now.`,
  },
  store_value_invalid: {
    name: "StoreValueError",
    status: 500,
    message: (d: { type: string }) => `The store cannot hold ${d.type}.`,
    hint: () => `Give text, a finite number, bytes or null; instants as integers, objects as JSON without cycles and big integers.`,
  },
  lease_lost: {
    name: "LeaseLostError",
    status: 409,
    message: (d: { leaseId: string }) => `The lease ${d.leaseId} of this process is gone: another process took it for dead.`,
    hint: () => `The process stood still for too long, for example while the machine slept. Start it again; its runs were ended as crashed.`,
  },
  delivery_move_refused: {
    name: "DeliveryMoveError",
    status: 409,
    message: (d: { deliveryId: string; from: string; to: string }) =>
      `The delivery ${d.deliveryId} is ${d.from} and cannot become ${d.to}.`,
    hint: (d: { deliveryId: string; from: string; to: string }) =>
      `Something else ended it in the meantime; "bellhop delivery inspect ${d.deliveryId}" shows what.`,
  },
  // ---- templates ----------------------------------------------------------------------------------------------
  template_not_found: {
    name: "TemplateNotFoundError",
    status: 404,
    message: (d: { readonly name: string; readonly nearest: string | null }) => `No template is named "${d.name}".`,
    hint: (d: { readonly name: string; readonly nearest: string | null }) =>
      `${d.nearest === null ? "" : `Did you mean "${d.nearest}"? `}List the names with "bellhop template ls", or add templates/${d.name}/text.hbs.`,
  },
  template_invalid: {
    name: "TemplateInvalidError",
    status: 422,
    message: (d: TemplateProblems) =>
      `${d.problems.length === 1 ? "A template has a problem" : `Templates have ${d.problems.length} problems`}: ${d.problems
        .slice(0, 3)
        .map((p) => `${p.file}:${p.line}:${p.column} ${p.message}`)
        .join("; ")}${d.problems.length > 3 ? "; …" : ""}`,
    hint: (d: TemplateProblems) => {
      const suggestion = d.problems.find((p) => p.suggestion !== undefined)?.suggestion;
      return `${suggestion === undefined ? "" : `Did you mean ${suggestion}? `}Correct the file and look at it with "bellhop template preview". Until then the built-in text is used.`;
    },
  },
} as const satisfies Record<string, ErrorSpec>;

export type ErrorCode = keyof typeof ERRORS;

/** What an error of this code must be given. */
export type ErrorDetails<C extends ErrorCode> = Parameters<(typeof ERRORS)[C]["message"]>[0];
