import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";

export interface TemplateProject extends Disposable {
  /** Folder that holds `templates/`. */
  readonly dir: string;
  readonly templatesDir: string;
}

/** A project folder with the given files below `templates/`; removed when disposed. */
export function templateProject(files: Readonly<Record<string, string>>): TemplateProject {
  const dir = mkdtempSync(join(tmpdir(), "bellhop-templates-"));
  for (const [path, text] of Object.entries(files)) {
    const file = join(dir, "templates", path);
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, text);
  }
  return {
    dir,
    templatesDir: join(dir, "templates"),
    [Symbol.dispose]: () => rmSync(dir, { recursive: true, force: true }),
  };
}
