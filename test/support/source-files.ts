import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, posix, relative, resolve, sep } from "node:path";

export const ROOT = resolve(import.meta.dirname, "../..");

export interface SourceFile {
  /** Relative to the project root, with forward slashes. */
  readonly path: string;
  readonly text: string;
  /** Relative imports, types included, as project paths. */
  readonly imports: readonly string[];
}

const IMPORT = /(?:\bfrom\s*|\bimport\s*\(\s*|\bimport\s+)["'](\.[^"']+)["']/g;

const withoutComments = (text: string): string => text.replace(/\/\*[\s\S]*?\*\//g, "").replace(/^\s*\/\/.*$/gm, "");

/** Every TypeScript file below the given folders of the project. */
export function sourceFiles(...folders: readonly string[]): SourceFile[] {
  return folders.flatMap((folder) =>
    readdirSync(join(ROOT, folder), { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile() && entry.name.endsWith(".ts") && !entry.name.endsWith(".d.ts"))
      .map((entry) => {
        const absolute = join(entry.parentPath, entry.name);
        const path = relative(ROOT, absolute).split(sep).join("/");
        const text = readFileSync(absolute, "utf8");
        const imports = [...withoutComments(text).matchAll(IMPORT)].map(([, specifier]) =>
          posix.normalize(posix.join(dirname(path), String(specifier))),
        );
        return { path, text, imports };
      }),
  );
}
