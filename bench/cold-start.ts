// How long a new process takes to print its version, and to get one Slack message accepted by a local sink.
import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { figure, type Figure } from "./support/figures.ts";

const ROOT = resolve(import.meta.dirname, "..");
const MAIN = join(ROOT, "dist/src/cli/main.js");
const RUNS = 25;

async function timed(args: readonly string[], env: NodeJS.ProcessEnv): Promise<number> {
  const begin = performance.now();
  const child = spawn(process.execPath, args, { env, stdio: ["ignore", "ignore", "pipe"] });
  let errors = "";
  child.stderr.on("data", (chunk: Buffer) => (errors += chunk.toString()));
  const [code] = await once(child, "exit");
  const ms = performance.now() - begin;
  if (code !== 0) throw new Error(`${args.join(" ")} ended with ${String(code)}: ${errors}`);
  return ms;
}

export async function run(report: (figure: Figure) => void): Promise<void> {
  execFileSync(process.execPath, [join(ROOT, "scripts/build.ts")], { stdio: ["ignore", "ignore", "inherit"] });
  const home = mkdtempSync(join(tmpdir(), "bellhop-bench-"));
  let received = 0;
  const sink = createServer((request, response) => {
    request.resume().on("end", () => {
      received += 1;
      response.end("ok");
    });
  }).listen(0, "127.0.0.1");
  await once(sink, "listening");
  try {
    const address = sink.address();
    if (address === null || typeof address === "string") throw new Error("the sink has no port");
    const env: NodeJS.ProcessEnv = {
      PATH: process.env["PATH"],
      HOME: home,
      BELLHOP_HOME: home,
      BELLHOP_KEYCHAIN: "off",
    };
    const url = `http://127.0.0.1:${address.port}/services/T0/B0/bench`;
    execFileSync(process.execPath, [MAIN, "block", "save", "slack-webhook/ops", "--set-from", "url=env:SINK_URL"], {
      env: { ...env, SINK_URL: url },
      stdio: ["ignore", "ignore", "inherit"],
    });
    const commands = {
      bare: ["-e", "0"],
      version: [MAIN, "--version"],
      notify: [MAIN, "notify", "slack-webhook/ops", "hello"],
      script: ["--input-type=module", "-e", script],
    };
    const samples: Record<keyof typeof commands, number[]> = { bare: [], version: [], notify: [], script: [] };
    for (let round = -2; round < RUNS; round += 1) {
      for (const [name, args] of Object.entries(commands)) {
        const ms = await timed(args, env);
        // The keys of `samples` and `commands` are the same set.
        if (round >= 0) samples[name as keyof typeof commands].push(ms);
      }
    }
    if (received !== 2 * (RUNS + 2)) throw new Error(`the sink got ${received} posts`);
    report(figure("cold-start", "version_ms", "ms", samples.version, samples.bare));
    report(figure("cold-start", "notify_ms", "ms", samples.notify, samples.bare));
    report(figure("cold-start", "notify_script_ms", "ms", samples.script, samples.bare));
  } finally {
    sink.close();
    rmSync(home, { recursive: true, force: true });
  }
}

/** The README's line as a program of its own, on the built package. */
const script = `import { Block } from ${JSON.stringify(join(ROOT, "dist/src/index.js"))}; await Block.load("slack-webhook/ops").notify("hello");`;
