// Builds dist/: JavaScript with rolldown, declarations with tsc. Why bundled, and how: docs/decisions/0001.
import { execFileSync } from "node:child_process";
import { globSync, rmSync } from "node:fs";
import { createRequire, isBuiltin } from "node:module";
import { dirname, join, resolve } from "node:path";
import { type Plugin, rolldown } from "rolldown";

const ROOT = resolve(import.meta.dirname, "..");

/** Native, or large and rarely used: they stay ordinary dependencies, loaded on demand. */
const EXTERNAL = [
  "keytar",
  /^@napi-rs\//,
  "nodemailer",
  /^nodemailer\//,
  "smtp-server",
  "pino",
  "@clack/prompts",
  "postal-mime",
];

const entries = (): Record<string, string> => {
  const files = [
    "src/index.ts",
    "src/sdk.ts",
    "src/hub.ts",
    "src/testing.ts",
    "src/cli/main.ts",
    ...globSync("blocks/*.ts", { cwd: ROOT }),
  ];
  return Object.fromEntries(files.map((file) => [file.replace(/\.ts$/, "").replaceAll("\\", "/"), join(ROOT, file)]));
};

const PREFIX = "\0builtin:";

/**
 * Takes Node's own modules directly. An `import` of one reads every name it exports, and with that loads what lazy
 * getters stand for (`node:http` alone: 40 ms, for a WebSocket that nobody asked for).
 */
const builtins: Plugin = {
  name: "builtins",
  resolveId: (source) =>
    isBuiltin(source) && source !== "node:module" && source !== "module"
      ? { id: PREFIX + source, moduleSideEffects: false }
      : null,
  load: (id) =>
    id.startsWith(PREFIX)
      ? {
          code: `module.exports = process.getBuiltinModule(${JSON.stringify(id.slice(PREFIX.length))});`,
          moduleType: "js",
        }
      : null,
};

rmSync(join(ROOT, "dist"), { recursive: true, force: true });
const bundle = await rolldown({
  input: entries(),
  cwd: ROOT,
  platform: "node",
  external: [...EXTERNAL, "node:module", "module"],
  plugins: [builtins],
});
await bundle.write({
  dir: join(ROOT, "dist"),
  format: "esm",
  entryFileNames: "[name].js",
  chunkFileNames: "chunks/[name]-[hash].js",
});
await bundle.close();

const tsc = join(dirname(createRequire(import.meta.url).resolve("typescript/package.json")), "bin", "tsc");
execFileSync(process.execPath, [tsc, "-p", join(ROOT, "tsconfig.build.json")], { stdio: "inherit" });
