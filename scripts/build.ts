// Builds dist/: declarations with tsc, JavaScript with rolldown. Why bundled: docs/decisions/0001.
import { execFileSync } from "node:child_process";
import { globSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join, resolve } from "node:path";
import { rolldown } from "rolldown";

const ROOT = resolve(import.meta.dirname, "..");

/** Loaded on demand, native, or large and rarely used: they stay ordinary dependencies. */
const EXTERNAL = [/^node:/, "keytar", /^@napi-rs\//, "nodemailer", /^nodemailer\//, "smtp-server", "pino", "@clack/prompts", "postal-mime"];

const entries = (): Record<string, string> => {
  const files = ["src/index.ts", "src/sdk.ts", "src/hub.ts", "src/testing.ts", "src/cli/main.ts", ...globSync("blocks/*.ts", { cwd: ROOT })];
  return Object.fromEntries(files.map((file) => [file.replace(/\.ts$/, "").replaceAll("\\", "/"), join(ROOT, file)]));
};

rmSync(join(ROOT, "dist"), { recursive: true, force: true });
const bundle = await rolldown({ input: entries(), cwd: ROOT, platform: "node", external: EXTERNAL });
await bundle.write({
  dir: join(ROOT, "dist"),
  format: "esm",
  entryFileNames: "[name].js",
  chunkFileNames: "chunks/[name]-[hash].js",
  minify: false,
});
await bundle.close();

const tsc = join(dirname(createRequire(import.meta.url).resolve("typescript/package.json")), "bin", "tsc");
execFileSync(process.execPath, [tsc, "-p", join(ROOT, "tsconfig.build.json")], { stdio: "inherit" });
