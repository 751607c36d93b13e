import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { ROOT } from "./source-files.ts";

export interface DocBlock {
  /** `README.md:7` */
  readonly at: string;
  readonly code: string;
  readonly runnable: boolean;
}

const BLOCK = /^```ts(?<run> run)?\n(?<code>[\s\S]*?)^```$/gm;

/** Every ```ts block of the documents; those opened with ```ts run can be executed as they are. */
export function docBlocks(): DocBlock[] {
  return globSync(["*.md", "docs/**/*.md"], { cwd: ROOT })
    .toSorted()
    .flatMap((file) => {
      const text = readFileSync(join(ROOT, file), "utf8");
      return [...text.matchAll(BLOCK)].map((match) => ({
        at: `${file}:${text.slice(0, match.index).split("\n").length}`,
        code: match.groups?.["code"] ?? "",
        runnable: match.groups?.["run"] !== undefined,
      }));
    });
}
