import { AwaitingRetry, Completed, Failed, Paused, Running } from "./constructors.ts";
import { CodedTypeError } from "./coded-type-error.ts";
import { StateWithoutSignalError } from "./run-errors.ts";
import { keepThrown, keepValue, type State } from "./state.ts";
import { typeName } from "./state-error.ts";

// A *signal* is thrown by a body or a state handler to say which state the run is to enter. Source: Prefect 1,
// prefect.engine.signals.

export interface SignalOptions {
  /** What the state carries. Default: the signal itself, with whatever was put on it. */
  readonly result?: unknown;
}

export interface PauseOptions extends SignalOptions {
  /** When the run goes on by itself. Default: when somebody resumes it. */
  readonly startTime?: Date;
}

export interface RetryOptions extends SignalOptions {
  /** When the next attempt starts. Default: now. */
  readonly startTime?: Date;
  /** Attempts counted so far; the next one is one more. Default: the run's count. */
  readonly runCount?: number;
}

type AnyOptions = PauseOptions & RetryOptions;

/** What a signal needs to know of the run that it is thrown in. */
export interface SignalMoment {
  /** Epoch milliseconds. */
  readonly nowMs: number;
  /** Attempts of the run so far. */
  readonly runCount: number;
}

export type SignalKind = "FAIL" | "SUCCESS" | "SKIP" | "RETRY" | "PAUSE" | "LOOP" | "TRIGGERFAIL" | "VALIDATIONFAIL";

const SIGNAL = Symbol.for("bellhop.Signal");

/** Options of each signal beside `result`. */
const OPTIONS: Readonly<Record<SignalKind, readonly string[]>> = {
  FAIL: [],
  SUCCESS: [],
  SKIP: [],
  RETRY: ["startTime", "runCount"],
  PAUSE: ["startTime"],
  LOOP: [],
  TRIGGERFAIL: [],
  VALIDATIONFAIL: [],
};

/** What all signals have in common. Properties that are put on a signal travel with the state: `state.peek().flag`. */
export abstract class Signal extends Error {
  declare readonly [SIGNAL]: SignalKind;
  /** What the state carries. */
  declare readonly result: unknown;
  /** Of RETRY and PAUSE; null until it is given or known. */
  declare readonly startTime: Date | null;
  /** Of RETRY; null until it is given or known. */
  declare readonly runCount: number | null;

  constructor(kind: SignalKind, message: string | undefined, options: AnyOptions | undefined) {
    super(message);
    hide(this, SIGNAL, kind);
    hide(this, "name", kind);
    const given = checkOptions(kind, options);
    hide(this, "result", "result" in given ? given.result : this);
    hide(this, "startTime", given.startTime ?? null);
    hide(this, "runCount", given.runCount ?? null);
  }

  get kind(): SignalKind {
    return this[SIGNAL];
  }

  /** The state that the signal stands for; what was not given is filled in. */
  toState({ nowMs, runCount }: SignalMoment): State {
    if (this.kind === "RETRY") {
      hide(this, "startTime", this.startTime ?? new Date(nowMs));
      hide(this, "runCount", this.runCount ?? runCount);
    }
    const state = STATES[this.kind](this);
    if (state.isFailed() && this.result === this) keepThrown(state, this);
    else keepValue(state, this.result);
    return state;
  }
}

/** Sets a property that prints leave out, and that code which puts its own properties on a signal may overwrite. */
const hide = (signal: Signal, key: string | symbol, value: unknown): unknown =>
  Object.defineProperty(signal, key, { value, writable: true, configurable: true, enumerable: false });

const textOf = ({ message }: Signal): { readonly message: string | null } => ({
  message: message === "" ? null : message,
});

const scheduledAt = (startTime: Date | null): { readonly scheduledTime?: Date } =>
  startTime === null ? {} : { scheduledTime: startTime };

const STATES: Readonly<Record<SignalKind, (signal: Signal) => State>> = {
  FAIL: (signal) => Failed(textOf(signal)),
  TRIGGERFAIL: (signal) => Failed({ name: "TriggerFailed", ...textOf(signal) }),
  VALIDATIONFAIL: (signal) => Failed({ name: "ValidationFailed", ...textOf(signal) }),
  SUCCESS: (signal) => Completed(textOf(signal)),
  SKIP: (signal) => Completed({ name: "Skipped", ...textOf(signal) }),
  RETRY: (signal) => AwaitingRetry({ ...textOf(signal), ...scheduledAt(signal.startTime) }),
  PAUSE: (signal) => Paused({ ...textOf(signal), stateDetails: scheduledAt(signal.startTime) }),
  // Never stored: the run it belongs to goes on running.
  LOOP: (signal) => Running({ name: "Looped", ...textOf(signal) }),
};

