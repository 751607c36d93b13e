import type { Readable, Writable } from "node:stream";
import { type Clock, systemClock } from "../base/clock.ts";
import { BellhopError } from "../base/errors.ts";
import type { CommandContext } from "./command.ts";
import { EXIT } from "./exit-code.ts";
import { readOptions } from "./options.ts";
import { openOutput, type Output, type Sink } from "./output.ts";
import { parseCommandLine } from "./program.ts";
import { Interrupted, openPrompts, type Prompts } from "./prompts.ts";
import { reportError } from "./report-error.ts";

/** The process as the command line sees it. */
export interface CliIo {
  readonly stdin: Readable & { readonly isTTY?: boolean | undefined };
  readonly stdout: Sink;
  readonly stderr: Sink & Writable;
  readonly env: NodeJS.ProcessEnv;
  /** How the program was started: the path of its bin. */
  readonly program: string;
  readonly signal: AbortSignal;
  readonly clock?: Clock;
}

/** Longest text taken from standard input. */
const MAX_STDIN_BYTES = 4 * 1_024 * 1_024;

/** Runs one command line and returns the exit code. Prints everything that is to be printed, and never throws. */
export async function runCli(words: readonly string[], io: CliIo): Promise<number> {
  const end = words.indexOf("--");
  const json = (end < 0 ? words : words.slice(0, end)).includes("--json");
  const out = openOutput({ stdout: io.stdout, stderr: io.stderr, env: io.env, json });
  try {
    const parsed = await parseCommandLine(words, { columns: out.columns, paint: out.paint });
    if (parsed.kind === "run") return await runCommand(parsed, out, io);
    if (parsed.complete) io.stdout.write(parsed.text);
    else io.stderr.write(parsed.text);
    return parsed.complete ? EXIT.ok : EXIT.usage;
  } catch (error) {
    if (io.signal.aborted) return interruptedBy(io.signal);
    return reportError(out, error, io.env);
  }
}

const interruptedBy = (signal: AbortSignal): number =>
  signal.reason === "SIGTERM" ? EXIT.terminated : EXIT.interrupted;

interface ParsedRun {
  readonly spec: { readonly run: (context: CommandContext) => Promise<number | void> };
  readonly args: readonly string[];
  readonly values: Readonly<Record<string, unknown>>;
}

async function runCommand({ spec, args, values }: ParsedRun, out: Output, io: CliIo): Promise<number> {
  await using opened = new AsyncDisposableStack();
  const options = readOptions(values);
  const clock = io.clock ?? systemClock;
  const home = options.text("home");
  const config = once(async () => {
    const { loadConfig } = await import("../config/load.ts");
    return loadConfig({ env: io.env, flags: home === undefined ? {} : { home } });
  });
  let prompts: Prompts | undefined;
  const context: CommandContext = {
    args,
    options,
    out,
    clock,
    env: io.env,
    program: io.program,
    signal: io.signal,
    get prompts() {
      return (prompts ??= openPrompts(isAskable(out, io), { input: io.stdin, output: io.stderr, signal: io.signal }));
    },
    readStdin: () => readAll(io.stdin),
    config,
    core: once(async () => {
      const { openCore } = await import("../core.ts");
      return opened.use(await openCore(await config()));
    }),
    hub: once(async () => {
      const { openHub } = await import("../hub.ts");
      return opened.use(await openHub(await config()));
    }),
  };
  const code = await Promise.race([spec.run(context), aborted(io.signal)]);
  return io.signal.aborted ? interruptedBy(io.signal) : (code ?? EXIT.ok);
}

function isAskable(out: Output, { stdin, stderr, env }: CliIo): boolean {
  const ci = !["", "0", "false"].includes(env["CI"] ?? "");
  return stdin.isTTY === true && stderr.isTTY === true && !ci && !out.json;
}

/** Rejects when the person interrupts, so that whatever the command waits for does not hold it up. */
const aborted = (signal: AbortSignal): Promise<never> =>
  new Promise((_, reject) => {
    signal.addEventListener("abort", () => reject(new Interrupted()), { once: true });
  });

const once = <T>(make: () => Promise<T>): (() => Promise<T>) => {
  let made: Promise<T> | undefined;
  return () => (made ??= make());
};

async function readAll(stdin: CliIo["stdin"]): Promise<string> {
  if (stdin.isTTY === true) {
    throw new BellhopError("cli_usage", {
      problem: "standard input is a terminal, and the command was told to read it",
      next: "Pipe the text in, for example: echo text | bellhop …",
    });
  }
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of stdin) {
    const bytes = Buffer.from(chunk);
    size += bytes.length;
    if (size > MAX_STDIN_BYTES)
      throw new BellhopError("cli_usage", {
        problem: "standard input is longer than 4 MiB",
        next: "Send a shorter text.",
      });
    chunks.push(bytes);
  }
  return Buffer.concat(chunks).toString("utf8");
}
