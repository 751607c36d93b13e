// The traps, and the rows of the table of situations, that need a process that ends.
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { text } from "node:stream/consumers";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { cancelFlowRun, type Hub, loadConfig, openHub, withHub } from "../../src/index.ts";
import { names } from "./kit.ts";

let home: string;
const started: ChildProcess[] = [];
beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), "bellhop-traps-"));
});
afterEach(() => {
  for (const child of started.splice(0)) child.kill("SIGKILL");
  rmSync(home, { recursive: true, force: true });
});

function start(mode: string) {
  const env = { ...process.env, BELLHOP_HOME: home, BELLHOP_KEYCHAIN: "off", BELLHOP_LOG_LEVEL: "silent" };
  const child = spawn(process.execPath, [join(import.meta.dirname, "traps-program.ts"), mode], {
    env,
    stdio: ["ignore", "pipe", "pipe"],
  });
  started.push(child);
  const errors = text(child.stderr);
  const said: string[] = [];
  const lines = createInterface(child.stdout).on("line", (line) => said.push(line));
  const closed = once(lines, "close");
  // The arguments of the event are these two.
  const exit = once(child, "close") as Promise<[code: number | null, signal: NodeJS.Signals | null]>;
  return {
    child,
    said,
    /** How it ended, when all it said is here. */
    ended: closed.then(() => exit),
    ready: async () => {
      const early = closed.then(async () => {
        throw new Error(`ended before it was ready: ${await errors}`);
      });
      early.catch(() => undefined);
      while (!said.includes("ready")) await Promise.race([once(lines, "line"), early]);
    },
  };
}

/** What was said by hooks of flows. */
const byFlows = (said: readonly string[]): string[] =>
  said.filter((line) => /^(inner|outer|done|swallowing) /.test(line));

/** The next process on the same store. */
const next = (): Promise<Hub> => openHub(loadConfig({ flags: { home, keychain: "off" }, env: {} }));

async function left(hub: Hub): Promise<Record<string, string[]>> {
  const flowRuns = await hub.runs.listFlowRuns();
  const histories: Record<string, string[]> = {};
  for (const { id, flowName } of flowRuns) {
    histories[flowName] = (await hub.runs.listStates({ flowRunId: id })).map(({ state }) => state.name);
    for (const step of await hub.runs.listTaskRuns(id))
      histories[step.taskName] ??= (await hub.runs.listStates({ taskRunId: step.id })).map(({ state }) => state.name);
  }
  return histories;
}

const CRASHED = names("Pending Running Crashed");

describe("trap", () => {
  it("7: a hook that exits the process, or throws, changes neither the outcome nor the exit code", async () => {
    const exits = start("exit-in-hook");
    expect(await exits.ended).toEqual([0, null]);
    const throws = start("error-in-hook");
    expect(await throws.ended).toEqual([0, null]);

    expect([...exits.said, ...throws.said]).toEqual(["done Completed"]);
    await using hub = await next();
    const histories = await Promise.all(
      (await hub.runs.listFlowRuns()).map(async ({ id }) =>
        (await hub.runs.listStates({ flowRunId: id })).map(({ state }) => state.name),
      ),
    );
    expect(histories).toEqual([names("Pending Running Completed"), names("Pending Running Completed")]);
  });

  it("18: a run whose code swallows every error is ended by a signal all the same", async () => {
    const program = start("swallows-calls");
    await program.ready();
    program.child.kill("SIGTERM");

    expect(await program.ended).toEqual([null, "SIGTERM"]);
    expect(byFlows(program.said)).toEqual(["swallowing Crashed"]);
  });

  it("20: a run that another process cancels: its own process runs onCancellation, once, and nobody runs onCrashed", async () => {
    const program = start("nested");
    await program.ready();
    await using hub = await next();
    const [outer] = await hub.runs.listFlowRuns({ flowName: "outer" });
    await withHub(hub, () => cancelFlowRun(outer?.id ?? ""));
    await program.ended;

    expect(byFlows(program.said)).toEqual(["inner Cancelling", "outer Cancelling"]);
    await hub.sweep();
    expect(await hub.store.outbox.list()).toEqual([]);
    expect(await left(hub)).toMatchObject({
      outer: names("Pending Running Cancelling Cancelled"),
      inner: names("Pending Running Cancelling Cancelled"),
      work: names("Pending Running Cancelled"),
    });
  });

  it("20: a run whose process crashed by itself owes its notification once, however many others look after it", async () => {
    await start("system-exit").ended;
    await using hub = await next();
    await hub.sweep();
    await using another = await next();
    await another.sweep();

    // One for each of the two flows.
    expect(await hub.store.outbox.list()).toHaveLength(2);
  });

  it("21, D16: a signal that comes after the final state changes nothing, and neither does the next process", async () => {
    const program = start("slow-last-hook");
    await program.ready();
    program.child.kill("SIGTERM");

    expect(await program.ended).toEqual([null, "SIGTERM"]);
    expect(program.said).toEqual(["ready", "hook done"]);
    await using hub = await next();
    expect((await hub.sweep()).crashed).toEqual([]);
    expect(await left(hub)).toMatchObject({ done: names("Pending Running Completed") });
  });
});