function invalid(kind: SignalKind, problem: string): never {
  const known = ["result", ...OPTIONS[kind]].join(", ");
  throw new CodedTypeError("invalid_signal", { signal: kind, problem, known });
}

function checkOptions(kind: SignalKind, options: unknown): AnyOptions {
  if (options === undefined) return {};
  if (typeof options !== "object" || options === null)
    return invalid(kind, `options are an object, not ${typeName(options)}`);
  for (const key of Object.keys(options))
    if (key !== "result" && !OPTIONS[kind].includes(key)) return invalid(kind, `it has no option "${key}"`);
  // Its keys are known ones; the values are checked next.
  const given = options as AnyOptions;
  const { startTime, runCount } = given;
  if (startTime != null && !(startTime instanceof Date && !Number.isNaN(startTime.getTime())))
    return invalid(kind, "startTime must be a valid Date");
  if (runCount != null && !(Number.isSafeInteger(runCount) && runCount >= 0))
    return invalid(kind, "runCount must be a whole number, 0 or more");
  return given;
}

/** The run fails, as with any thrown error: retries apply. */
class FAIL extends Signal {
  /** @throws invalid_signal */
  constructor(message?: string, options?: SignalOptions, kind: "FAIL" | "TRIGGERFAIL" | "VALIDATIONFAIL" = "FAIL") {
    super(kind, message, options);
  }
}

/** What the run waited for did not end as it should. A kind of FAIL. */
class TRIGGERFAIL extends FAIL {
  /** @throws invalid_signal */
  constructor(message?: string, options?: SignalOptions) {
    super(message, options, "TRIGGERFAIL");
  }
}

/** The run's value is not as it should be. A kind of FAIL. */
class VALIDATIONFAIL extends FAIL {
  /** @throws invalid_signal */
  constructor(message?: string, options?: SignalOptions) {
    super(message, options, "VALIDATIONFAIL");
  }
}

/** The run completes with `result`. */
class SUCCESS extends Signal {
  /** @throws invalid_signal */
  constructor(message?: string, options?: SignalOptions) {
    super("SUCCESS", message, options);
  }
}

/** The run completes as Skipped, and tasks that depend on it are skipped too. */
class SKIP extends Signal {
  /** @throws invalid_signal */
  constructor(message?: string, options?: SignalOptions) {
    super("SKIP", message, options);
  }
}

/** The body runs again, however many retries the object has. */
class RETRY extends Signal {
  /** @throws invalid_signal */
  constructor(message?: string, options?: RetryOptions) {
    super("RETRY", message, options);
  }
}

/** The run and its flow run pause; the body runs again when they go on. */
class PAUSE extends Signal {
  /** @throws invalid_signal */
  constructor(message?: string, options?: PauseOptions) {
    super("PAUSE", message, options);
  }
}

/** The body runs again in the same run, with `result` as its `runtime.taskRun.loopResult`. */
class LOOP extends Signal {
  /** @throws invalid_signal */
  constructor(message?: string, options?: SignalOptions) {
    super("LOOP", message, options);
  }
}

/**
 * Errors that say which state a run is to enter. A `catch` in the body that may see one should throw it again when
 * {@link isSignal} says so; one that is swallowed has no effect.
 *
 * @example
 * if (rows === 0) throw new signals.SKIP("nothing to load");
 * throw Object.assign(new signals.FAIL("too few rows"), { rows }); // a handler reads it with newState.peek()
 */
export const signals = Object.freeze({ FAIL, SUCCESS, SKIP, RETRY, PAUSE, LOOP, TRIGGERFAIL, VALIDATIONFAIL });

export type SignalClass = (typeof signals)[SignalKind];

/** True for what the classes of {@link signals} make, also when it comes from a second installed copy of the package. */
export const isSignal = (value: unknown): value is Signal => value instanceof Error && SIGNAL in value;

/**
 * The class of signals that leads to such a state. A name that no signal has is taken by its type: TimedOut is a FAIL.
 *
 * @throws state_without_signal: no signal leads to a state of this type
 */
export function signalFromState(state: State): SignalClass {
  if (state.isLooped()) return LOOP;
  if (state.isCompleted()) return state.isSkipped() ? SKIP : SUCCESS;
  if (state.isFailed())
    return state.name === "TriggerFailed" ? TRIGGERFAIL : state.name === "ValidationFailed" ? VALIDATIONFAIL : FAIL;
  if (state.isRetrying()) return RETRY;
  if (state.isPaused()) return PAUSE;
  throw new StateWithoutSignalError({ state: String(state) });
}
