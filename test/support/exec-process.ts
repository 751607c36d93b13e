import { type ChildProcess, spawn } from "node:child_process";
import { join } from "node:path";
import { cli } from "./cli.ts";
import { ROOT } from "./source-files.ts";

const MAIN = join(ROOT, "src/cli/main.ts");

export interface ExecResult {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: Buffer;
  readonly stderr: string;
}

export interface RunningExec {
  readonly child: ChildProcess;
  /** Resolves as soon as what was printed so far (both streams) contains the text. */
  printed(text: string): Promise<void>;
  readonly ended: Promise<ExecResult>;
}

export interface ExecOptions {
  readonly env?: NodeJS.ProcessEnv;
  /** Both outputs into one pipe, as under cron. The result has all of it as stdout. */
  readonly isOnePipe?: boolean;
}

/** Starts `bellhop exec …` as cron would: no terminal, a session of its own. */
export function startExec(home: string, words: readonly string[], options: ExecOptions = {}): RunningExec {
  const main = [MAIN, "exec", ...words];
  const [program, args] =
    options.isOnePipe === true
      ? ["/bin/sh", ["-c", 'exec "$@" 2>&1', "sh", process.execPath, ...main]]
      : [process.execPath, main];
  const child = spawn(program, args, {
    cwd: ROOT,
    env: {
      PATH: process.env["PATH"],
      HOME: "/nonexistent",
      BELLHOP_KEYCHAIN: "off",
      BELLHOP_HOME: home,
      ...options.env,
    },
    stdio: ["ignore", "pipe", "pipe"],
    detached: true,
  });
  const stdout: Buffer[] = [];
  let stderr = "";
  let shown = "";
  const waiting = new Set<() => void>();
  const take = (chunk: Buffer): void => {
    shown = (shown + chunk.toString("utf8")).slice(-10_000);
    for (const check of waiting) check();
  };
  child.stdout.on("data", (chunk: Buffer) => {
    stdout.push(chunk);
    take(chunk);
  });
  child.stderr.on("data", (chunk: Buffer) => {
    stderr += chunk.toString("utf8");
    take(chunk);
  });
  const ended = new Promise<ExecResult>((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (code, signal) => resolve({ code, signal, stdout: Buffer.concat(stdout), stderr }));
  });
  const printed = (text: string): Promise<void> =>
    new Promise((resolve, reject) => {
      const check = (): void => {
        if (!shown.includes(text)) return;
        waiting.delete(check);
        resolve();
      };
      waiting.add(check);
      void ended.then((result) => reject(new Error(`ended before it printed "${text}": ${JSON.stringify(result)}`)));
      check();
    });
  return { child, ended, printed };
}

export const runExec = (home: string, words: readonly string[], options: ExecOptions = {}): Promise<ExecResult> =>
  startExec(home, words, options).ended;

/** A flow run as `--json` prints it, as far as the tests look. */
export interface ListedRun {
  readonly id: string;
  readonly flow_name: string;
  readonly tags: readonly string[];
  readonly state_type: string;
  readonly state_name: string;
  readonly state: { readonly message: string | null };
  readonly run_count: number;
  readonly parameters: Readonly<Record<string, unknown>>;
}

async function listed<T>(home: string, words: readonly string[]): Promise<T[]> {
  const { stdout } = await cli([...words, "--json", "--home", home]);
  return JSON.parse(stdout) as T[];
}

/** Newest first. */
export const runsIn = (home: string): Promise<ListedRun[]> => listed(home, ["run", "ls"]);

/** The newest run. */
export async function lastRun(home: string): Promise<ListedRun> {
  const [run] = await runsIn(home);
  if (run === undefined) throw new Error("no run is stored");
  return run;
}

/** What the inbox received, oldest first. */
export async function received(home: string): Promise<{ readonly title: string; readonly body: string }[]> {
  const messages = await listed<{ readonly title: string; readonly body: string }>(home, ["inbox", "ls"]);
  return messages.toReversed();
}

/** Ends a process group that a test left on purpose. */
export function endGroup(pid: number): void {
  try {
    process.kill(-pid, "SIGKILL");
  } catch {
    // It has ended.
  }
}
