import { execFile } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { ROOT } from "../support/source-files.ts";
import { filesIn, leaks, type Output, SECRETS } from "./secrets.ts";

const FLOWS = ["results", "keys", "transactions", "asks", "lineage", "logs"];

const home = mkdtempSync(join(tmpdir(), "bellhop-canary-"));
const outputs: Output[] = [];

async function run(what: string, args: readonly string[]): Promise<string> {
  const env = {
    PATH: process.env["PATH"],
    HOME: home,
    BELLHOP_HOME: home,
    BELLHOP_KEYCHAIN: "off",
    BELLHOP_LOG_LEVEL: "debug",
    BELLHOP_DEBUG: "1",
  };
  const options = { env, encoding: "buffer", maxBuffer: 64 * 1024 * 1024, cwd: home } as const;
  return new Promise((resolve) => {
    execFile(process.execPath, ["--conditions=bellhop-source", ...args], options, (_error, stdout, stderr) => {
      outputs.push({ what: `${what}: stdout`, bytes: stdout }, { what: `${what}: stderr`, bytes: stderr });
      resolve(stdout.toString());
    });
  });
}

const bellhop = (...args: readonly string[]): Promise<string> =>
  run(`bellhop ${args.join(" ")}`, [join(ROOT, "src/cli/main.ts"), ...args]);

let said = "";
let shown = "";
beforeAll(async () => {
  said = await run("run model", [join(ROOT, "test/canary/run-model.ts")]);
  // A list of runs, as the command documents it.
  const listed = JSON.parse(await bellhop("run", "ls", "--json")) as readonly { id: string; flow_name: string }[];
  for (const name of FLOWS) {
    const id = listed.find((one) => one.flow_name === name)?.id ?? name;
    await bellhop("run", "inspect", id);
    await bellhop("run", "inspect", id, "--json");
    shown = await bellhop("run", "logs", id);
    await bellhop("run", "logs", id, "--json");
  }
}, 170_000);

afterAll(() => rmSync(home, { recursive: true, force: true }));

describe("secrets in results, keys, transactions, inputs, lineage and logs", () => {
  it("went through all of them, so that the search below can find something", () => {
    expect(said).toContain("the run model is through");
    expect(shown).toContain("plain ");
    expect(shown).toContain("as a value");
    const files = filesIn(home);
    expect(files.some(({ what }) => what.endsWith("bellhop.db"))).toBe(true);
    expect(files.filter(({ what }) => what.endsWith(".result")).length).toBeGreaterThan(20);
    expect(leaks([{ what: "this", bytes: Buffer.from(SECRETS.apiKey) }])).not.toEqual([]);
  });

  it("are in no output and no log line", () => {
    expect(leaks(outputs)).toEqual([]);
  });

  it("are in no byte of the database, of result folders or of any other file of the home", () => {
    expect(leaks(filesIn(home))).toEqual([]);
  });
});
