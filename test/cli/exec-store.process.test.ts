import { chmod, mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { cli, temporaryHome } from "../support/cli.ts";
import { lastRun, runExec, runsIn } from "../support/exec-process.ts";

let home: Awaited<ReturnType<typeof temporaryHome>>;
beforeEach(async () => {
  home = await temporaryHome();
});
afterEach(() => home[Symbol.asyncDispose]());

const words = (line: string): string[] => line.split(" ");
const sh = (script: string): string[] => ["--", "/bin/sh", "-c", script];

describe("bellhop exec where the run cannot be recorded", () => {
  it.each([
    ["the store's folder cannot be made", "/dev/null/home", {}],
    ["a setting is wrong", null, { BELLHOP_DRAIN_TIMEOUT: "soon" }],
  ])("runs the program all the same, with a warning and its own exit code, when %s", async (_, folder, env) => {
    const result = await runExec(folder ?? home.path, ["--on-failure", "inbox/ops", ...sh("echo ran; exit 3")], {
      env,
    });

    expect(result.stdout.toString()).toBe("ran\n");
    expect(result.stderr).toMatch(/^bellhop exec: this run is not recorded, and nobody will be told: /);
    expect(result.code).toBe(3);
  });

  it("also when the store is no database", async () => {
    await writeFile(
      join(home.path, "bellhop.db"),
      "this is a text and no database, long enough to be looked at. ".repeat(50),
    );

    const result = await runExec(home.path, sh("echo ran"));

    expect(result).toMatchObject({ code: 0, stderr: expect.stringContaining("is not recorded") });
    expect(result.stdout.toString()).toBe("ran\n");
  });

  it("keeps its retries and its timeout", async () => {
    const result = await runExec("/dev/null/home", [
      ...words("--retries 1 --retry-delay 10ms --timeout 200ms --kill-after 100ms"),
      ...sh("echo attempt; trap '' TERM; while :; do sleep 0.05; done"),
    ]);

    expect(result.stdout.toString()).toBe("attempt\nattempt\n");
    expect(result.code).toBe(124);
  });

  it("warns when the end of the run cannot be stored, and keeps the exit code", async () => {
    const refuse = "create trigger refuse before update on flow_runs begin select raise(abort, 'no more updates'); end";
    const script = `new (require("node:sqlite").DatabaseSync)(process.argv[1]).exec(process.argv[2]); process.exit(5)`;

    const result = await runExec(home.path, [
      "--",
      process.execPath,
      "-e",
      script,
      join(home.path, "bellhop.db"),
      refuse,
    ]);

    expect(result.stderr).toContain("bellhop exec: the record of this run is not complete: ");
    expect(result.code).toBe(5);
  });

  it("keeps the program's exit code when the block's message cannot be sent", async () => {
    await cli(["block", "save", "slack-webhook/ops", "--stdin", "--home", home.path], {
      stdin: "http://127.0.0.1:9/services/T0/B0/abcdefghijklmnop",
    });

    const result = await runExec(home.path, ["--on-failure", "slack-webhook/ops", ...sh("exit 8")], {
      env: { BELLHOP_DRAIN_TIMEOUT: "100ms" },
    });

    expect(result).toMatchObject({ code: 8, stderr: "" });
    expect(await lastRun(home.path)).toMatchObject({ state_name: "Failed" });
  });
});

describe("bellhop exec under cron", () => {
  it("works without a home folder, a search path or a terminal", async () => {
    const result = await runExec(home.path, ["--name", "nightly", ...sh("echo ran; exit 2")], {
      env: { PATH: "", HOME: undefined, TERM: undefined },
      isOnePipe: true,
    });

    expect([result.stdout.toString(), result.code]).toEqual(["ran\n", 2]);
    expect(await lastRun(home.path)).toMatchObject({ flow_name: "nightly", state_name: "Failed" });
  });

  it("says that the search path is empty when a program is not found by name", async () => {
    const result = await runExec(home.path, ["--", "no-such-program"], { env: { PATH: "" } });

    expect(result).toMatchObject({ code: 127, stderr: expect.stringContaining("was not found and PATH is empty") });
  });

  it("runs many jobs at once on one store", async () => {
    const jobs = Array.from({ length: 6 }, (_, index) => runExec(home.path, sh(`echo ${index}; exit ${index}`)));

    const results = await Promise.all(jobs);

    expect(results.map(({ code, stderr }) => ({ code, stderr }))).toEqual(
      results.map((_, index) => ({ code: index, stderr: "" })),
    );
    expect(await runsIn(home.path)).toHaveLength(6);
  });

  it("runs a program from a folder that only its owner may read", async () => {
    await mkdir(join(home.path, "private"), { mode: 0o700 });
    await writeFile(join(home.path, "private", "job"), "#!/bin/sh\necho private\n");
    await chmod(join(home.path, "private", "job"), 0o700);

    const result = await runExec(home.path, ["--", join(home.path, "private", "job")]);

    expect(result.stdout.toString()).toBe("private\n");
    expect(await lastRun(home.path)).toMatchObject({ flow_name: "job" });
  });
});
