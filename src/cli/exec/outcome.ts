import { constants } from "node:os";
import { Completed, Crashed, Failed } from "../../states/constructors.ts";
import { keepThrown, type State } from "../../states/state.ts";
import { excerpt } from "./tail.ts";

/** How one attempt at the program ended. */
export interface Ending {
  /** Its exit code; null when a signal ended it, or it could not be started. */
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  /** Why it could not be started, and the exit code that says so. */
  readonly unstarted: { readonly code: number; readonly problem: string } | null;
  /** Why we ended it. */
  readonly stop: "timeout" | "cancel" | null;
  /** It did not end when asked, and was killed. */
  readonly wasKilled: boolean;
  /** The last signal asking to end that was passed on to it. */
  readonly passedOn: NodeJS.Signals | null;
}

/** Exit codes of our own. Sources: GNU coreutils, `timeout` (124) and `env` (125, 126, 127). */
export const TIMED_OUT = 124;
export const NO_FOLDER = 125;
export const NOT_EXECUTABLE = 126;
export const NOT_FOUND = 127;
/** Source: POSIX, "Exit Status for Commands": above 128 for a command that a signal ended. */
const BY_SIGNAL = 128;

const signalNumber = (signal: NodeJS.Signals): number => constants.signals[signal];

function signalOf(number: number): NodeJS.Signals | undefined {
  // The keys of this table are signals.
  const names = Object.keys(constants.signals) as NodeJS.Signals[];
  return names.find((name) => signalNumber(name) === number);
}

/** What this process ends with. */
export function exitCodeOf({ code, signal, unstarted, stop }: Ending): number {
  if (unstarted !== null) return unstarted.code;
  if (stop === "timeout") return TIMED_OUT;
  return signal === null ? (code ?? 1) : BY_SIGNAL + signalNumber(signal);
}

/** What usually sends the signal. */
const SIGNALS: Readonly<Partial<Record<NodeJS.Signals, string>>> = {
  SIGHUP: "its terminal or its session closed",
  SIGINT: "interrupted",
  SIGQUIT: "quit from the keyboard",
  SIGILL: "illegal instruction; often built for another processor",
  SIGABRT: "it aborted itself; an assertion or a corrupted heap",
  SIGBUS: "bad memory access; often a file that became shorter, or a disk error",
  SIGFPE: "arithmetic error, such as a division by zero",
  SIGKILL: "killed; often by the kernel, out of memory",
  SIGSEGV: "invalid memory access; a bug in the program",
  SIGPIPE: "it wrote to a pipe that nobody reads",
  SIGTERM: "terminated; somebody asked it to end",
  SIGXCPU: "it used up its limit of processor time",
  SIGXFSZ: "it reached the limit of a file's size",
};

/** What a code usually means, where it says more than "it failed". */
const CODES: Readonly<Record<number, string>> = {
  124: "a time limit ran out",
  125: "the tool that should start the program failed",
  126: "a program was found but could not be executed",
  127: "a program was not found; cron's search path is short",
  241: "that is -15: terminated",
  247: "that is -9: killed; often out of memory",
};

function meaningOf(code: number): string {
  const known = CODES[code];
  if (known !== undefined) return ` (${known})`;
  const signal = code > BY_SIGNAL ? signalOf(code - BY_SIGNAL) : undefined;
  if (signal === undefined) return "";
  const words = SIGNALS[signal];
  return ` (${signal}${words === undefined ? "" : `: ${words}`})`;
}

/** `exited with code 3`, `was ended by SIGKILL (killed; often by the kernel, out of memory)`. */
function howItEnded({ code, signal }: Ending): string {
  if (signal === null) return `exited with code ${code}${meaningOf(code ?? 0)}`;
  const words = SIGNALS[signal];
  return `was ended by ${signal}${words === undefined ? "" : ` (${words})`}`;
}

export interface Told {
  /** Of the program; begins the lines that tell of an error. */
  readonly name: string;
  readonly timeoutSeconds: number;
  /** The last lines of its output, masked. */
  readonly tail: readonly string[];
}

/** Sizes that the message of every channel shows whole: Slack's template takes 8 lines and 600 characters. */
const SHOWN = { lines: 7, chars: 480 };

/** An error whose lines are those that the program printed last. */
class ProgramError extends Error {
  constructor({ name, tail }: Told, problem: string) {
    super(problem);
    this.name = name;
    this.stack = [`${name}: ${problem}`, excerpt(tail, SHOWN)].filter((part) => part !== "").join("\n");
  }
}

/** The state that the ending leads to. */
export function stateOf(ending: Ending, told: Told): State {
  const { code, signal, unstarted, stop, passedOn } = ending;
  if (unstarted !== null) {
    // The same would happen again.
    return problem(Failed, { problem: unstarted.problem, stateDetails: { retriable: false } }, told);
  }
  if (stop === "timeout") return problem(Failed, { name: "TimedOut", problem: timeoutText(ending, told) }, told);
  if (code === 0) return Completed({ message: "The program exited with code 0." });
  const how = howItEnded(ending);
  if (passedOn !== null) return problem(Crashed, { problem: `${how} after ${passedOn} was passed on to it` }, told);
  return problem(signal === null ? Failed : Crashed, { problem: how }, told);
}

const timeoutText = ({ wasKilled }: Ending, { timeoutSeconds }: Told): string =>
  `exceeded its timeout of ${timeoutSeconds} second(s) and ${wasKilled ? "was killed, because it did not end when asked" : "was ended"}`;

interface Problem {
  readonly name?: string;
  readonly problem: string;
  readonly stateDetails?: State["stateDetails"];
}

function problem(make: typeof Failed, { problem: text, ...init }: Problem, told: Told): State {
  const shown = excerpt(told.tail, SHOWN);
  const state = make({ ...init, message: `The program ${text}.${shown === "" ? "" : `\n${shown}`}` });
  keepThrown(state, new ProgramError(told, text));
  return state;
}

/** Whether another attempt may help. */
export const isRetriable = (ending: Ending): boolean =>
  ending.unstarted === null &&
  ending.passedOn === null &&
  (ending.stop === "timeout" || (ending.stop === null && ending.signal === null && ending.code !== 0));
