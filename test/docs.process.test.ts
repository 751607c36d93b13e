import { execFile } from "node:child_process";
import { existsSync, globSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { openCore } from "../src/hub.ts";
import { EmailServerCredentials, EmailSmtp, SlackWebhook } from "../src/index.ts";
import { loadConfig } from "../src/config/load.ts";
import { withBlockContext } from "../src/block/ambient.ts";
import { type Inbox, startInbox } from "../src/inbox/inbox.ts";
import { docBlocks } from "./support/doc-blocks.ts";
import { ROOT } from "./support/source-files.ts";

const run = promisify(execFile);
const blocks = docBlocks();
const work = mkdtempSync(join(ROOT, "test/.docs-"));
const home = mkdtempSync(join(tmpdir(), "bellhop-docs-"));
let inbox: Inbox;

const fileOf = (index: number): string => join(work, `block-${index}.ts`);

beforeAll(async () => {
  for (const [index, block] of blocks.entries()) writeFileSync(fileOf(index), `${block.code}\nexport {};\n`);
  inbox = await startInbox({ host: "127.0.0.1", httpPort: 0, smtpPort: 0 });
  await using core = await openCore(loadConfig({ flags: { home, keychain: "off" }, env: {} }));
  await withBlockContext(core.blockContext, async () => {
    await new SlackWebhook({ url: `${inbox.httpUrl}/services/T0/B0/docs` }).save("ops");
    const credentials = new EmailServerCredentials({
      smtp_server: "127.0.0.1",
      smtp_port: inbox.smtpPort,
      smtp_type: "INSECURE",
    });
    await credentials.save("docs");
    await new EmailSmtp({ credentials, from: "bellhop@example.org", to: ["oncall@example.org"] }).save("oncall");
  });
});

afterAll(async () => {
  await inbox[Symbol.asyncDispose]();
  rmSync(work, { recursive: true, force: true });
  rmSync(home, { recursive: true, force: true });
});

describe("documents", () => {
  it("begins the README with code before line 15 and keeps it within 150 lines", () => {
    const lines = readFileSync(join(ROOT, "README.md"), "utf8").split("\n");

    expect(lines.findIndex((line) => line.startsWith("```ts run"))).toBeLessThan(14);
    expect(lines.length).toBeLessThanOrEqual(151);
  });

  it("type-checks every TypeScript block", async () => {
    const config = join(work, "tsconfig.json");
    writeFileSync(
      config,
      JSON.stringify({ extends: "../../tsconfig.json", include: ["./*.ts", "../../src/**/*.d.ts"], exclude: [] }),
    );
    const tsc = join(dirname(createRequire(import.meta.url).resolve("typescript/package.json")), "bin/tsc");

    const problems = await run(process.execPath, [tsc, "-p", config], { cwd: ROOT }).then(
      () => "",
      (error: { stdout: string }) => error.stdout,
    );

    expect(problems.replace(/\S*block-(\d+)\.ts/g, (_all, index: string) => blocks[Number(index)]?.at ?? "?")).toBe("");
    expect(blocks.length).toBeGreaterThan(5);
  });

  const runnable = blocks.map((block, index) => ({ ...block, index })).filter((block) => block.runnable);
  it.each(runnable)("runs the block at $at", async ({ index }) => {
    const before = inbox.messages.length;

    const { stderr } = await run(process.execPath, ["--conditions=bellhop-source", fileOf(index)], {
      cwd: home,
      env: { PATH: process.env["PATH"], HOME: home, BELLHOP_HOME: home, BELLHOP_KEYCHAIN: "off" },
    });

    expect(stderr).toBe("");
    if (/notify/.test(blocks[index]?.code ?? "") && !/process\.stdout/.test(blocks[index]?.code ?? "")) {
      expect(inbox.messages.length).toBeGreaterThan(before);
    }
  });

  it("links to files that exist", () => {
    const broken = globSync(["*.md", "docs/**/*.md"], { cwd: ROOT }).flatMap((file) =>
      [...readFileSync(join(ROOT, file), "utf8").matchAll(/\]\((?!https?:|#|mailto:)([^)#\s]+)/g)]
        .filter(([, target]) => !existsSync(join(ROOT, dirname(file), String(target))))
        .map(([, target]) => `${file}: ${String(target)}`),
    );

    expect(broken).toEqual([]);
  });

  it("keeps examples that run", () => {
    mkdirSync(join(ROOT, "examples"), { recursive: true });

    expect(globSync("examples/*.ts", { cwd: ROOT }).length).toBeGreaterThan(0);
  });
});
