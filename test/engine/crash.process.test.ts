import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { loadConfig } from "../../src/config/load.ts";
import { openCore } from "../../src/hub.ts";

let home: string;
beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), "bellhop-crash-"));
});
afterEach(() => rmSync(home, { recursive: true, force: true }));

interface Program {
  readonly child: ChildProcess;
  readonly lines: string[];
  readonly errors: () => string;
  readonly said: (line: string) => Promise<void>;
  readonly ended: Promise<{ readonly code: number | null; readonly signal: NodeJS.Signals | null }>;
}

function start(mode: string): Program {
  const program = join(import.meta.dirname, "crashing-program.ts");
  const env = { ...process.env, BELLHOP_HOME: home, BELLHOP_KEYCHAIN: "off", BELLHOP_LOG_LEVEL: "silent" };
  const child = spawn(process.execPath, [program, mode], { env, stdio: ["ignore", "pipe", "pipe"] });
  const lines: string[] = [];
  let errors = "";
  const waiting: (() => void)[] = [];
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    lines.push(...text.split("\n").filter((line) => line !== ""));
    for (const check of waiting) check();
  });
  child.stderr.setEncoding("utf8").on("data", (text: string) => (errors += text));
  const ended = new Promise<{ code: number | null; signal: NodeJS.Signals | null }>((resolve) =>
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

interface Stored {
  readonly state: string;
  readonly message: string | null;
}

/** How the runs and deliveries look to the next process. */
async function stored(): Promise<{
  readonly runs: Record<string, Stored>;
  readonly tasks: string[];
  readonly owed: number;
}> {
  await using core = await openCore(loadConfig({ flags: { home, keychain: "off" }, env: {} }));
  const { runs, outbox } = core.store;
  const flowRuns = await runs.listFlowRuns();
  const tasks = await Promise.all(flowRuns.map(({ id }) => runs.listTaskRuns(id)));
  return {
    runs: Object.fromEntries(
      flowRuns.map(({ flowName, state }) => [flowName, { state: state.name, message: state.message }]),
    ),
    tasks: tasks
      .flat()
      .map(({ taskName, state }) => `${taskName} ${state.name}`)
      .toSorted(),
    owed: (await outbox.list()).length,
  };
}

const ALL_CRASHED = ["inner Crashed", "work Crashed"];

describe("a process that ends under its runs", () => {
  it.each([
    ["process-exit", 3, "exited with code 3"],
    ["exit-code-0", 0, "exited with code 0"],
    ["never-settles", 13, "nothing left to wait for"],
  ] as const)(
    "by %s stores them as Crashed with the notifications they owe, and runs no function",
    async (mode, code, words) => {
      const program = start(mode);

      expect(await program.ended).toMatchObject({ code });
      const { runs, tasks, owed } = await stored();
      expect(runs).toMatchObject({
        outer: { state: "Crashed", message: expect.stringContaining(words) },
        inner: { state: "Crashed" },
      });
      expect(tasks).toEqual(ALL_CRASHED);
      expect(owed).toBe(2);
      expect(program.lines.filter((line) => line !== "ready")).toEqual([]);
    },
  );

  it("by SystemExit runs the hooks, innermost first, and ends as an unhandled error does", async () => {
    const program = start("system-exit");

    expect((await program.ended).code).toBe(1);
    expect(program.lines).toEqual(["inner Flow run crashed with SystemExit: on purpose", "outer crashed"]);
    expect((await stored()).tasks).toEqual(ALL_CRASHED);
  });

  it.each([
    ["SIGINT", "was interrupted"],
    ["SIGTERM", "termination request"],
    ["SIGHUP", "terminal closed"],
  ] as const)("by %s runs the hooks, innermost first, and then ends by that signal", async (signal, words) => {
    const program = start("hang");
    await program.said("ready");

    program.child.kill(signal);

    expect(await program.ended).toEqual({ code: null, signal });
    expect(program.lines).toEqual(["ready", expect.stringMatching(`^inner .*${words}`), "outer crashed"]);
    const { runs, tasks, owed } = await stored();
    expect(runs).toMatchObject({
      outer: { state: "Crashed" },
      inner: { state: "Crashed", message: expect.stringContaining(words) },
    });
    expect(tasks).toEqual(ALL_CRASHED);
    expect(owed).toBe(2);
  });

  it("by an uncaught exception runs the hooks and then ends as Node does", async () => {
    const program = start("uncaught");

    expect((await program.ended).code).toBe(1);
    expect(program.lines).toEqual(["ready", expect.stringContaining("outside of any promise"), "outer crashed"]);
    expect(program.errors()).toContain("TypeError: outside of any promise");
  });

  it("does not wait for a hanging hook when the signal comes a second time", async () => {
    const program = start("hook-hangs");
    await program.said("ready");

    program.child.kill("SIGTERM");
    await program.said("outer crashed");
    program.child.kill("SIGTERM");

    expect(await program.ended).toEqual({ code: null, signal: "SIGTERM" });
    expect((await stored()).runs).toMatchObject({ outer: { state: "Crashed" } });
  });
});
