import { type ChildProcess, spawn } from "node:child_process";

export interface Program {
  readonly child: ChildProcess;
  /** What it printed so far. */
  readonly lines: string[];
  readonly errors: () => string;
  /** Resolves as soon as it has printed the line. */
  readonly said: (line: string) => Promise<void>;
  readonly ended: Promise<{ readonly code: number | null; readonly signal: NodeJS.Signals | null }>;
}

/** Starts a TypeScript program on this home, without a terminal. */
export function startProgram(path: string, words: readonly string[], home: string): Program {
  const env = { ...process.env, BELLHOP_HOME: home, BELLHOP_KEYCHAIN: "off", BELLHOP_LOG_LEVEL: "silent" };
  const child = spawn(process.execPath, [path, ...words], { env, stdio: ["ignore", "pipe", "pipe"] });
  const lines: string[] = [];
  let errors = "";
  let rest = "";
  const waiting: (() => void)[] = [];
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    const parts = (rest + text).split("\n");
    rest = parts.pop() ?? "";
    lines.push(...parts);
    for (const check of waiting) check();
  });
  child.stderr.setEncoding("utf8").on("data", (text: string) => (errors += text));
  const ended: Program["ended"] = new Promise((resolve) =>
    child.on("close", (code, signal) => resolve({ code, signal })),
  );
  const said = (line: string) =>
    new Promise<void>((resolve, reject) => {
      const check = (): void => (lines.includes(line) ? resolve() : undefined);
      waiting.push(check);
      check();
      void ended.then(() => reject(new Error(`ended without saying "${line}": ${errors}`)));
    });
  return { child, lines, errors: () => errors, said, ended };
}
