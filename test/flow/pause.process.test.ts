import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { cli, temporaryHome } from "../support/cli.ts";
import { type Program, startProgram } from "../support/program.ts";

let home: Awaited<ReturnType<typeof temporaryHome>>;
let program: Program;
beforeEach(async () => {
  home = await temporaryHome();
});
afterEach(async () => {
  program.child.kill("SIGKILL");
  await program.ended;
  await home[Symbol.asyncDispose]();
});

const bellhop = (...words: readonly string[]) => cli([...words, "--home", home.path]);

interface Listed {
  readonly id: string;
  readonly state_name: string;
  readonly run_count: number;
}

async function newest(): Promise<Listed> {
  const [run] = JSON.parse((await bellhop("run", "ls", "--json")).stdout) as Listed[];
  if (run === undefined) throw new Error("no run is stored");
  return run;
}

/** The run, once it is paused. */
async function paused(): Promise<Listed> {
  program = startProgram(join(import.meta.dirname, "controlled-program.ts"), ["asking"], home.path);
  await program.said("ready");
  for (;;) {
    const run = await newest();
    if (run.state_name === "Paused") return run;
  }
}

describe("a run that waits for input in its process", () => {
  it("stays paused while the input does not fit, and goes on with it when it does", async () => {
    const { id } = await paused();

    const wrong = await bellhop("run", "resume", id, "--input", '{"approved":"perhaps"}');
    const right = await bellhop("run", "resume", id, "--input", '{"approved":true}', "--json");

    expect(wrong).toMatchObject({ code: 1, stdout: "" });
    expect(wrong.stderr).toContain("approved");
    expect(wrong.stderr).toContain('"type": "boolean"');
    expect(right.code).toBe(0);
    expect(JSON.parse(right.stdout)).toMatchObject({ state_name: "Running", run_count: 1 });
    expect(await program.ended).toEqual({ code: 0, signal: null });
    expect(program.lines).toEqual(["ready", '{"approved":true,"note":"none"}']);
    expect(await newest()).toMatchObject({ state_name: "Completed", run_count: 1 });
  });

  it("can be cancelled", async () => {
    const { id } = await paused();

    const { code } = await bellhop("run", "cancel", id, "--wait", "30s");

    expect(code).toBe(0);
    expect((await program.ended).code).toBe(1);
    expect(await newest()).toMatchObject({ state_name: "Cancelled" });
  });
});
