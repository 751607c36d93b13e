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
} as const satisfies Record<string, ErrorSpec>;
