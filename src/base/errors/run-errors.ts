import type { ErrorSpec } from "./error-spec.ts";

/** States, flows, tasks and hooks. */
export const RUN_ERRORS = {
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
    hint: () => "Results stay in the process that made them unless the flow or task says persistResult: true.",
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
    hint: () =>
      "Ask only failed, crashed or cancelled states for their error, and give them an error, a text or states as data.",
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
    message: (d: { run: string; state: string }) =>
      `The ${d.run} is over (${d.state}), so its code cannot start anything else.`,
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
    hint: () => 'The run stays as it is; see its states with "bellhop run inspect <run>".',
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
    message: (d: { flow: string; problems: string }) =>
      `The parameters of flow "${d.flow}" are not valid: ${d.problems}.`,
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
  invalid_signal: {
    name: "TypeError",
    status: 400,
    message: (d: { signal: string; problem: string; known: string }) =>
      `The signal ${d.signal} cannot be made: ${d.problem}.`,
    hint: (d: { signal: string; problem: string; known: string }) =>
      `Write new signals.${d.signal}(message, options); options are ${d.known}.`,
  },
  state_without_signal: {
    name: "StateWithoutSignalError",
    status: 400,
    message: (d: { state: string }) => `No signal leads to the state ${d.state}.`,
    hint: () =>
      "Signals lead to states that are Completed, Failed, Paused, AwaitingRetry or Looped; look at the state first.",
  },
  invalid_handler_result: {
    name: "TypeError",
    status: 500,
    message: (d: { handler: string; got: string }) => `The state handler ${d.handler} returned no state, but ${d.got}.`,
    hint: () => "Return newState, another state, or nothing.",
  },
  transaction_value_unknown: {
    name: "UnknownTransactionValueError",
    status: 404,
    message: (d: { name: string }) => `Neither the transaction nor one around it has a value "${d.name}".`,
    hint: (d: { name: string }) => `Set it with txn.set("${d.name}", value), or give get() a fallback.`,
  },
  transaction_reentered: {
    name: "TransactionReenteredError",
    status: 409,
    message: (d: { transaction: string }) => `The transaction "${d.transaction}" has been entered before.`,
    hint: () => "Open a new transaction for each block of work.",
  },
  isolation_unsupported: {
    name: "ConfigurationError",
    status: 422,
    message: (d: { level: string }) =>
      `The record store has no locks, so it cannot isolate transactions as ${d.level}.`,
    hint: () => "Use a record store that has a lock manager, or the isolation level READ_COMMITTED.",
  },
  lock_timeout: {
    name: "LockTimeoutError",
    status: 409,
    message: (d: { key: string; seconds: number }) => `The lock "${d.key}" was not free within ${d.seconds} second(s).`,
    hint: () => "Somebody else works under this key; wait longer, or look for work that does not end.",
  },
  flow_paused: {
    name: "Pause",
    status: 409,
    message: (d: { run: string; state: string }) =>
      `The run "${d.run}" is paused (${d.state}), so its code stops here.`,
    hint: (d: { run: string; state: string }) => `Resume it with "bellhop run resume ${d.run}".`,
  },
  not_paused: {
    name: "NotPausedError",
    status: 409,
    message: (d: { run: string; state: string }) =>
      `The run "${d.run}" is ${d.state}; only a paused run can be resumed.`,
    hint: (d: { run: string; state: string }) => `See its states with "bellhop run inspect ${d.run}".`,
  },
  pause_timeout: {
    name: "FlowPauseTimeout",
    status: 409,
    message: (d: { run: string }) => `The run "${d.run}" was paused and not resumed in time.`,
    hint: () => "Start the flow again, and raise the timeout of the pause if it is too short.",
  },
  resume_refused: {
    name: "ResumeRefusedError",
    status: 422,
    message: (d: { run: string; reason: string }) => `The run "${d.run}" cannot be resumed: ${d.reason}.`,
    hint: () => "The run is still paused; correct the input and resume it again.",
  },
  invalid_run_input: {
    name: "RunInputError",
    status: 422,
    message: (d: { key: string; problems: string }) => `The input "${d.key}" of the run is not valid: ${d.problems}.`,
    hint: () => "Resume the run with input that fits waitForInput, or give its fields defaults.",
  },
  wait_timeout: {
    name: "TimeoutError",
    status: 504,
    message: (d: { what: string; seconds: number }) => `${d.what} did not end within ${d.seconds} second(s).`,
    hint: () => "Wait longer, or look at the state of the run; it goes on.",
  },
  upstream_not_completed: {
    name: "UpstreamTaskError",
    status: 409,
    message: (d: { message: string }) => d.message,
    hint: () => "See the cause for what happened upstream; wrap the upstream in allowFailure() to run all the same.",
  },
  map_without_list: {
    name: "MappingMissingIterable",
    status: 400,
    message: (d: { got: string }) => `None of the arguments of map can be mapped over (got: ${d.got}).`,
    hint: () => "Give at least one list, Set or generator that is not wrapped in unmapped().",
  },
  map_length_mismatch: {
    name: "MappingLengthMismatch",
    status: 400,
    message: (d: { lengths: string }) => `The lists given to map have different lengths: ${d.lengths}.`,
    hint: () => "Give lists of one length; wrap a list that every run is to get as a whole in unmapped().",
  },
  result_not_serializable: {
    name: "SerializationError",
    status: 500,
    message: (d: { serializer: string; found: string; path: string }) =>
      `The result cannot be kept with the serializer "${d.serializer}": there is ${d.found} at ${d.path}.`,
    hint: () =>
      "Return plain data, or give resultSerializer an object that can write it. A secret is better saved as a block and loaded where it is needed.",
  },
  result_unreadable: {
    name: "UnreadableResultError",
    status: 500,
    message: (d: { key: string; reason: string }) => `The stored result "${d.key}" cannot be read: ${d.reason}.`,
    hint: () => "The work is done again. If the encryption key was changed, give the old one beside the new one.",
  },
  input_not_hashable: {
    name: "HashError",
    status: 500,
    message: (d: { found: string; path: string }) => `No cache key can be made of ${d.found} at ${d.path}.`,
    hint: () => 'Leave it out with cachePolicy: INPUTS.minus("name"), or make the key yourself with cacheKeyFn.',
  },
} as const satisfies Record<string, ErrorSpec>;
