import { durationMs } from "../../base/duration.ts";
import { BellhopError } from "../../base/errors.ts";
import type { FlowHooks } from "../../flow.ts";
import { notify, type NotifyHook } from "../../hooks/notify.ts";
import type { CommandContext, OptionSpec } from "../command.ts";
import { maskArguments } from "./arguments.ts";
import { programName, type ProgramSpec } from "./start-program.ts";

const RUN_EVENTS = {
  "on-failure": ["onFailure"],
  "on-crashed": ["onCrashed"],
  "on-completion": ["onCompletion"],
  "on-cancellation": ["onCancellation"],
  "on-running": ["onRunning"],
  "on-retry": ["onRetry"],
  "on-problem": ["onFailure", "onCrashed", "onCancellation"],
} as const satisfies Readonly<Record<string, readonly (keyof FlowHooks)[]>>;

export const EXEC_OPTIONS: readonly OptionSpec[] = [
  { flags: "--name <name>", text: "name of the flow; default: the program's file name" },
  {
    flags: "--on-problem <block>",
    text: "tell this block when the run fails, times out, crashes or is cancelled",
    many: true,
  },
  { flags: "--on-failure <block>", text: "when it fails or times out, after the last retry", many: true },
  { flags: "--on-crashed <block>", text: "when it, or Bellhop, is killed", many: true },
  { flags: "--on-cancellation <block>", text: "when somebody cancels it", many: true },
  { flags: "--on-completion <block>", text: "when it exits with code 0", many: true },
  { flags: "--on-running <block>", text: "when an attempt begins", many: true },
  { flags: "--on-retry <block>", text: "when it failed and will be tried again", many: true },
  { flags: "--retries <n>", text: "attempts after the first; default 0" },
  { flags: "--retry-delay <duration>", text: "wait before each retry, e.g. 30s; default none" },
  { flags: "--timeout <duration>", text: "end an attempt that takes longer, e.g. 10m; default none" },
  { flags: "--kill-after <duration>", text: "kill what has not ended this long after it was asked; default 10s" },
  { flags: "--tag <tag>", text: "tag of the run", many: true },
  { flags: "--tail <lines>", text: "lines of output kept with the run; default 50, 0 keeps none" },
  { flags: "-C, --cwd <dir>", text: "folder to run it in" },
  { flags: "-q, --quiet", text: "print its output only if it does not complete, and then the kept lines" },
];

const MOST_RETRIES = 1_000;
const DEFAULT_GRACE_MS = 10_000;
const DEFAULT_TAIL = 50;
const MOST_TAIL = 1_000;
const MS_PER_SECOND = 1_000;

/** What the command line asks for. */
export interface Plan {
  readonly name: string;
  /** How messages call the program. */
  readonly program: string;
  readonly spec: Omit<ProgramSpec, "env">;
  /** As it is stored. */
  readonly command: readonly string[];
  /** What was masked in it. */
  readonly secrets: readonly string[];
  readonly hooks: FlowHooks;
  /** Blocks that will be told, each with the options that name it. */
  readonly refs: ReadonlyMap<string, string>;
  readonly retries: number;
  readonly retryDelayMs: number;
  readonly tags: readonly string[];
  readonly tailLines: number;
}

/** @throws cli_usage */
export function readPlan({ args, options }: CommandContext): Plan {
  const [program = "", ...words] = args;
  if (program === "")
    throw new BellhopError("cli_usage", {
      problem: "the program is missing",
      next: "Put it after two dashes, for example: bellhop exec -- ./backup.sh",
    });
  if (options.text("name") === "")
    throw new BellhopError("cli_usage", { problem: "--name is empty", next: "Give a name, or leave it out." });
  const { shown, secrets } = maskArguments([program, ...words]);
  const tail = options.count("tail", { min: 0, max: MOST_TAIL });
  const called = programName(program);
  return {
    name: options.text("name") ?? called,
    program: called,
    spec: {
      argv: [program, ...words],
      cwd: options.text("cwd"),
      isQuiet: options.flag("quiet"),
      keepsTerminal: tail !== undefined && tail > 0,
      timeoutMs: duration(options, "timeout") ?? 0,
      graceMs: duration(options, "kill-after") ?? DEFAULT_GRACE_MS,
    },
    command: shown,
    secrets,
    ...readHooks(options),
    retries: options.count("retries", { min: 0, max: MOST_RETRIES }) ?? 0,
    retryDelayMs: duration(options, "retry-delay") ?? 0,
    tags: options.list("tag"),
    tailLines: tail ?? DEFAULT_TAIL,
  };
}

export const seconds = (ms: number): number => ms / MS_PER_SECOND;

type Reading = CommandContext["options"];

/** A number alone means milliseconds elsewhere in Bellhop, and seconds in `timeout` and `sleep`: it is refused. */
function duration(options: Reading, name: string): number | undefined {
  const text = options.text(name);
  if (text === undefined) return undefined;
  const ms = /[a-z]\s*$/.test(text) ? durationMs(text) : undefined;
  if (ms !== undefined) return ms;
  throw new BellhopError("cli_usage", {
    problem: `--${name} takes a duration with its unit`,
    next: `Give for example --${name} 30s; units are ms, s, m, h and d.`,
  });
}

function readHooks(options: Reading): Pick<Plan, "hooks" | "refs"> {
  const byEvent = new Map<keyof FlowHooks, Set<string>>();
  const refs = new Map<string, string>();
  for (const [option, events] of Object.entries(RUN_EVENTS)) {
    for (const ref of options.list(option)) {
      refs.set(ref, refs.has(ref) ? `${refs.get(ref)}, --${option}` : `--${option}`);
      // Once per event, however many options name the same block.
      for (const event of events) byEvent.set(event, (byEvent.get(event) ?? new Set()).add(ref));
    }
  }
  const lists = [...byEvent].map(([event, named]) => [event, [...named].map((ref) => hookOf(ref, refs))]);
  return { hooks: Object.fromEntries(lists), refs };
}

/** @throws cli_usage for a word that cannot be a reference */
function hookOf(ref: string, refs: ReadonlyMap<string, string>): NotifyHook {
  try {
    return notify(ref);
  } catch (error) {
    if (!BellhopError.is(error)) throw error;
    throw new BellhopError("cli_usage", {
      problem: `${refs.get(ref)}: ${error.message.replace(/\.$/, "")}`,
      next: error.hint,
    });
  }
}
