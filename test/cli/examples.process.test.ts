import { spawn } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { startInbox } from "../../src/inbox/inbox.ts";
import { runCliProcess } from "../support/cli-process.ts";
import { ROOT } from "../support/source-files.ts";

let home = "";
beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), "bellhop-examples-test-"));
  await runCliProcess(["block", "save", "inbox/dev"], { home });
});
afterEach(() => rm(home, { recursive: true, force: true }));

/** Runs an example as its header says; what it prints, and its exit code. */
function run(
  name: string,
  words: readonly string[] = [],
  env: NodeJS.ProcessEnv = {},
): Promise<{ code: number | null; printed: string }> {
  const child = spawn(process.execPath, ["-C", "bellhop-source", join(ROOT, "examples", name), ...words], {
    cwd: ROOT,
    env: { PATH: process.env["PATH"], HOME: home, BELLHOP_HOME: home, BELLHOP_KEYCHAIN: "off", ...env },
  });
  let printed = "";
  const keep = (chunk: Buffer): void => {
    printed += chunk.toString("utf8");
  };
  child.stdout.on("data", keep);
  child.stderr.on("data", keep);
  return new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (code) => resolve({ code, printed }));
  });
}

const inboxTitles = async (): Promise<string[]> => {
  const { stdout } = await runCliProcess(["inbox", "ls", "--json"], { home });
  return (JSON.parse(stdout) as { title: string }[]).map(({ title }) => title);
};

/** The id of the one run, once it is paused. */
async function pausedRun(): Promise<string> {
  for (;;) {
    const { stdout } = await runCliProcess(["run", "ls", "--json"], { home });
    const [first] = JSON.parse(stdout) as { id: string; state_type: string }[];
    if (first?.state_type === "PAUSED") return first.id;
  }
}

describe("the examples", () => {
  it("one-message sends one message", async () => {
    const { code, printed } = await run("one-message.ts", ["inbox/dev"]);

    expect({ code, printed }).toEqual({
      code: 0,
      printed: expect.stringMatching(/^accepted in \d+ ms, delivery [0-9a-f-]{36}\n$/),
    });
    expect(await inboxTitles()).toEqual(["Backup"]);
  });

  it("failing-flow tells the channel once, before the process ends", async () => {
    const { code, printed } = await run("failing-flow.ts", ["inbox/dev"]);

    expect({ code, printed }).toEqual({ code: 0, printed: expect.stringContaining("answered 503") });
    expect(await inboxTitles()).toEqual([expect.stringContaining("nightly-orders")]);
  });

  it("hooks runs every hook in order", async () => {
    const { code, printed } = await run("hooks.ts");

    const states = [...printed.matchAll(/run \S+: (\w+)/g)].map(([, state]) => state);
    expect(code).toBe(0);
    expect(states).toEqual([
      "Running",
      "Running",
      "AwaitingRetry",
      "Retrying",
      "AwaitingRetry",
      "Retrying",
      "Completed",
      "Completed",
    ]);
  });

  it("nightly completes and says so", async () => {
    const { code, printed } = await run("nightly.ts", ["2026-03-01", "inbox/dev"]);

    expect({ code, printed }).toEqual({ code: 0, printed: expect.stringContaining("22.40") });
    expect(await inboxTitles()).toEqual([expect.stringMatching(/nightly.* completed/)]);
  });

  it("cleanup-on-crash removes what it had started", async () => {
    const { code, printed } = await run("cleanup-on-crash.ts");
    const listed = await runCliProcess(["run", "ls", "--json"], { home });

    expect({ code, printed }).toEqual({
      code: 0,
      printed: expect.stringContaining("crashed; removed what it had started"),
    });
    expect(JSON.parse(listed.stdout)).toMatchObject([{ flow_name: "with-scratch-folder", state_type: "CRASHED" }]);
  });

  it("etl tries again what failed, and reads nothing twice", async () => {
    const first = await run("etl.ts", ["2026-03-01"]);
    const second = await run("etl.ts", ["2026-03-01"]);

    const statesIn = (printed: string): string[] =>
      [...printed.matchAll(/^read-(.+)$/gm)].map(([, line]) => line ?? "");
    expect([first.code, second.code]).toEqual([0, 0]);
    expect(statesIn(first.printed).toSorted()).toEqual(["orders: Completed", "stock: Completed", "users: Completed"]);
    expect(statesIn(second.printed).toSorted()).toEqual(["orders: Cached", "stock: Cached", "users: Cached"]);
    expect(first.printed).toContain("total: 1765");
    expect(second.printed).toContain("total: 1765");
  });

  it("rollback leaves all or nothing", async () => {
    const failed = await run("rollback.ts");
    const passed = await run("rollback.ts", ["42"]);

    expect({ ...failed, printed: failed.printed.split("\n") }).toEqual({
      code: 0,
      printed: ["removed ledger.txt", "removed invoice.txt", expect.stringMatching(/^Failed/), "files left: 0", ""],
    });
    expect(passed.printed).toBe("kept invoice.txt\nkept ledger.txt\nCompleted()\nfiles left: 2\n");
  });

  it("approval waits for an answer from another process", async () => {
    const waiting = run("approval.ts");
    const id = await pausedRun();

    const refused = await run("approval.ts", [id.replace(/^./, (digit) => (digit === "0" ? "1" : "0")), "yes"]);
    const answered = await run("approval.ts", [id, "yes", "Ada"]);

    expect(refused).toEqual({ code: 1, printed: expect.stringContaining("No flow run has the id or name") });
    expect(answered).toEqual({ code: 0, printed: "Running()\n" });
    const { code, printed } = await waiting;
    expect({ code, printed }).toEqual({ code: 0, printed: expect.stringMatching(/Ada said yes\ndeployed 1\.4\.0\n$/) });
  });

  it("own-channel posts in its own format", async () => {
    await using inbox = await startInbox({ smtpPort: null });

    const { code } = await run("own-channel.ts", [], { LAMP_URL: `${inbox.httpUrl}/lamp` });

    expect(code).toBe(0);
    expect(inbox.messages).toMatchObject([{ channel: "webhook", path: "/lamp", json: { colour: "red", seconds: 5 } }]);
  });
});
