import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { runCliProcess, startCli, startOnTerminal } from "../support/cli-process.ts";

const SECRET = "https://hooks.slack.com/services/T0000/B0000/c4n4rytypedsecret";
const ENTER = "\r";
const CTRL_C = "\u0003";

let home = "";
beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), "bellhop-cli-test-"));
});
afterEach(() => rm(home, { recursive: true, force: true }));

// util-linux `script` gives the command a terminal of its own.
describe.skipIf(process.platform !== "linux")("on a terminal", () => {
  it("asks for a missing secret, shows nothing of it, and saves it", async () => {
    const running = startOnTerminal(["block", "save", "slack-webhook/ops"], { home });
    await running.printed("Webhook URL");
    running.child.stdin?.write(SECRET + ENTER);
    await running.printed("optional fields");
    running.child.stdin?.write("n");
    const { code, stdout, stderr } = await running.ended;

    const shown = await runCliProcess(["block", "inspect", "slack-webhook/ops", "--show-secrets", "--json"], { home });

    expect(code).toBe(0);
    expect(stdout + stderr).toContain("Saved");
    expect(stdout + stderr).not.toContain("c4n4ry");
    // Nor is the length of it given away by a row of stars.
    expect(stdout + stderr).not.toMatch(/[*•▪]{9}/u);
    expect(JSON.parse(shown.stdout)).toMatchObject({ data: { url: SECRET } });
  });

  it("saves nothing when the question is answered with Ctrl-C, and ends with 130", async () => {
    const running = startOnTerminal(["block", "save", "slack-webhook/ops"], { home });
    await running.printed("Webhook URL");
    running.child.stdin?.write(`https://half-typed-c4n4ry${CTRL_C}`);
    const { code, stdout } = await running.ended;

    const listed = await runCliProcess(["block", "ls", "--json"], { home });

    expect(code).toBe(130);
    expect(stdout).not.toContain("c4n4ry");
    expect(JSON.parse(listed.stdout)).toEqual([]);
  });

  it("asks nothing where CI is set", async () => {
    const { code, stdout } = await startOnTerminal(["block", "save", "slack-webhook/ops"], {
      home,
      env: { CI: "true" },
    }).ended;

    expect(code).toBe(2);
    expect(stdout).toContain("no terminal to ask on");
  });

  it("colours what it prints, unless NO_COLOR is set", async () => {
    const colourful = await startOnTerminal(["help", "exit-codes"], { home }).ended;
    const plain = await startOnTerminal(["help", "exit-codes"], { home, env: { NO_COLOR: "1" } }).ended;

    expect(colourful.stdout).toContain("\u001B[1mExit codes");
    expect(plain.stdout).not.toContain("\u001B[");
  });
});

describe("as a process", () => {
  it("is not disturbed by a reader that goes away", async () => {
    const running = startCli(["block", "type", "ls", "--json"], { home });
    running.child.stdout?.destroy();
    const { code, stderr } = await running.ended;

    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  });

  it("stops at once on SIGINT, and ends with 130", async () => {
    const running = startCli(["demo", "--json"], { home });
    await running.printed('"AwaitingRetry"');
    running.child.kill("SIGINT");
    const { code, stderr } = await running.ended;

    expect({ code, stderr }).toEqual({ code: 130, stderr: "" });
  });

  it("ends with 143 on SIGTERM", async () => {
    const running = startCli(["demo", "--json"], { home });
    await running.printed('"AwaitingRetry"');
    running.child.kill("SIGTERM");

    expect((await running.ended).code).toBe(143);
  });

  it("prints a stack only with BELLHOP_DEBUG=1", async () => {
    const quiet = await runCliProcess(["run", "inspect", "nobody"], { home });
    const loud = await runCliProcess(["run", "inspect", "nobody"], { home, env: { BELLHOP_DEBUG: "1" } });

    expect(quiet.stderr).not.toMatch(/\n\s+at /);
    expect(loud.stderr).toMatch(/\n\s+at /);
  });

  it("ends with 3 when the store cannot be used", async () => {
    const path = join(home, "bellhop.db");
    await runCliProcess(["block", "ls"], { home });
    const { writeFile } = await import("node:fs/promises");
    await writeFile(path, "this is no database, and never was one".repeat(200));

    const { code, stderr } = await runCliProcess(["block", "ls", "--json"], { home });

    expect(code).toBe(3);
    expect(JSON.parse(stderr)).toMatchObject({ error: { code: "store_corrupt" } });
    expect(await readFile(path, "utf8")).toContain("never was one");
  });
});
