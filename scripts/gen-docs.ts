// Writes what the documents take from the code: docs/errors.md and the block table of README.md.
// `--check` writes nothing and fails when a file is stale.
import { readFileSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { ERRORS, type ErrorSpec } from "../src/base/error-table.ts";
import { BUILTIN_BLOCKS } from "../src/builtin.gen.ts";

const ROOT = resolve(import.meta.dirname, "..");

/** Details whose every property reads as `<name>`, so that a message shows where its values go. */
const placeholders = (): never => {
  const named = (name: string): unknown =>
    Object.assign(new String(`<${name}>`), {
      join: () => `<${name}>`,
      map: () => named(name),
      slice: () => named(name),
      filter: () => named(name),
      find: () => undefined,
    });
  // Only property reads happen on it, and those are answered for every name.
  return new Proxy({}, { get: (_target, key) => (typeof key === "string" ? named(key) : undefined) }) as never;
};

const cell = (text: string): string =>
  text.replaceAll("NaN", "<n>").replaceAll("|", "\\|").replaceAll("\n", " ").replaceAll("<", "&lt;");

function errorsPage(): string {
  const rows = Object.entries(ERRORS as Readonly<Record<string, ErrorSpec>>)
    .toSorted(([a], [b]) => a.localeCompare(b))
    .map(([code, spec]) => {
      const details = placeholders();
      return `| \`${code}\` | ${spec.name} | ${spec.status} | ${cell(spec.message(details))} | ${cell(spec.hint(details))} |`;
    });
  return [
    "# Error codes",
    "",
    "Every error that Bellhop throws has a `code`, a `message` and a `hint`. Test the code, never the text.",
    "This page is generated from `src/base/error-table.ts` with `npm run gen`.",
    "",
    "| Code | Class | HTTP | Message | What to do |",
    "|---|---|---|---|---|",
    ...rows,
    "",
  ].join("\n");
}

async function blockTable(): Promise<string> {
  const rows = await Promise.all(
    Object.entries(BUILTIN_BLOCKS).map(async ([slug, { load }]) => {
      const { definition } = await load();
      const kind = definition.capabilities?.includes("notify") ? "channel" : "data";
      return `| \`${slug}\` | ${kind} | ${cell(definition.description ?? "")} |`;
    }),
  );
  return ["| Block type | Kind | What it does |", "|---|---|---|", ...rows.toSorted()].join("\n");
}

const BEGIN = "<!-- blocks: generated with npm run gen -->";
const END = "<!-- /blocks -->";

function withTable(readme: string, table: string): string {
  const from = readme.indexOf(BEGIN);
  const to = readme.indexOf(END);
  if (from < 0 || to < from) throw new Error("README.md has lost the markers of the block table");
  return `${readme.slice(0, from + BEGIN.length)}\n${table}\n${readme.slice(to)}`;
}

const readmePath = join(ROOT, "README.md");
const outputs = new Map([
  [join(ROOT, "docs/errors.md"), errorsPage()],
  [readmePath, withTable(readFileSync(readmePath, "utf8"), await blockTable())],
]);
const check = process.argv.includes("--check");
for (const [path, text] of outputs) {
  let current = "";
  try {
    current = readFileSync(path, "utf8");
  } catch {
    // the first run makes it
  }
  if (current === text) continue;
  if (check) {
    process.stderr.write(`${path} is stale: run npm run gen\n`);
    process.exitCode = 1;
  } else writeFileSync(path, text);
}
