import { type ChildProcess, spawn, type StdioOptions } from "node:child_process";
import { existsSync, statSync } from "node:fs";
import { basename } from "node:path";
import type { Readable } from "node:stream";
import { isatty } from "node:tty";
import type { Clock } from "../../base/clock.ts";
import { messageOf } from "../../base/errors.ts";
import { type Ending, NO_FOLDER, NOT_EXECUTABLE, NOT_FOUND } from "./outcome.ts";
import { closeFd, isSameFile, openPipe } from "./output-pipe.ts";
import { hasTerminal, isForeground, isGroupAlive } from "./process-group.ts";
import { relay } from "./relay.ts";
import { isStop } from "./signal-desk.ts";
import type { Tail } from "./tail.ts";

export interface ProgramSpec {
  readonly argv: readonly [program: string, ...words: string[]];
  readonly cwd: string | undefined;
  readonly env: NodeJS.ProcessEnv;
  /** Print nothing of its output. */
  readonly isQuiet: boolean;
  /** Keep the output also of what goes to a terminal; the program then sees a pipe. */
  readonly keepsTerminal: boolean;
  /** 0: none. */
  readonly timeoutMs: number;
  /** From asking it to end to killing it. */
  readonly graceMs: number;
}

export interface Started {
  /** Resolves when the program has ended and what it printed until then is read. Never rejects. */
  readonly ended: Promise<Ending>;
  /** Resolves when nobody holds its output any more: a process it left in the background may do so for long. */
  readonly drained: Promise<unknown>;
  pass(signal: NodeJS.Signals): void;
  /** Asks it to end, and kills it after the grace period. */
  stop(why: "timeout" | "cancel"): void;
}

export interface StartParts {
  readonly clock: Clock;
  readonly tail: Tail;
  readonly warn: (text: string) => void;
}

/** How long the output of a program that has ended is waited for before its run goes on. */
const LAST_OUTPUT_MS = 2_000;
/** How often a process group that was asked to end is looked at. */
const GROUP_POLL_MS = 50;

const STDOUT = 1;
const STDERR = 2;

interface Output {
  readonly fd: number;
  /** For the program, or "pipe" for one that Node makes. */
  readonly stdio: "inherit" | "pipe" | number;
  /** Known once the program runs, when Node makes it. */
  readonly source: Readable | null;
}

/** A terminal is handed on as it is, so that the program colours, asks and draws as ever. Everything else is copied. */
function openOutputs({ isQuiet, keepsTerminal }: ProgramSpec): readonly [Output, Output] {
  const open = (fd: number): Output => {
    if (!isQuiet && !keepsTerminal && isatty(fd)) return { fd, stdio: "inherit", source: null };
    const pipe = openPipe();
    return pipe === null ? { fd, stdio: "pipe", source: null } : { fd, stdio: pipe.writeFd, source: pipe.source };
  };
  const stdout = open(STDOUT);
  const isShared = typeof stdout.stdio === "number" && isSameFile(STDOUT, STDERR);
  return [stdout, isShared ? { fd: STDERR, stdio: stdout.stdio, source: null } : open(STDERR)];
}

/** Starts the program. Never throws: what cannot be started has ended. */
export function startProgram(spec: ProgramSpec, parts: StartParts): Started {
  if (spec.cwd !== undefined && !isFolder(spec.cwd))
    return unstarted(NO_FOLDER, `could not be started: there is no folder ${spec.cwd}`);
  const outputs = openOutputs(spec);
  const stdio: StdioOptions = ["inherit", outputs[0].stdio, outputs[1].stdio];
  // A group of its own can be ended as a whole. Below a terminal it stays in ours, which gets the terminal's input.
  const isGroup = !hasTerminal();
  const [program, ...words] = spec.argv;
  let child: ChildProcess;
  try {
    child = spawn(program, words, {
      stdio,
      env: spec.env,
      detached: isGroup,
      windowsHide: true,
      ...(spec.cwd === undefined ? {} : { cwd: spec.cwd }),
    });
  } catch (error) {
    closeOutputs(outputs);
    return unstarted(...startFailure(error, spec));
  }
  closeOutputs(outputs);
  const sources = [outputs[0].source ?? child.stdout, outputs[1].source ?? child.stderr];
  const relays = sources.map(async (source, index) => {
    if (source === null) return;
    const fd = spec.isQuiet ? null : index === 0 ? STDOUT : STDERR;
    await relay(source, { clock: parts.clock, fd, tail: parts.tail, warn: parts.warn });
  });
  return new Watch(spec, parts.clock, { child, isGroup, sources, drained: Promise.all(relays) });
}

function closeOutputs(outputs: readonly Output[]): void {
  for (const fd of new Set(outputs.map(({ stdio }) => stdio))) if (typeof fd === "number") closeFd(fd);
}

const isFolder = (path: string): boolean => statSync(path, { throwIfNoEntry: false })?.isDirectory() === true;

const NOTHING: Omit<Ending, "unstarted"> = {
  code: null,
  signal: null,
  stop: null,
  wasKilled: false,
  passedOn: null,
};

const unstarted = (code: number, problem: string): Started => ({
  ended: Promise.resolve({ ...NOTHING, unstarted: { code, problem } }),
  drained: Promise.resolve(),
  pass: () => undefined,
  stop: () => undefined,
});