describe("when hooks fire", () => {
  it.each(["SIGTERM", "SIGINT"] as const)(
    "%s without the wish to cancel: onCrashed of every active flow run, innermost first, and not onCancellation",
    async (signal) => {
      const program = start("nested");
      await program.ready();
      program.child.kill(signal);

      expect(await program.ended).toEqual([null, signal]);
      expect(program.said).toEqual(["work runs", "ready", "inner Crashed", "outer Crashed"]);
      await using hub = await next();
      expect(await left(hub)).toMatchObject({ outer: CRASHED, inner: CRASHED, work: CRASHED });
    },
  );

  it("SIGTERM with the wish to cancel: onCancellation, innermost first, and not onCrashed", async () => {
    const program = start("nested");
    await program.ready();
    await using hub = await next();
    const [outer] = await hub.runs.listFlowRuns({ flowName: "outer" });
    await withHub(hub, () => cancelFlowRun(outer?.id ?? ""));
    program.child.kill("SIGTERM");
    await program.ended;

    expect(byFlows(program.said)).toEqual(["inner Cancelling", "outer Cancelling"]);
    expect(await left(hub)).toMatchObject({
      outer: names("Pending Running Cancelling Cancelled"),
      inner: names("Pending Running Cancelling Cancelled"),
    });
  });

  it("SystemExit in a task: the task and every flow crash, and onCrashed runs, innermost first", async () => {
    const program = start("system-exit");

    expect(await program.ended).toEqual([1, null]);
    expect(program.said).toEqual(["work runs", "inner Crashed", "outer Crashed"]);
    await using hub = await next();
    expect(await left(hub)).toMatchObject({ outer: CRASHED, inner: CRASHED, work: CRASHED });
  });

  it("process.exit in a body: everything crashes, no function hook can run, and the declarative ones do", async () => {
    const program = start("exit-in-body");

    expect(await program.ended).toEqual([3, null]);
    expect(program.said).toEqual(["work runs"]);
    await using hub = await next();
    expect(await left(hub)).toMatchObject({ outer: CRASHED, inner: CRASHED, work: CRASHED });
    expect(await hub.store.outbox.list()).toHaveLength(2);
  });

  it("killed without a supervisor: no function hook, and the declarative ones once the next process looks", async () => {
    const program = start("nested");
    await program.ready();
    program.child.kill("SIGKILL");

    expect(await program.ended).toEqual([null, "SIGKILL"]);
    expect(byFlows(program.said)).toEqual([]);
    await using hub = await next();
    await hub.sweep();
    // The task run may have been killed before it was stored: task runs are written behind.
    expect(await left(hub)).toMatchObject({ outer: CRASHED, inner: CRASHED });
    expect(await hub.store.outbox.list()).toHaveLength(2);
  });
});
