import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { runCliProcess } from "../support/cli-process.ts";

describe("bellhop prove", () => {
  it("kills a dozen processes, loses nothing, says so in one line and leaves nothing behind", async () => {
    const home = mkdtempSync(join(tmpdir(), "bellhop-prove-test-"));
    try {
      const { code, stdout, stderr } = await runCliProcess(["prove", "--kills", "12", "--seed", "12", "--json"], {
        home,
        env: { TMPDIR: home },
      });

      expect(stdout.trimEnd().split("\n")).toHaveLength(1);
      // Printed by the command under test.
      const report = JSON.parse(stdout) as Record<string, unknown>;
      expect({ code, stderr, report }).toMatchObject({
        code: 0,
        stderr: "",
        report: {
          lost: 0,
          order_violations: 0,
          duplicated_unmarked: 0,
          breaches: [],
          failures: [],
          seed: 12,
          ok: true,
        },
      });
      expect(report["kills"]).toBeGreaterThanOrEqual(12);
      expect(report["enqueued"]).toBeGreaterThan(0);
      expect(readdirSync(home).filter((name) => name.startsWith("bellhop-prove"))).toEqual([]);
    } finally {
      rmSync(home, { recursive: true, force: true });
    }
  });
});