/** As a shell says it: 127 for what is not there, 126 for what is there and cannot be executed. */
function startFailure(error: unknown, { argv: [program], env }: ProgramSpec): [code: number, problem: string] {
  const errno = error instanceof Error && "code" in error ? error.code : undefined;
  if (errno === "EACCES")
    return [NOT_EXECUTABLE, `could not be started: ${program} is not executable (permission denied)`];
  if (errno !== "ENOENT") return [NOT_EXECUTABLE, `could not be started: ${messageOf(error)}`];
  if (!/[\\/]/.test(program)) {
    const path = env["PATH"];
    const where = path === undefined || path === "" ? "and PATH is empty" : `in PATH (${path})`;
    return [NOT_FOUND, `could not be started: ${program} was not found ${where}`];
  }
  return existsSync(program)
    ? [NOT_EXECUTABLE, `could not be started: the interpreter in the first line of ${program} does not exist`]
    : [NOT_FOUND, `could not be started: ${program} does not exist`];
}

interface Watched {
  readonly child: ChildProcess;
  readonly isGroup: boolean;
  readonly sources: readonly (Readable | null)[];
  readonly drained: Promise<unknown>;
}

/** A program that runs, and what is done to it. */
class Watch implements Started {
  readonly ended: Promise<Ending>;
  readonly drained: Promise<unknown>;
  readonly #spec: ProgramSpec;
  readonly #clock: Clock;
  readonly #watched: Watched;
  #stop: Ending["stop"] = null;
  /** The grace period is over. */
  #isOver = false;
  #wasKilled = false;
  #passedOn: NodeJS.Signals | null = null;
  #timer: Disposable | undefined;
  #hasEnded = false;
  /** Ends the wait for the last output. */
  readonly #enough = new AbortController();

  constructor(spec: ProgramSpec, clock: Clock, watched: Watched) {
    this.#spec = spec;
    this.#clock = clock;
    this.#watched = watched;
    this.drained = watched.drained;
    if (spec.timeoutMs > 0) this.#timer = clock.timer(spec.timeoutMs, () => this.stop("timeout"));
    this.ended = this.#end();
  }

  async #end(): Promise<Ending> {
    const { child } = this.#watched;
    const ending = await new Promise<Omit<Ending, "stop" | "wasKilled" | "passedOn">>((resolve) => {
      child.once("exit", (code, signal) => resolve({ code, signal, unstarted: null }));
      child.once("error", (error) => {
        // Also emitted when a signal could not be sent, which `exit` follows.
        if (child.pid !== undefined) return;
        const [code, problem] = startFailure(error, this.#spec);
        resolve({ code: null, signal: null, unstarted: { code, problem } });
      });
    });
    this.#hasEnded = true;
    if (this.#stop !== null) await this.#endGroup();
    this.#timer?.[Symbol.dispose]();
    await this.#lastOutput();
    return { ...ending, stop: this.#stop, wasKilled: this.#wasKilled, passedOn: this.#passedOn };
  }

  /** What was asked to end with the program gets the rest of the grace period. */
  async #endGroup(): Promise<void> {
    const { child, isGroup } = this.#watched;
    if (!isGroup || child.pid === undefined) return;
    while (!this.#isOver && isGroupAlive(child.pid)) await this.#clock.sleep(GROUP_POLL_MS);
  }

  async #lastOutput(): Promise<void> {
    const late = this.#clock.sleep(LAST_OUTPUT_MS, this.#enough.signal).then(
      () => true,
      () => true,
    );
    const isLate = await Promise.race([late, this.drained.then(() => false)]);
    this.#enough.abort();
    // What ended against its will leaves nobody behind whose output counts.
    if (isLate && (this.#stop !== null || this.#passedOn !== null))
      for (const source of this.#watched.sources) source?.destroy();
  }

  pass(signal: NodeJS.Signals): void {
    const { isGroup, child } = this.#watched;
    if (this.#hasEnded) {
      if (isStop(signal)) this.#enough.abort();
      return;
    }
    if (isStop(signal)) this.#passedOn = signal;
    // The terminal has sent these keys to the program as well; twice means "now" to many.
    const fromKeyboard = signal === "SIGINT" || signal === "SIGQUIT";
    if (!isGroup && fromKeyboard && isForeground()) return;
    // As a terminal does, and GNU timeout: all of the job is asked to end. Other signals mean something to the program alone.
    if (isGroup && isStop(signal)) this.#signal(signal);
    else child.kill(signal);
  }

  stop(why: "timeout" | "cancel"): void {
    if (this.#hasEnded || this.#stop !== null) return;
    this.#stop = why;
    this.#timer?.[Symbol.dispose]();
    this.#signal("SIGTERM");
    // A stopped process would not notice before it is continued. Source: GNU coreutils, timeout.c.
    if (process.platform !== "win32") this.#signal("SIGCONT");
    this.#timer = this.#clock.timer(this.#spec.graceMs, () => {
      this.#isOver = true;
      this.#wasKilled = !this.#hasEnded;
      this.#signal("SIGKILL");
    });
  }

  /** To the whole group where it has one. */
  #signal(signal: NodeJS.Signals): void {
    const { isGroup, child } = this.#watched;
    if (child.pid === undefined) return;
    try {
      if (isGroup) process.kill(-child.pid, signal);
      else child.kill(signal);
    } catch {
      // ESRCH: all have ended.
    }
  }
}

/** How messages call the program. */
export const programName = (program: string): string => basename(program) || program;
