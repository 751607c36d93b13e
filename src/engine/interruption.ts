import { errorClass } from "../base/errors.ts";
import { CancelledRun, CrashedRun, type TimeoutError } from "../states/run-errors.ts";

const EXIT = Symbol.for("bellhop.SystemExit");

/**
 * Ends the run and every run around it as Crashed, innermost first, and runs their `onCrashed` hooks.
 * Throw it where you would call `process.exit()`, which leaves no time for hooks.
 */
export class SystemExit extends Error {
  /** Exit code that the thrower had in mind; kept for whoever catches it. */
  readonly exitCode: number;

  constructor(message = "", exitCode = 1) {
    super(message);
    this.name = "SystemExit";
    this.exitCode = exitCode;
    Object.defineProperty(this, EXIT, { value: true });
  }
}

export const isSystemExit = (thrown: unknown): thrown is SystemExit => thrown instanceof Error && EXIT in thrown;

/** The process was told to stop. */
export class TerminationError extends errorClass("run_terminated") {}

/** Code of a run that is over called a flow or task. */
export class RunOverError extends errorClass("run_over") {}

/** Something outside the body's control that ends the run. */
export interface Interruption {
  /** Default: the run crashes. `cancel`: somebody asked for its end, so it becomes Cancelled. */
  readonly kind?: "cancel";
  /** What callers get thrown. */
  readonly error: unknown;
  /** Message of the state it ends in, after "Flow run" or "Task run". */
  readonly message: string;
  /** The outermost callers get the error only after this, so that they do not end the process in another way first. */
  readonly hold?: Promise<void>;
}

export const interruptedByExit = (exit: SystemExit): Interruption => ({
  error: exit,
  message: exit.message === "" ? "crashed with SystemExit" : `crashed with SystemExit: ${exit.message}`,
});

export const interruptedByAbort = (reason: unknown): Interruption => ({
  error: reason,
  message: "was cancelled by the runtime",
});

/** A run around it exceeded its time, so nothing waits for this one any more. */
export const interruptedByTimeout = (error: TimeoutError): Interruption => ({
  error,
  message: "was cancelled by the runtime: the run around it timed out",
});

/** A run around it ends, and nothing waits for this one any more. */
export const interruptedByEndAround = (around: Interruption): Interruption =>
  around.kind === "cancel" ? around : { ...around, message: "was cancelled by the runtime: the run around it crashed" };

/** Somebody cancelled the flow run around it, or this one. */
export const interruptedByCancel = (): Interruption => ({
  kind: "cancel",
  error: new CancelledRun({ message: "The run was cancelled." }),
  message: "was cancelled",
});

/** Somebody else ended the run, or suspended it. */
export const interruptedByOthers = (error: unknown): Interruption => ({
  error,
  message: "was cancelled by the runtime",
});

const SIGNAL_WORDS: Readonly<Partial<Record<NodeJS.Signals, string>>> = {
  SIGINT: "was interrupted",
  SIGTERM: "was stopped by a termination request",
  SIGHUP: "was stopped because its terminal closed",
  SIGBREAK: "was interrupted",
};

export const interruptedBySignal = (signal: NodeJS.Signals, hold: Promise<void>): Interruption => ({
  error: new TerminationError({ signal }),
  message: `${SIGNAL_WORDS[signal] ?? "was stopped"} (${signal})`,
  hold,
});

/** The process was told to stop because somebody had cancelled the flow run around it, or this one. */
export const interruptedByCancelSignal = (signal: NodeJS.Signals, hold: Promise<void>): Interruption => ({
  kind: "cancel",
  error: new TerminationError({ signal }),
  message: `was cancelled (${signal})`,
  hold,
});

export const interruptedByUncaught = (error: unknown, text: string, hold: Promise<void>): Interruption => ({
  error,
  message: `crashed: uncaught ${text}`,
  hold,
});

/** For the listeners of the process's end, where no code can run any more. */
export const interruptedByProcessExit = (how: string): Interruption => ({
  error: new CrashedRun({ message: `The process ${how}.` }),
  message: `crashed: the process ${how} before the run had ended`,
});
