import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { cli, temporaryHome } from "../support/cli.ts";
import { type Program, startProgram } from "../support/program.ts";

let home: Awaited<ReturnType<typeof temporaryHome>>;
let program: Program;
beforeEach(async () => {
  home = await temporaryHome();
  await cli(["block", "save", "inbox/ops", "--home", home.path]);
});
afterEach(async () => {
  program.child.kill("SIGKILL");
  await program.ended;
  await home[Symbol.asyncDispose]();
});

async function start(mode: string): Promise<void> {
  program = startProgram(join(import.meta.dirname, "controlled-program.ts"), [mode], home.path);
  await program.said("ready");
}

const bellhop = (...words: readonly string[]) => cli([...words, "--home", home.path]);

interface Inspected {
  readonly id: string;
  readonly state_name: string;
  readonly states: readonly { readonly name: string }[];
  readonly task_runs: readonly { readonly name: string; readonly state_name: string }[];
  readonly deliveries: readonly { readonly destination: string }[];
}

async function inspect(flowName: string): Promise<Inspected> {
  const [run] = JSON.parse((await bellhop("run", "ls", "--flow", flowName, "--json")).stdout) as { id: string }[];
  return JSON.parse((await bellhop("run", "inspect", run?.id ?? "", "--json")).stdout) as Inspected;
}

const cancel = async (...words: readonly string[]) => bellhop("run", "cancel", (await inspect("outer")).id, ...words);

describe("a run that is cancelled from another process", () => {
  it("is ended by its own process, with its hooks, and its caller gets an unhandled error", async () => {
    await start("hang");

    const { code, stdout } = await cancel("--wait", "30s", "--json");

    expect({ code, state: (JSON.parse(stdout) as Inspected).state_name }).toEqual({ code: 0, state: "Cancelled" });
    expect(await program.ended).toEqual({ code: 1, signal: null });
    expect(program.lines).toEqual(["ready", "aborted", "inner Cancelling", "outer Cancelling", "CancelledRun"]);
    const [outer, inner] = [await inspect("outer"), await inspect("inner")];
    expect(outer.states.map(({ name }) => name)).toEqual(["Pending", "Running", "Cancelling", "Cancelled"]);
    expect(outer.deliveries).toMatchObject([{ destination: "inbox/ops" }]);
    expect(outer.task_runs).toMatchObject([{ state_name: "Cancelled" }]);
    expect(inner.state_name).toBe("Cancelled");
    expect(inner.task_runs).toMatchObject([{ state_name: "Cancelled" }]);
    expect(JSON.parse((await bellhop("inbox", "ls", "--json")).stdout)).toHaveLength(1);
  });

  it("is Cancelled also when its process gets SIGTERM right after that", async () => {
    await start("hang");
    program.child.kill("SIGSTOP");
    await cancel();

    program.child.kill("SIGTERM");
    program.child.kill("SIGCONT");

    expect(await program.ended).toEqual({ code: null, signal: "SIGTERM" });
    expect(program.lines).toEqual(["ready", "aborted", "inner Cancelling", "outer Cancelling"]);
    const outer = await inspect("outer");
    expect(outer.states.map(({ name }) => name)).toEqual(["Pending", "Running", "Cancelling", "Cancelled"]);
    expect(outer.deliveries).toHaveLength(1);
    expect((await inspect("inner")).task_runs).toMatchObject([{ state_name: "Cancelled" }]);
  });

  it("is Cancelled by the next process when its own was killed while it cleaned up", async () => {
    await start("hook-hangs");
    await cancel();
    await program.said("outer Cancelling");
    program.child.kill("SIGKILL");
    await program.ended;

    await bellhop("sweep");

    const outer = await inspect("outer");
    expect(outer.states.map(({ name }) => name)).toEqual(["Pending", "Running", "Cancelling", "Cancelled"]);
    expect(outer.deliveries).toHaveLength(1);
    expect(outer.task_runs).toMatchObject([{ state_name: "Cancelled" }]);
  });

  it("takes what is inside it along when its process was killed before it noticed", async () => {
    await start("hang");
    // Task runs are written behind their process.
    while ((await inspect("inner")).task_runs[0]?.state_name !== "Running");
    program.child.kill("SIGSTOP");
    await cancel();
    program.child.kill("SIGKILL");
    await program.ended;

    await bellhop("sweep");

    expect((await inspect("outer")).state_name).toBe("Cancelled");
    const inner = await inspect("inner");
    expect(inner.state_name).toBe("Cancelled");
    expect(inner.task_runs).toMatchObject([{ state_name: "Cancelled" }]);
  });
});
