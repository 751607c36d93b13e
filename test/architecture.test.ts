import { describe, expect, it } from "vitest";
import { type SourceFile, sourceFiles } from "./support/source-files.ts";

/** A file may import from its own folder or from a strictly lower row. */
const LAYERS: readonly (readonly string[])[] = [
  ["base"],
  ["states", "config"],
  ["orchestration", "templating"],
  ["channel"],
  ["runs", "block", "events"],
  ["results"],
  ["transactions"],
  ["engine", "delivery", "sdk.ts"],
  ["blocks"],
  ["hooks", "automations", "routing", "builtin.gen.ts"],
  ["store", "vault", "client", "inbox"],
  ["core.ts", "flow.ts", "task.ts", "hub.ts", "run-control.ts"],
  ["web"],
  ["server"],
  ["cli", "index.ts", "testing.ts"],
];
const MAX_LINES = 400;
const MAX_DRIVER_LINES = 150;

const files = sourceFiles("src", "blocks");

/** The room a file is in: its folder below src/, its own name at the top of src/, or `blocks`. */
function roomOf(path: string): string {
  const [top, second] = path.split("/");
  return top === "src" ? String(second) : String(top);
}
const rowOf = (path: string): number => LAYERS.findIndex((row) => row.includes(roomOf(path)));

const isAllowed = (from: string, to: string): boolean =>
  (roomOf(from) === roomOf(to) && !roomOf(from).endsWith(".ts")) ||
  rowOf(to) < rowOf(from) ||
  (roomOf(from).endsWith(".ts") && roomOf(to).endsWith(".ts") && rowOf(from) === rowOf(to));

function findCycle(all: readonly SourceFile[]): string[] | undefined {
  const byPath = new Map(all.map((file) => [file.path, file.imports]));
  const done = new Set<string>();
  const visit = (path: string, trail: readonly string[]): string[] | undefined => {
    if (trail.includes(path)) return [...trail.slice(trail.indexOf(path)), path];
    if (done.has(path)) return undefined;
    for (const next of byPath.get(path) ?? []) {
      const cycle = visit(next, [...trail, path]);
      if (cycle !== undefined) return cycle;
    }
    done.add(path);
    return undefined;
  };
  for (const file of all) {
    const cycle = visit(file.path, []);
    if (cycle !== undefined) return cycle;
  }
  return undefined;
}

const offenders = (pattern: RegExp, except: (path: string) => boolean): string[] =>
  files
    .filter((file) => !except(file.path))
    .flatMap((file) =>
      file.text
        .split("\n")
        .map((line, index) => ({ line: line.trim(), at: `${file.path}:${index + 1}` }))
        .filter(({ line }) => !/^(\/\/|\*|\/\*)/.test(line) && pattern.test(line))
        .map(({ line, at }) => `${at} ${line}`),
    );

describe("architecture", () => {
  it("knows a row for every folder", () => {
    expect(files.length).toBeGreaterThan(50);
    expect(files.filter((file) => rowOf(file.path) < 0).map((file) => file.path)).toEqual([]);
  });

  it("lets imports point down only", () => {
    const wrong = files.flatMap((file) =>
      file.imports.filter((target) => !isAllowed(file.path, target)).map((target) => `${file.path} → ${target}`),
    );
    expect(wrong).toEqual([]);
  });

  it("lets a block type import nothing but the sdk and other block types", () => {
    const wrong = files
      .filter((file) => file.path.startsWith("blocks/"))
      .flatMap((file) => file.imports.filter((target) => target !== "src/sdk.ts" && !target.startsWith("blocks/")));
    expect(wrong).toEqual([]);
  });

  it("has no import cycle between files", () => {
    expect(findCycle(files)).toBeUndefined();
  });

  it(`has no file over ${MAX_LINES} lines, no driver over ${MAX_DRIVER_LINES}`, () => {
    const long = files
      .map(({ path, text }) => ({ path, lines: text.split("\n").length - 1 }))
      .filter(({ path, lines }) => lines > (path.startsWith("blocks/") ? MAX_DRIVER_LINES : MAX_LINES));
    expect(long).toEqual([]);
  });

  it("takes time and chance from src/base only", () => {
    const pattern = /\bDate\.now\(|\bsetTimeout\(|\bsetInterval\(|\bMath\.random\(|\bnew Date\(\)/;
    expect(offenders(pattern, (path) => path.startsWith("src/base/"))).toEqual([]);
  });

  it("reads the environment in src/config and at the entry of the command line only", () => {
    const allowed = (path: string) => path.startsWith("src/config/") || path === "src/cli/main.ts";
    expect(offenders(/\bprocess\.env\b/, allowed)).toEqual([]);
  });

  it("reveals secrets only where a request is built, a key is read or a document is sealed", () => {
    const allowed = (path: string) =>
      path.startsWith("blocks/") ||
      path.startsWith("src/vault/") ||
      path.startsWith("src/block/") ||
      path === "src/base/secret.ts";
    expect(offenders(/\.reveal\(|\.getSecretValue\(/, allowed)).toEqual([]);
  });

  it("uses no any, no suppression, no default export and no enum", () => {
    const pattern =
      /: any\b|\bas any\b|<any>|\bany\[\]|@ts-ignore|@ts-expect-error|^export default |^(export )?(const )?enum /;
    expect(offenders(pattern, () => false)).toEqual([]);
  });

  it("writes to the console nowhere but through the command line's output", () => {
    expect(offenders(/\bconsole\.(log|info|warn|error|debug)\(/, (path) => path.startsWith("src/cli/"))).toEqual([]);
  });
});
