import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { systemClock } from "../../src/base/clock.ts";
import { Processes } from "../../src/cli/prove/processes.ts";
import type { WorkerPlan } from "../../src/cli/prove/worker-plan.ts";
import { runCliProcess } from "../support/cli-process.ts";
import { tempFolder } from "../support/store-fixture.ts";

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

  it("ends a process of its own that hangs, and does not take that for one of its kills", async () => {
    using folder = tempFolder();
    const program = join(folder.path, "hang.mjs");
    writeFileSync(program, 'process.stderr.write("waits for ever"); setInterval(() => undefined, 1_000);');
    using processes = new Processes({ program, env: process.env, clock: systemClock, longestMs: 2_000 });
    const plan: WorkerPlan = {
      mode: "open",
      seed: 1,
      clockOffsetMs: 0,
      clockRate: 1,
      jump: null,
      flows: 0,
      drainMs: 0,
      home: folder.path,
      notesPath: "",
      sinkUrl: "",
      storePages: null,
    };

    expect(await processes.start(plan, null).ended).toEqual({
      wasKilled: false,
      wasHung: true,
      code: null,
      said: "waits for ever",
    });
  });
});
