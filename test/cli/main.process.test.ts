import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { VERSION } from "../../src/base/version.ts";
import { runCliProcess } from "../support/cli-process.ts";
import { ROOT } from "../support/source-files.ts";

describe("the bin", () => {
  it("answers --version", async () => {
    const { code, stdout, stderr } = await runCliProcess(["--version"]);

    expect({ code, stdout, stderr }).toEqual({ code: 0, stdout: `${VERSION}\n`, stderr: "" });
  });

  it("loads nothing but two small files for --version", async () => {
    const { stderr } = await runCliProcess(["--version"], {
      env: { NODE_DEBUG: "esm", NODE_DISABLE_COMPILE_CACHE: "1" },
    });
    const loaded = new Set(
      [...stderr.matchAll(/file:\/\/\/[^\s'"]+\.(?:ts|js|mjs)/g)].map(([url]) => url.split("/").at(-1)),
    );

    expect(loaded).toEqual(new Set(["main.ts", "version.ts"]));
  });

  it("tells an old Node what is needed and where to get it, and loads nothing else", async () => {
    const code20 = 'Object.defineProperty(process, "versions", { value: { ...process.versions, node: "20.19.0" } });';
    const pretend = `data:text/javascript;base64,${Buffer.from(code20).toString("base64")}`;

    const { code, stdout, stderr } = await runCliProcess(["doctor"], { env: { NODE_OPTIONS: `--import ${pretend}` } });

    expect({ code, stdout }).toEqual({ code: 1, stdout: "" });
    expect(stderr).toContain("bellhop needs Node 24.15 or newer; this is Node 20.19.0");
    expect(stderr).toContain("npx bellhop");
  });

  it("keeps to syntax that an old Node can parse, and to built-in modules", () => {
    const text = readFileSync(join(ROOT, "src/cli/main.ts"), "utf8");
    const code = text.replace(/^\s*\/\/.*$/gm, "").replace(/\/\*[\s\S]*?\*\//g, "");

    expect(text.startsWith("#!/usr/bin/env node\n")).toBe(true);
    expect([...code.matchAll(/^import .* from "(.*)"/gm)].map(([, from]) => from)).toEqual(["node:module"]);
    expect(code).not.toMatch(/\?\?|\?\.|^\s*await |#\w+|: \w+ =|\bas\b (?!nodeModule)/m);
  });
});
