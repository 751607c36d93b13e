import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { stateError } from "../../src/states/state-error.ts";
import { openRuns } from "../support/runs.ts";

const PROGRAM = fileURLToPath(new URL("results-program.ts", import.meta.url));

let test: Awaited<ReturnType<typeof openRuns>>;
beforeEach(async () => {
  test = await openRuns();
});
afterEach(() => test[Symbol.asyncDispose]());

async function run(mode: string): Promise<number | null> {
  const env = {
    PATH: process.env["PATH"],
    BELLHOP_HOME: test.home,
    BELLHOP_KEYCHAIN: "off",
    BELLHOP_LOG_LEVEL: "silent",
  };
  const args = ["--conditions=bellhop-source", PROGRAM, mode, test.home];
  const child = spawn(process.execPath, args, { env, stdio: ["ignore", "inherit", "inherit"] });
  return (await once(child, "close"))[0];
}

const journal = (): string[] => readFileSync(join(test.home, "journal"), "utf8").trimEnd().split("\n");

describe("the result of a run of another process", () => {
  it("is loaded when it is asked for", async () => {
    expect(await run("leaves")).toBe(0);

    const { state } = await test.stored.flowRun("leaves");
    expect(state.peek()).toBeUndefined();
    expect(await state.result()).toEqual({
      by: expect.any(Number),
      at: new Date(0),
      all: new Map([["a", 1n]]),
    });
    expect(await (await test.stored.taskRuns("leaves"))[0]?.state.result()).toMatchObject({ at: new Date(0) });
  });

  it("is the error that it threw", async () => {
    expect(await run("fails")).toBe(0);

    const { state } = await test.stored.flowRun("fails");
    const failure = await state.result().catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(RangeError);
    expect(failure).toMatchObject({ message: "too far", cause: "a wall", metres: 3 });
    expect(await state.result({ raiseOnFailure: false })).toBe(stateError(state));
  });

  it("takes the place of a task's body", async () => {
    expect(await run("leaves")).toBe(0);
    expect(await run("leaves")).toBe(0);

    expect(await test.stored.taskStates("leaves")).toEqual(["Pending", "Running", "Cached"]);
    expect(journal()).toHaveLength(1);
  });
});

describe("a SERIALIZABLE transaction in several processes at once", () => {
  it("does its work once: the others wait and find it", async () => {
    expect(await Promise.all([run("once"), run("once"), run("once")])).toEqual([0, 0, 0]);

    const lines = journal();
    const [, pid] = (lines[0] ?? "").split(" ");
    expect(lines).toEqual([`block ${pid}`, `task ${pid}`, `found ${pid}`, `found ${pid}`]);
    expect(await test.stored.flowStates("once")).toEqual(["Pending", "Running", "Completed"]);
  });
});
