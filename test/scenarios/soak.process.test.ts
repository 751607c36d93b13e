import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { expect, it } from "vitest";

const BENCH = join(import.meta.dirname, "../../bench/run.ts");

it("leaves no run open, and no timer, listener or context of a run, after thousands of random faults and process exits", async () => {
  const args = ["--conditions=bellhop-source", "--no-warnings", BENCH, "soak", "--transitions", "20000"];
  const child = spawn(process.execPath, args, { stdio: ["ignore", "ignore", "pipe"] });
  let errors = "";
  child.stderr.setEncoding("utf8").on("data", (text: string) => (errors += text));

  const [code] = await once(child, "close");

  expect({ code, violations: errors.match(/violation: .*/g) }).toEqual({ code: 0, violations: null });
});
