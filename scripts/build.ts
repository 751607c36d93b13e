// Builds dist/: JavaScript with rolldown, declarations with tsc. Why bundled, and how: docs/decisions/0001.
import { execFileSync } from "node:child_process";
import { globSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join, resolve } from "node:path";
import { type InputOptions, type OutputOptions, type Plugin, rolldown } from "rolldown";
import { builtins, spares } from "./builtins.ts";
import { type Groups, grouped } from "./chunks.ts";

const ROOT = resolve(import.meta.dirname, "..");
const DIST = join(ROOT, process.argv[2] ?? "dist");

/** Native, or large and rarely used: they stay ordinary dependencies, loaded on demand. */
const RARE = [
  "undici",
  "keytar",
  /^@napi-rs\//,
  "nodemailer",
  /^nodemailer\//,
  "smtp-server",
  "pino",
  "@clack/prompts",
  "postal-mime",
];

const COMMON: InputOptions = {
  cwd: ROOT,
  platform: "node",
  preserveEntrySignatures: "allow-extension",
  external: [...RARE, "node:module", "module"],
  treeshake: { propertyReadSideEffects: false },
  // A library's fallback for what we do not use, or a file on the way of one command and not of another.
  checks: { ineffectiveDynamicImport: false },
};

/** What the first request over HTTP loads. */
const SEND = [
  "src/channel/http-client.ts",
  "src/channel/http-executor.ts",
  "src/channel/slack-executor.ts",
  "undici/lib/dispatcher/agent.js",
  "undici/lib/core/connect.js",
  "@slack/webhook/dist/index.js",
];

/** What only `z` as a whole needs, which `bellhop/sdk` gives away: above all its messages in fifty languages. */
const WHOLE_ZOD =
  /\/zod\/(index|v4\/(core\/(index|visit|json-schema-generator)|classic\/(external|coerce|compat|deep-partial|from-json-schema|in-out)|locales\/(?!en\.).+))\.js$/;

async function bundle(input: Record<string, string>, groups: Groups, output: OutputOptions, plugins: Plugin[] = []) {
  const { plugin, codeSplitting } = grouped(groups, ROOT);
  const build = await rolldown({ ...COMMON, input, plugins: [...plugins, builtins, spares, plugin] });
  await build.write({ charset: "ascii", format: "esm", codeSplitting, ...output });
  await build.close();
}

/** The entries share one copy of everything, because they share state: types that are registered, the current hub. */
async function bundleLibrary(): Promise<void> {
  const entries = [
    "src/index.ts",
    "src/sdk.ts",
    "src/hub.ts",
    ...globSync("blocks/*.ts", { cwd: ROOT }).map((file) => file.replaceAll("\\", "/")),
  ];
  const files = [...entries, "src/testing.ts"];
  await bundle(
    Object.fromEntries(files.map((file) => [file.replace(/\.ts$/, ""), join(ROOT, file)])),
    { zod: WHOLE_ZOD, core: entries, send: SEND },
    { dir: DIST, entryFileNames: "[name].js", chunkFileNames: "chunks/[name]-[hash].js" },
  );
}

/** The command loads no code of users, so it needs no copy in common with them, and gets files cut for its own paths. */
async function bundleCommand(): Promise<void> {
  const output: OutputOptions = {
    dir: DIST,
    entryFileNames: "[name].js",
    chunkFileNames: "chunks/cli-[name]-[hash].js",
    minify: true,
  };
  // The entry turns the compile cache on, which serves files that are loaded after it.
  const later: Plugin = {
    name: "later",
    resolveId: (source) => (source === "./process.ts" ? { id: "./process.js", external: true } : null),
  };
  await bundle({ "src/cli/main": join(ROOT, "src/cli/main.ts") }, {}, { ...output, codeSplitting: false }, [later]);
  await bundle(
    { "src/cli/process": join(ROOT, "src/cli/process.ts") },
    {
      command: ["src/cli/process.ts"],
      core: ["src/cli/commands/notify.ts", "src/config/load.ts", "src/core.ts", "blocks/slack-webhook.ts"],
      send: SEND,
      hub: ["src/hub.ts"],
    },
    output,
  );
}

rmSync(DIST, { recursive: true, force: true });
await bundleLibrary();
await bundleCommand();
const tsc = join(dirname(createRequire(import.meta.url).resolve("typescript/package.json")), "bin", "tsc");
execFileSync(process.execPath, [tsc, "-p", join(ROOT, "tsconfig.build.json"), "--outDir", DIST], { stdio: "inherit" });
