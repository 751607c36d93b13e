import { randomBytes } from "node:crypto";
import { readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { startOnTerminal } from "../support/cli-process.ts";
import { cli, temporaryHome } from "../support/cli.ts";
import { lastRun, received, runExec, startExec } from "../support/exec-process.ts";

let home: Awaited<ReturnType<typeof temporaryHome>>;
beforeEach(async () => {
  home = await temporaryHome();
  await cli(["block", "save", "inbox/ops", "--home", home.path]);
});
afterEach(() => home[Symbol.asyncDispose]());

const words = (line: string): string[] => line.split(" ");
const sh = (script: string): string[] => ["--", "/bin/sh", "-c", script];

describe("the output of a program under bellhop exec", () => {
  it("passes byte for byte, also when it is no text", async () => {
    const bytes = randomBytes(3_000_000);
    const file = join(home.path, "bytes");
    await writeFile(file, bytes);

    const result = await runExec(home.path, ["--", "/bin/cat", file]);

    expect(result.stdout.equals(bytes)).toBe(true);
    expect(result.stderr).toBe("");
  });

  it("passes as it comes, without waiting for a line to end", async () => {
    const running = startExec(home.path, sh("printf prompt; read -r _ < /dev/tty || while :; do sleep 0.05; done"));

    await running.printed("prompt");
    running.child.kill("SIGTERM");

    expect((await running.ended).stdout.toString()).toBe("prompt");
  });

  it("of 100 MB passes in flat memory, with the last line kept", async () => {
    const peak = "grep VmHWM /proc/$PPID/status >&2";
    const small = await runExec(home.path, sh(`echo little; ${peak}`));
    const large = await runExec(home.path, [
      ...words("--on-failure inbox/ops"),
      ...sh(`head -c 100000000 /dev/zero; echo; echo the end; ${peak}; exit 1`),
    ]);

    const kilobytes = (text: string): number => Number(/VmHWM:\s+(\d+)/.exec(text)?.[1]);
    expect(large.stdout.length).toBe(100_000_009);
    expect(kilobytes(large.stderr) - kilobytes(small.stderr)).toBeLessThan(80_000);
    expect((await lastRun(home.path)).state.message).toContain("the end");
  });

  it("keeps the order of both outputs where they go to one place, as under cron", async () => {
    const script = "for i in 1 2 3 4 5 6 7 8 9; do echo out $i; echo err $i >&2; done";

    const result = await runExec(home.path, sh(script), { isOnePipe: true });

    const expected = [1, 2, 3, 4, 5, 6, 7, 8, 9].map((i) => `out ${i}\nerr ${i}\n`).join("");
    expect(result.stdout.toString()).toBe(expected);
  });

  it("can be opened by name, as scripts do, and leaves no file behind", async () => {
    const result = await runExec(home.path, sh("echo one > /dev/stdout; echo two > /dev/stderr"), {
      env: { TMPDIR: home.path },
    });

    expect([result.stdout.toString(), result.stderr, result.code]).toEqual(["one\n", "two\n", 0]);
    expect((await readdir(home.path)).filter((name) => name.startsWith("bellhop-exec"))).toEqual([]);
  });

  it("passes also where no temporary file can be made", async () => {
    const result = await runExec(home.path, sh("echo one; echo two >&2; exit 6"), { env: { TMPDIR: "/nonexistent" } });

    expect([result.stdout.toString(), result.stderr, result.code]).toEqual(["one\n", "two\n", 6]);
  });

  it("ends the program in the usual way when its reader goes away", async () => {
    const running = startExec(home.path, ["--", "/usr/bin/yes"]);

    await running.printed("y");
    running.child.stdout?.destroy();

    expect(await running.ended).toMatchObject({ code: 141 });
    expect((await lastRun(home.path)).state.message).toContain("SIGPIPE (it wrote to a pipe that nobody reads)");
  });

  it("of a process left in the background goes on, after the run has ended", async () => {
    const result = await runExec(home.path, sh("(sleep 3; echo late) & echo now"));

    expect(result.stdout.toString()).toBe("now\nlate\n");
    expect(result.code).toBe(0);
  });

  it("is kept with secrets masked: of blocks, arguments and the environment", async () => {
    const secret = "xoxb-this-is-a-token-of-slack";
    await cli(["block", "save", "slack-webhook/ops", "--stdin", "--home", home.path], {
      stdin: "https://hooks.slack.example/services/T0/B0/abcdefghijklmnop",
    });

    await runExec(
      home.path,
      [
        ...words("--on-failure inbox/ops --on-running slack-webhook/missing --on-cancellation slack-webhook/ops"),
        "--",
        "/bin/sh",
        "-c",
        'echo "$API_TOKEN $2 abcdefghijklmnop"; exit 1',
        "sh",
        "--password",
        "hunter2-hunter2",
      ],
      { env: { API_TOKEN: secret } },
    );

    const run = await lastRun(home.path);
    const kept = JSON.stringify([run, await received(home.path)]);
    expect(kept).toContain("exited with code 1");
    expect(kept).not.toContain(secret);
    expect(kept).not.toContain("hunter2-hunter2");
    expect(kept).not.toContain("abcdefghijklmnop");
    expect(run.parameters["command"]).toEqual(expect.arrayContaining(["--password", "********"]));
  });

  it("keeps as many lines as --tail says", async () => {
    await runExec(home.path, ["--tail", "1", ...sh("echo first; echo last; exit 1")]);
    const one = await lastRun(home.path);
    await runExec(home.path, ["--tail", "0", ...sh("echo first; echo last; exit 1")]);
    const none = await lastRun(home.path);

    expect(one.state.message).toBe("The program exited with code 1.\nlast");
    expect(none.state.message).toBe("The program exited with code 1.");
  });

  it("is in the log of the run, for every attempt", async () => {
    await runExec(home.path, ["--retries", "1", ...sh("echo words; exit 1")]);

    const { stdout } = await cli(["run", "logs", (await lastRun(home.path)).id, "--home", home.path]);

    expect(stdout.match(/The program's output, at most its last 50 lines:\n\s+words/g)).toHaveLength(2);
  });

  it("goes to a terminal directly, so that the program sees one; --tail keeps it instead", async () => {
    const command = ["exec", ...sh("test -t 1 && echo terminal || echo pipe; exit 1")];
    const direct = await startOnTerminal(command, { home: home.path }).ended;
    const directRun = await lastRun(home.path);
    const kept = await startOnTerminal(["exec", "--tail", "5", ...command.slice(1)], { home: home.path }).ended;

    expect(direct.stdout).toMatch(/^terminal\r\n/);
    expect(direct.stdout).toMatch(/✗ Failed.*sh \/ /);
    expect(directRun.state.message).toBe("The program exited with code 1.");
    expect(kept.stdout).toMatch(/^pipe\r\n/);
    expect((await lastRun(home.path)).state.message).toContain("\npipe");
  });
});
