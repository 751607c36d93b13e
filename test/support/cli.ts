import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { PassThrough, Writable } from "node:stream";
import { type CliIo, runCli } from "../../src/cli/run-cli.ts";

export interface CliResult {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface CliOptions {
  /** What is piped in; nothing by default. */
  readonly stdin?: string;
  readonly env?: NodeJS.ProcessEnv;
  readonly signal?: AbortSignal;
  /** stdout is a terminal of this width. */
  readonly columns?: number;
}

function sink(terminal: number | undefined): { stream: CliIo["stderr"]; text: () => string } {
  const chunks: string[] = [];
  const stream = new Writable({
    write(chunk: Buffer, _encoding, done) {
      chunks.push(chunk.toString("utf8"));
      done();
    },
  });
  return {
    stream: Object.assign(stream, terminal === undefined ? {} : { isTTY: true, columns: terminal }),
    text: () => chunks.join(""),
  };
}

/** Runs a command line in this process, with everything from outside given. The key comes from the environment. */
export async function cli(words: readonly string[], options: CliOptions = {}): Promise<CliResult> {
  const stdin = new PassThrough();
  stdin.end(options.stdin ?? "");
  const [stdout, stderr] = [sink(options.columns), sink(undefined)];
  const code = await runCli(words, {
    stdin,
    stdout: stdout.stream,
    stderr: stderr.stream,
    env: { CI: "true", BELLHOP_KEYCHAIN: "off", ...options.env },
    program: "/usr/bin/bellhop",
    signal: options.signal ?? new AbortController().signal,
  });
  return { code, stdout: stdout.text(), stderr: stderr.text() };
}

/** A BELLHOP_HOME of its own, removed when disposed. */
export async function temporaryHome(): Promise<AsyncDisposable & { readonly path: string }> {
  const path = await mkdtemp(join(tmpdir(), "bellhop-cli-test-"));
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }) };
}
