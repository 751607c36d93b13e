import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

const CHILD = fileURLToPath(new URL("store-child.ts", import.meta.url));

/** A process that works on a store. It waits for `start()`; disposing kills it. */
export interface StoreProcess extends Disposable {
  readonly child: ChildProcess;
  /** Values of the lines `<word> <value>` it has printed. */
  said(word: string): string[];
  /** Resolves at the `count`th line that begins with this word. */
  until(word: string, count?: number): Promise<void>;
  start(): void;
  /** Exit code, or the signal that ended it. */
  readonly ended: Promise<number | string>;
}

/**
 * `write`: `count` runs, one line `ack <run id>` after each is durable. `open`: one line `store <id>`.
 * `exit`: records a run, exits and commits another one on the way out.
 */
export function storeProcess(mode: "write" | "open" | "exit", path: string, count = 0): StoreProcess {
  const child = spawn(process.execPath, [CHILD, mode, path, String(count)], { stdio: ["pipe", "pipe", "inherit"] });
  const lines: string[] = [];
  const waiting: (() => void)[] = [];
  const reader = createInterface({ input: child.stdout });
  reader.on("line", (line) => {
    lines.push(line);
    for (const check of waiting) check();
  });
  const ended = once(child, "close").then(([code, signal]) => {
    for (const check of waiting) check();
    return code ?? signal;
  });
  const linesOf = (word: string): string[] => lines.filter((line) => line === word || line.startsWith(`${word} `));
  return {
    child,
    ended,
    said: (word) => linesOf(word).map((line) => line.slice(word.length + 1)),
    until: (word, wanted = 1) =>
      new Promise((resolve, reject) => {
        const check = (): void => {
          if (linesOf(word).length >= wanted) resolve();
          else if (child.exitCode !== null || child.signalCode !== null)
            reject(new Error(`it ended before saying "${word}" ${wanted} times`));
        };
        waiting.push(check);
        check();
      }),
    start: () => void child.stdin.write("go\n"),
    [Symbol.dispose]: () => void child.kill("SIGKILL"),
  };
}
