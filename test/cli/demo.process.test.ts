import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { columnsOf } from "../../src/cli/terminal-text.ts";
import { runCliProcess } from "../support/cli-process.ts";

type Event = Readonly<Record<string, unknown>> & { readonly event: string };

const eventsOf = (stdout: string): Event[] =>
  stdout
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line) as Event);

describe("bellhop demo", () => {
  it("fails, retries, fails again, and delivers two Slack messages and a mail", async () => {
    const { code, stdout, stderr } = await runCliProcess(["demo", "--json"]);

    const events = eventsOf(stdout);
    const states = events
      .filter(({ event }) => event === "state")
      .map(({ object, state_name: name }) => `${String(object)} ${String(name)}`);
    const messages = events.filter(({ event }) => event === "message");
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    expect(states).toEqual([
      "flow Running",
      "task Running",
      "task Failed",
      "flow AwaitingRetry",
      "flow Retrying",
      "task Running",
      "task Failed",
      "flow Failed",
    ]);
    expect(messages.map(({ channel }) => channel).toSorted((a, b) => String(a).localeCompare(String(b)))).toEqual([
      "mail",
      "slack",
      "slack",
    ]);
    expect(messages.find(({ channel }) => channel === "mail")).toMatchObject({
      to: ["oncall@example.org"],
      subject: expect.stringContaining("nightly-orders"),
    });
    expect(JSON.stringify(messages)).toContain("supplier.example answered 503");
    expect(events.filter(({ event }) => event === "delivery")).toEqual(
      ["slack-webhook/demo", "slack-webhook/demo", "email-smtp/demo"].map((destination) =>
        expect.objectContaining({
          destination,
          status: "delivered",
          attempts: 1,
          attempt_log: [expect.objectContaining({ outcome: "delivered" })],
        }),
      ),
    );
    expect(events.at(-1)).toMatchObject({ event: "result", ok: true, slack: 2, mail: 1 });
  });

  it("tells its story in 80 columns, ends with three commands, and shows no secret", async () => {
    const { code, stdout } = await runCliProcess(["demo"]);

    const lines = stdout.split("\n");
    expect(code).toBe(0);
    expect(lines.filter((line) => columnsOf(line) > 80)).toEqual([]);
    expect(stdout).toContain("✓ All three messages arrived");
    expect(
      lines.filter((line) => /^ {3}[123] {2}\S+.* (block save|block test|notify) slack-webhook\/ops/.test(line)),
    ).toHaveLength(3);
    expect(stdout).not.toMatch(/XXXXXXXX|a-password-for-the-demo/);
  });

  it("shows the bytes with --raw, still without secrets", async () => {
    const { stdout } = await runCliProcess(["demo", "--raw"]);

    expect(stdout).toMatch(/POST \S+/);
    expect(stdout).toContain("content-type: application/json");
    expect(stdout).toMatch(/Message-ID: </i);
    expect(stdout).not.toContain("XXXXXXXX");
  });

  it("keeps the store of --home, and leaves nothing behind without it", async () => {
    const scratch = await mkdtemp(join(tmpdir(), "bellhop-demo-test-"));
    try {
      const home = join(scratch, "kept");
      await runCliProcess(["demo", "--json", "--home", home], { env: { TMPDIR: scratch } });
      await runCliProcess(["demo", "--json"], { env: { TMPDIR: scratch } });
      const listed = await runCliProcess(["run", "ls", "--json", "--home", home]);

      expect((await readdir(scratch)).filter((name) => name.startsWith("bellhop-demo-"))).toEqual([]);
      expect(JSON.parse(listed.stdout)).toMatchObject([
        { flow_name: "nightly-orders", state_type: "FAILED", run_count: 2 },
      ]);
    } finally {
      await rm(scratch, { recursive: true, force: true });
    }
  });
});
