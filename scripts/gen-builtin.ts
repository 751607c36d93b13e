import { readdir, readFile, writeFile } from "node:fs/promises";
import { methodNames } from "../src/block/block-promise.ts";

const BLOCKS = new URL("../blocks/", import.meta.url);
const TARGET = new URL("../src/builtin.gen.ts", import.meta.url);

interface Found {
  readonly slug: string;
  readonly className: string;
  readonly methods: readonly string[];
}

/** The class of a block file: the export whose slug is the file's name. */
async function classIn(slug: string): Promise<Found> {
  // A module gives its exports by name; what they are is checked one by one.
  const exported = (await import(new URL(`${slug}.ts`, BLOCKS).href)) as Record<string, unknown>;
  for (const [className, value] of Object.entries(exported)) {
    if (typeof value !== "function" || !("definition" in value)) continue;
    const { definition } = value;
    const isOwn =
      typeof definition === "object" && definition !== null && "slug" in definition && definition.slug === slug;
    // Classes have a prototype object; TypeScript gives functions one of type any.
    if (isOwn) return { slug, className, methods: methodNames(value.prototype as object) };
  }
  throw new Error(`blocks/${slug}.ts exports no class with the slug "${slug}"`);
}

const entry = ({ slug, className, methods }: Found): string =>
  `  "${slug}": {
    load: async () => (await import("../blocks/${slug}.ts")).${className},
    methods: [${methods.map((name) => `"${name}"`).join(", ")}],
  },`;

/** Text of `src/builtin.gen.ts` as the folder `blocks/` is now. */
export async function renderBuiltin(): Promise<string> {
  const files = (await readdir(BLOCKS)).filter((name) => name.endsWith(".ts")).toSorted();
  const found = await Promise.all(files.map((name) => classIn(name.slice(0, -".ts".length))));
  return `// Made by scripts/gen-builtin.ts from the folder blocks/. Do not edit: run "npm run gen".
import type { BuiltinBlock } from "./block/registry.ts";

/** The block types that come with the package, by slug; each is loaded when it is first used. */
export const BUILTIN_BLOCKS = {
${found.map(entry).join("\n")}
} satisfies Readonly<Record<string, BuiltinBlock>>;

/** Naming the classes in a type keeps their entries in \`BlockTypes\` part of every program that uses the package. */
export type BuiltinBlocks = typeof BUILTIN_BLOCKS;
`;
}

if (import.meta.main) {
  const text = await renderBuiltin();
  if (!process.argv.includes("--check")) await writeFile(TARGET, text);
  else if ((await readFile(TARGET, "utf8")) !== text) {
    process.stderr.write(`${TARGET.pathname} is stale: run npm run gen\n`);
    process.exitCode = 1;
  }
}
