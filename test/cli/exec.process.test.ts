import { chmod, mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { cli, temporaryHome } from "../support/cli.ts";
import { lastRun, received, runExec, runsIn } from "../support/exec-process.ts";

let home: Awaited<ReturnType<typeof temporaryHome>>;
beforeEach(async () => {
  home = await temporaryHome();
  await cli(["block", "save", "inbox/ops", "--home", home.path]);
});
afterEach(() => home[Symbol.asyncDispose]());

const words = (line: string): string[] => line.split(" ");
const sh = (script: string): string[] => ["--", "/bin/sh", "-c", script];

describe("bellhop exec", () => {
  it("makes a run Completed that exits with code 0, and tells who wanted to know", async () => {
    const result = await runExec(home.path, [
      "--name",
      "nightly",
      "--tag",
      "db",
      "--tag",
      "eu",
      "--on-completion",
      "inbox/ops",
      "--on-failure",
      "inbox/ops",
      ...sh("echo done"),
    ]);

    expect(result).toMatchObject({ code: 0, stderr: "" });
    expect(result.stdout.toString()).toBe("done\n");
    expect(await lastRun(home.path)).toMatchObject({
      flow_name: "nightly",
      tags: ["db", "eu"],
      state_name: "Completed",
      run_count: 1,
      parameters: { command: ["/bin/sh", "-c", "echo done"] },
    });
    expect((await received(home.path)).map(({ title }) => title)).toEqual([
      expect.stringMatching(/^nightly\/.* completed/),
    ]);
  });

  it("makes a run Failed that exits with another code, and tells its last lines of both outputs", async () => {
    const result = await runExec(home.path, [
      "--on-failure",
      "inbox/ops",
      ...sh("for i in 1 2 3 4 5 6 7 8 9; do echo line $i; done; echo broken >&2; exit 3"),
    ]);

    const run = await lastRun(home.path);
    expect(result).toMatchObject({ code: 3, signal: null, stderr: "broken\n" });
    expect(run).toMatchObject({ flow_name: "sh", state_type: "FAILED", state_name: "Failed" });
    expect(run.state.message).toMatch(/^The program exited with code 3\.\n[^]*line 9/);
    const [message] = await received(home.path);
    expect(message?.title).toMatch(/^sh\/.* failed: sh: exited with code 3$/);
    expect(message?.body).toContain("line 9");
    expect(message?.body).toContain("broken");
    expect(message?.body).not.toContain("line 1\n");
  });

  it.each([
    ["kills itself", "kill -KILL $$", 137, "SIGKILL (killed; often by the kernel, out of memory)"],
    ["has a bug", "kill -SEGV $$", 139, "SIGSEGV (invalid memory access; a bug in the program)"],
  ])("makes a run Crashed that %s, explains it, and exits with 128 and the signal", async (_, script, code, text) => {
    const result = await runExec(home.path, ["--on-crashed", "inbox/ops", "--retries", "2", ...sh(script)]);

    expect(result).toMatchObject({ code, signal: null });
    expect(await lastRun(home.path)).toMatchObject({
      state_name: "Crashed",
      run_count: 1,
      state: { message: `The program was ended by ${text}.` },
    });
    expect((await received(home.path))[0]?.title).toContain("crashed: sh: was ended by SIG");
  });

  it("ends by SIGTERM when that ended the program, so that its caller sees the same", async () => {
    const result = await runExec(home.path, sh("kill -TERM $$"));

    expect(result).toMatchObject({ code: null, signal: "SIGTERM" });
    expect(await lastRun(home.path)).toMatchObject({
      state_name: "Crashed",
      state: { message: "The program was ended by SIGTERM (terminated; somebody asked it to end)." },
    });
  });

  it("says with 127, as a failed run, that there is no such program, and does not try again", async () => {
    const result = await runExec(home.path, ["--on-failure", "inbox/ops", "--retries", "3", "--", "no-such-program"]);

    expect(result.code).toBe(127);
    expect(result.stderr).toMatch(/^bellhop exec: the program could not be started: no-such-program was not found/);
    const run = await lastRun(home.path);
    expect(run).toMatchObject({ state_name: "Failed", run_count: 1 });
    expect(run.state.message).toContain("no-such-program was not found in PATH");
    expect(await received(home.path)).toHaveLength(1);
  });

  it.each([
    ["a path that leads nowhere", "missing", 127, "does not exist"],
    ["a file that is not executable", "plain.txt", 126, "is not executable (permission denied)"],
    ["a script whose interpreter is missing", "script", 126, "the interpreter in the first line"],
  ])("tells %s from a program that fails", async (_, file, code, text) => {
    await writeFile(join(home.path, "plain.txt"), "words");
    await writeFile(join(home.path, "script"), "#!/no/such/interpreter\n");
    await chmod(join(home.path, "script"), 0o755);

    const result = await runExec(home.path, ["--", join(home.path, file)]);

    expect(result.code).toBe(code);
    expect((await lastRun(home.path)).state.message).toContain(text);
  });

  it("runs the program in the folder of --cwd, and says with 125 that there is none", async () => {
    await mkdir(join(home.path, "work"));

    const found = await runExec(home.path, ["-C", join(home.path, "work"), "--", "/bin/pwd"]);
    const missing = await runExec(home.path, ["--cwd", join(home.path, "nowhere"), "--", "/bin/pwd"]);

    expect(found.stdout.toString()).toBe(`${join(home.path, "work")}\n`);
    expect(missing.code).toBe(125);
    expect((await lastRun(home.path)).state.message).toContain("there is no folder");
  });

  it("tries again, tells of each retry, and of the failure once", async () => {
    const counter = join(home.path, "attempts");
    const result = await runExec(home.path, [
      ...words("--retries 2 --retry-delay 500ms --on-retry inbox/ops --on-failure inbox/ops"),
      ...sh(`echo x >> ${counter}; exit 7`),
    ]);

    expect(result.code).toBe(7);
    expect(await lastRun(home.path)).toMatchObject({ state_name: "Failed", run_count: 3 });
    expect((await received(home.path)).map(({ title }) => /attempt \d of \d|failed:/.exec(title)?.[0])).toEqual([
      "attempt 2 of 3",
      "attempt 3 of 3",
      "failed:",
    ]);
  });

  it("completes after a retry that succeeds, and exits with the code of the last attempt", async () => {
    const mark = join(home.path, "mark");
    const result = await runExec(home.path, [
      ...words("--retries 1 --on-problem inbox/ops"),
      ...sh(`test -e ${mark} && exit 0; touch ${mark}; exit 1`),
    ]);

    expect(result.code).toBe(0);
    expect(await lastRun(home.path)).toMatchObject({ state_name: "Completed", run_count: 2 });
    expect(await received(home.path)).toEqual([]);
  });

  it("ends what takes too long, the whole process group, and exits with 124", async () => {
    const result = await runExec(home.path, [
      ...words("--timeout 300ms --on-problem inbox/ops"),
      ...sh("sleep 1000 & echo begun; wait"),
    ]);

    expect(result).toMatchObject({ code: 124, signal: null });
    expect(result.stdout.toString()).toBe("begun\n");
    expect(await lastRun(home.path)).toMatchObject({
      state_type: "FAILED",
      state_name: "TimedOut",
      state: { message: "The program exceeded its timeout of 0.3 second(s) and was ended.\nbegun" },
    });
    expect((await received(home.path))[0]?.title).toContain("timed out");
  });

  it("kills what ignores SIGTERM after the grace period", async () => {
    const result = await runExec(home.path, [
      ...words("--timeout 200ms --kill-after 200ms"),
      ...sh("trap '' TERM; while :; do sleep 0.05; done"),
    ]);

    expect(result.code).toBe(124);
    expect(await lastRun(home.path)).toMatchObject({
      state_name: "TimedOut",
      state: { message: expect.stringContaining("was killed, because it did not end when asked") },
    });
  });

  it("hands the id of the run to the program, and its own environment", async () => {
    const result = await runExec(home.path, sh("echo $BELLHOP__FLOW_RUN_ID $GREETING"), { env: { GREETING: "hello" } });

    expect(result.stdout.toString()).toBe(`${(await lastRun(home.path)).id} hello\n`);
  });

  it("leaves what stands after the two dashes to the program", async () => {
    const result = await runExec(home.path, ["--", "/bin/echo", "--json", "--help", "--", "-q", "*", "$HOME"]);

    expect(result.stdout.toString()).toBe("--json --help -- -q * $HOME\n");
  });

  it("prints the run on standard error with --json, and nothing else", async () => {
    const result = await runExec(home.path, ["--json", ...sh("echo out; exit 2")]);

    expect(result.stdout.toString()).toBe("out\n");
    expect(JSON.parse(result.stderr)).toMatchObject({ flow_name: "sh", state_name: "Failed", run_count: 1 });
  });

  it("prints nothing with --quiet, except what is kept of a run that did not complete", async () => {
    const good = await runExec(home.path, ["-q", ...sh("echo fine; echo note >&2")]);
    const bad = await runExec(home.path, ["-q", ...sh("echo details; exit 1")]);

    expect([good.stdout.toString(), good.stderr]).toEqual(["", ""]);
    expect([bad.stdout.toString(), bad.stderr, bad.code]).toEqual(["", "details\n", 1]);
  });

  it.each([
    ["no program", [], "needs <program>"],
    ["an empty name", ["--name", "", "--", "true"], "--name is empty"],
    ["an empty program", ["--", ""], "program is missing"],
    ["retries that are no number", ["--retries", "many", "--", "true"], "--retries takes a whole number"],
    ["a duration without a unit", ["--timeout", "30", "--", "true"], "--timeout takes a duration with its unit"],
    ["a block that cannot be one", ["--on-failure", "slack", "--", "true"], "slack"],
  ])("runs nothing and exits with 2 for %s", async (_, given, text) => {
    const { code, stderr } = await cli(["exec", "--home", home.path, ...given]);

    expect(code).toBe(2);
    expect(stderr).toContain(text);
    expect(await runsIn(home.path)).toEqual([]);
  });

  it("warns of a block that is not saved, or tells nobody, and runs the program all the same", async () => {
    await cli(["block", "save", "secret/word", "--stdin", "--home", home.path], { stdin: "a-secret-word" });

    const result = await runExec(home.path, [
      ...words("--on-failure inbox/nobody --on-completion secret/word"),
      ...sh("echo ran; exit 4"),
    ]);

    expect(result).toMatchObject({ code: 4 });
    expect(result.stdout.toString()).toBe("ran\n");
    expect(result.stderr).toContain('--on-failure: No block is saved as "inbox/nobody".');
    expect(result.stderr).toContain("--on-completion: secret/word cannot be told");
    expect(await lastRun(home.path)).toMatchObject({ state_name: "Failed" });
  });
});
