import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { text } from "node:stream/consumers";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { loadConfig } from "../../src/config/load.ts";
import { openCore } from "../../src/hub.ts";

let home: string;
beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), "bellhop-ending-"));
});
afterEach(() => rmSync(home, { recursive: true, force: true }));

interface Program {
  readonly child: ChildProcess;
  readonly said: readonly string[];
  readonly errors: Promise<string>;
  readonly ended: Promise<readonly [code: number | null, signal: NodeJS.Signals | null]>;
  /** Resolves when the program says it. */
  readonly says: (line: string) => Promise<void>;
}

function start(mode: string): Program {
  const env = { ...process.env, BELLHOP_HOME: home, BELLHOP_KEYCHAIN: "off", BELLHOP_LOG_LEVEL: "silent" };
  const child = spawn(process.execPath, [join(import.meta.dirname, "ending-program.ts"), mode], { env, stdio: "pipe" });
  const said: string[] = [];
  const lines = createInterface(child.stdout).on("line", (line) => said.push(line));
  // The arguments of the event are these two.
  const ended = once(child, "close") as Promise<[number | null, NodeJS.Signals | null]>;
  const says = async (line: string): Promise<void> => {
    while (!said.includes(line)) await once(lines, "line");
  };
  return { child, said, errors: text(child.stderr), ended, says };
}

/** What the next process finds. */
async function left(): Promise<{ readonly deliveries: string[]; readonly leases: number; readonly runs: string[] }> {
  await using core = await openCore(loadConfig({ flags: { home, keychain: "off" }, env: {} }));
  const { outbox, leases, runs } = core.store;
  return {
    deliveries: (await outbox.list()).map(({ status, attempts }) => `${status} ${attempts}`),
    leases: (await leases.others("none")).length,
    runs: (await runs.listFlowRuns({ limit: 200 })).map(({ flowName, state }) => `${flowName} ${state.name}`),
  };
}

describe("messages of a process that ends", () => {
  it.each([
    ["a failure that nobody caught", "awaited", ["delivered 1"]],
    ["failures that nobody waited for", "forgotten", ["delivered 1", "delivered 1"]],
    ["an error right after the flow", "throws-later", ["delivered 1"]],
  ] as const)("by %s are sent, and the error ends it as ever", async (_, mode, deliveries) => {
    const program = start(mode);

    expect(await program.ended).toEqual([1, null]);
    expect(await program.errors).toContain("Error: oops!");
    expect(await left()).toMatchObject({ deliveries, leases: 0 });
  });

  it.each(["SIGINT", "SIGTERM"] as const)("by %s are sent before it ends by that signal", async (signal) => {
    const program = start("in-body");
    await program.says("ready");

    program.child.kill(signal);

    expect(await program.ended).toEqual([null, signal]);
    expect(await left()).toMatchObject({ deliveries: ["delivered 1"], leases: 0 });
  });
});

describe("a process that is told to stop", () => {
  it("lets the hook of a run that had just ended finish", async () => {
    const program = start("in-hook");
    await program.says("ready");

    program.child.kill("SIGTERM");

    expect(await program.ended).toEqual([null, "SIGTERM"]);
    expect(program.said).toContain("hook done");
    expect(await left()).toEqual({ deliveries: ["delivered 1"], leases: 0, runs: ["failing Failed"] });
  });

  it("does not go on with the code behind the run", async () => {
    const program = start("next-run");
    await program.says("ready");

    program.child.kill("SIGTERM");

    expect(await program.ended).toEqual([null, "SIGTERM"]);
    expect(program.said).not.toContain("went on");
  });

  it("starts no further run and leaves none open", async () => {
    const program = start("other-runs");
    await program.says("ready");

    program.child.kill("SIGTERM");

    expect(await program.ended).toEqual([null, "SIGTERM"]);
    const open = (await left()).runs.filter((run) => !/ (?:Completed|Crashed)$/.test(run));
    expect(open).toEqual([]);
  });
});

describe("an uncaught error", () => {
  it("ends the process also when a hook can never settle", async () => {
    const program = start("hook-never-settles");

    expect(await program.ended).toEqual([1, null]);
    expect(await program.errors).toContain("oops! outside");
    expect((await left()).deliveries).toEqual(["delivered 1"]);
  });
});
