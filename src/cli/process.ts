import { runCli } from "./run-cli.ts";
import { EXIT } from "./exit-code.ts";

/** A prompt or a progress line that was cut short must not leave the terminal changed. */
const SHOW_CURSOR = "\x1B[?25h";

/**
 * Runs the command line of this process. The first SIGINT or SIGTERM asks the command to stop and close what it has
 * open; a second one ends the process at once.
 */
export async function runProcess(words: readonly string[], env: NodeJS.ProcessEnv): Promise<void> {
  const abort = new AbortController();
  const onSignal = (name: "SIGINT" | "SIGTERM"): void => {
    const code = name === "SIGINT" ? EXIT.interrupted : EXIT.terminated;
    if (process.stderr.isTTY) process.stderr.write(`${SHOW_CURSOR}\n`);
    if (abort.signal.aborted) process.exit(code);
    abort.abort(name);
  };
  process.on("SIGINT", onSignal);
  process.on("SIGTERM", onSignal);
  try {
    process.exitCode = await runCli(words, {
      // Opened by the first command that asks for it: most need none, and a terminal or a pipe takes 2 ms to open.
      get stdin() {
        return process.stdin;
      },
      stdout: process.stdout,
      stderr: process.stderr,
      env,
      program: process.argv[1] ?? "bellhop",
      signal: abort.signal,
    });
    // One turn for warnings that were just emitted.
    await new Promise<void>((resolve) => setImmediate(resolve));
    // Everything that must be closed is closed. An interrupted command may have left a request or a prompt behind; and
    // a process that is told to end is gone 5 ms before one that finds nothing more to do, unless a pipe is slow.
    const written = process.stdout.writableLength === 0 && process.stderr.writableLength === 0;
    if (abort.signal.aborted || written) process.exit(process.exitCode);
  } finally {
    process.off("SIGINT", onSignal);
    process.off("SIGTERM", onSignal);
  }
}
