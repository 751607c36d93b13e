// Runs in front of every test file: a file may not write to the console, nor leave a server or a child process behind.
import { afterAll, beforeAll, expect } from "vitest";

const METHODS = ["log", "info", "warn", "error", "debug"] as const;
/** What must be gone when a file ends. Timers and sockets of a keep-alive pool end by themselves soon after. */
const LASTING = new Set(["TCPServerWrap", "PipeServerWrap", "ProcessWrap", "FSEventWrap"]);

const lasting = (): string[] => process.getActiveResourcesInfo().filter((kind) => LASTING.has(kind));

// A test that opens the default home would write into the home of whoever runs it: this one cannot be opened.
process.env["BELLHOP_HOME"] = "/dev/null/no-default-home";

const written: string[] = [];
const originals = METHODS.map((method) => [method, console[method]] as const);
let before: readonly string[] = [];

beforeAll(() => {
  before = lasting();
  written.length = 0;
  for (const method of METHODS)
    console[method] = (...words: unknown[]) => void written.push(`${method}: ${words.join(" ")}`);
});

afterAll(async () => {
  for (const [method, original] of originals) console[method] = original;
  // Handles that were closed in the last test's clean-up go away in the next turns of the loop.
  for (let turn = 0; turn < 50 && lasting().length > before.length; turn += 1)
    await new Promise((resolve) => setImmediate(resolve));
  expect(written, "console output").toEqual([]);
  expect(lasting().length, `left open: ${lasting().join(", ")}`).toBeLessThanOrEqual(before.length);
});
