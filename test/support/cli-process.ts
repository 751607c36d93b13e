import { type ChildProcess, spawn } from "node:child_process";
import { join } from "node:path";
import { ROOT } from "./source-files.ts";

const MAIN = join(ROOT, "src/cli/main.ts");

export interface ProcessResult {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface RunningCli {
  readonly child: ChildProcess;
  /** Resolves as soon as what was printed so far (both streams) contains the text. */
  printed(text: string): Promise<void>;
  readonly ended: Promise<ProcessResult>;
}

interface StartOptions {
  readonly env?: NodeJS.ProcessEnv;
  readonly home?: string;
}

const environment = ({ env, home }: StartOptions): NodeJS.ProcessEnv => ({
  PATH: process.env["PATH"],
  HOME: home ?? "/nonexistent",
  TERM: "xterm",
  BELLHOP_KEYCHAIN: "off",
  ...(home === undefined ? {} : { BELLHOP_HOME: home }),
  ...env,
});

function watch(child: ChildProcess): RunningCli {
  let stdout = "";
  let stderr = "";
  const waiting = new Set<() => void>();
  const tell = (): void => {
    for (const check of waiting) check();
  };
  child.stdout?.on("data", (chunk: Buffer) => {
    stdout += chunk.toString("utf8");
    tell();
  });
  child.stderr?.on("data", (chunk: Buffer) => {
    stderr += chunk.toString("utf8");
    tell();
  });
  const ended = new Promise<ProcessResult>((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (code, signal) => resolve({ code, signal, stdout, stderr }));
  });
  return {
    child,
    ended,
    printed: (text) =>
      new Promise((resolve, reject) => {
        const check = (): void => {
          if ((stdout + stderr).includes(text)) {
            waiting.delete(check);
            resolve();
          }
        };
        waiting.add(check);
        void ended.then((result) => reject(new Error(`ended before it printed "${text}": ${JSON.stringify(result)}`)));
        check();
      }),
  };
}

/** Starts `bellhop` as its own process, with pipes. */
export const startCli = (words: readonly string[], options: StartOptions = {}): RunningCli =>
  watch(
    spawn(process.execPath, [MAIN, ...words], {
      cwd: ROOT,
      env: environment(options),
      stdio: ["pipe", "pipe", "pipe"],
    }),
  );

/** The same with everything piped in at once. */
export function runCliProcess(
  words: readonly string[],
  options: StartOptions & { readonly stdin?: string } = {},
): Promise<ProcessResult> {
  const running = startCli(words, options);
  running.child.stdin?.end(options.stdin ?? "");
  return running.ended;
}

const quote = (word: string): string => `'${word.replaceAll("'", `'\\''`)}'`;

/** Starts `bellhop` on a terminal of its own (util-linux `script`); both streams are what the terminal shows. */
export const startOnTerminal = (words: readonly string[], options: StartOptions = {}): RunningCli =>
  watch(
    spawn("script", ["-qefc", [process.execPath, MAIN, ...words].map(quote).join(" "), "/dev/null"], {
      cwd: ROOT,
      env: environment(options),
      stdio: ["pipe", "pipe", "pipe"],
    }),
  );
