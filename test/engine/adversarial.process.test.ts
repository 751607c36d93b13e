import { spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { loadConfig } from "../../src/config/load.ts";
import { openCore } from "../../src/hub.ts";

let home: string;
beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), "bellhop-adversarial-"));
});
afterEach(() => rmSync(home, { recursive: true, force: true }));

/** Runs the program to its end: how it ended, and what it said. */
async function run(mode: string): Promise<{ readonly end: number | string | null; readonly said: string }> {
  const env = { ...process.env, BELLHOP_HOME: home, BELLHOP_KEYCHAIN: "off", BELLHOP_LOG_LEVEL: "silent" };
  const program = join(import.meta.dirname, "adversarial-program.ts");
  const child = spawn(process.execPath, [program, mode], { env, stdio: ["ignore", "pipe", "ignore"] });
  let said = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => (said += text));
  const end = await new Promise<number | string | null>((resolve) =>
    child.on("close", (code, signal) => resolve(signal ?? code)),
  );
  return { end, said: said.trim() };
}

async function statesOf(): Promise<readonly string[]> {
  await using core = await openCore(loadConfig({ flags: { home, keychain: "off" }, env: {} }));
  const [flowRun] = await core.store.runs.listFlowRuns();
  if (flowRun === undefined) return [];
  return (await core.store.runs.listStates({ flowRunId: flowRun.id })).map(({ state }) => state.name);
}

const COMPLETED = ["Pending", "Running", "Completed"];
const CRASHED = ["Pending", "Running", "Crashed"];

describe("a process that ends at a bad moment", () => {
  it.each([
    { mode: "exit in onCompletion", end: 4, said: "", states: COMPLETED },
    { mode: "exit in onRunning", end: 4, said: "", states: CRASHED },
    { mode: "exit in onCrashed", end: 4, said: "", states: CRASHED },
    { mode: "exit in a handler", end: 4, said: "", states: CRASHED },
    { mode: "uncaught in the last commit", end: 1, said: "completed", states: COMPLETED },
    { mode: "SIGTERM in the last commit", end: "SIGTERM", said: "completed", states: COMPLETED },
    { mode: "SIGTERM in the last hook", end: "SIGTERM", said: "completed", states: COMPLETED },
    { mode: "SIGTERM while tried for ever", end: "SIGTERM", said: "crashed", states: CRASHED },
    // What Node says of a program whose top-level await never settles.
    { mode: "a future that nobody ends", end: 13, said: "", states: CRASHED },
  ])("leaves one end of its run, and the right one: $mode", async ({ mode, end, said, states }) => {
    expect(await run(mode)).toEqual({ end, said });
    expect(await statesOf()).toEqual(states);
  });

  it("leaves one end, whichever came first: an uncaught error right after the body", async () => {
    expect((await run("uncaught after the body")).end).toBe(1);
    expect((await statesOf()).filter((name) => name === "Completed" || name === "Crashed")).toHaveLength(1);
  });
});
