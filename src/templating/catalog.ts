import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { join, relative, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { BellhopError, messageOf } from "../base/errors.ts";
import type { TemplateCatalog, TemplateListing, TemplateOrigin, TemplateSource } from "./template-source.ts";
import { nearest } from "./suggest.ts";
import { LIMITS } from "./source-limits.ts";

export type { TemplateCatalog } from "./template-source.ts";

export interface CatalogOptions {
  /** The project's templates; a folder that does not exist is an empty one. Null for the built-in ones alone. */
  readonly templatesDir: string | null;
}

const EXTENSION = ".hbs";
const PARTIALS = "_partials";

/** One `templates/` folder: names and their files. The text of a file is read when it is asked for. */
interface Folder {
  readonly names: ReadonlyMap<string, readonly TemplateSource[]>;
  readonly partials: ReadonlyMap<string, TemplateSource>;
}

const EMPTY: Folder = { names: new Map(), partials: new Map() };

/**
 * Opens the templates of a project and the built-in ones. Reads nothing before the first question, and each file once:
 * a process keeps the templates it began with.
 */
export function openCatalog({ templatesDir }: CatalogOptions): TemplateCatalog {
  const builtInDir = builtInTemplates();
  const ownDir = templatesDir === null ? null : resolve(templatesDir);
  const isOwn = ownDir !== null && ownDir !== builtInDir;
  const builtIn = once(() => readFolder(builtInDir, "built-in"));
  const project = once(() => (isOwn ? readFolder(ownDir, "project") : EMPTY));

  const catalog: TemplateCatalog = {
    list: () => listing(project(), builtIn()),
    has: (name) => project().names.has(name) || builtIn().names.has(name),
    sources: (name) => {
      const found = [...(project().names.get(name) ?? []), ...(builtIn().names.get(name) ?? [])];
      if (found.length > 0) return found;
      const names = catalog.list().map((entry) => entry.name);
      throw new BellhopError("template_not_found", { name, nearest: nearest(name, names) ?? null });
    },
    partial: (name, suffixes, origin) => {
      const folders = foldersFor(origin, project, builtIn);
      for (const folder of folders) {
        for (const suffix of suffixes) {
          const found = folder.partials.get(`${name}.${suffix}`);
          if (found !== undefined) return found;
        }
        const plain = folder.partials.get(name);
        if (plain !== undefined) return plain;
      }
      return undefined;
    },
    partialNames: (origin) => {
      const files = foldersFor(origin, project, builtIn).flatMap(({ partials }) => Array.from(partials.keys()));
      return [...new Set(files.map((file) => file.split(".", 1)[0] ?? file))];
    },
    check: async () => {
      const { checkSources } = await import("./check.ts");
      return checkSources(catalog, [...project().names.values()]);
    },
  };
  return catalog;
}

/** Built-in templates see built-in partials only, so that a project's mistake cannot break what it falls back to. */
const foldersFor = (origin: TemplateOrigin, project: () => Folder, builtIn: () => Folder): readonly Folder[] =>
  origin === "built-in" ? [builtIn()] : [project(), builtIn()];

/** `templates/` at the top of the package: two folders up in the sources, three in what is published. */
function builtInTemplates(): string {
  const candidates = ["../../templates/", "../../../templates/"].map((path) =>
    resolve(fileURLToPath(new URL(path, import.meta.url))),
  );
  return candidates.find((path) => existsSync(join(path, PARTIALS))) ?? candidates[0] ?? "";
}

function readFolder(dir: string, origin: TemplateOrigin): Folder {
  const names = new Map<string, readonly TemplateSource[]>();
  const partials = new Map<string, TemplateSource>();
  const root = resolve(dir, "..");
  for (const entry of directoriesIn(dir)) {
    const files = filesIn(join(dir, entry)).map((file) =>
      sourceOf({ dir: join(dir, entry), file, root, origin, name: entry }),
    );
    if (entry === PARTIALS) for (const file of files) partials.set(file.variant, file);
    else if (/^[A-Za-z0-9]/.test(entry) && files.length > 0) names.set(entry, files);
  }
  return { names, partials };
}

const directoriesIn = (dir: string): string[] =>
  existsSync(dir)
    ? readdirSync(dir)
        .filter((entry) => statSync(join(dir, entry), { throwIfNoEntry: false })?.isDirectory() === true)
        .toSorted()
    : [];

const filesIn = (dir: string): string[] =>
  readdirSync(dir)
    .filter((file) => file.endsWith(EXTENSION))
    .toSorted();

interface FileFacts {
  readonly dir: string;
  readonly file: string;
  readonly root: string;
  readonly origin: TemplateOrigin;
  readonly name: string;
}

function sourceOf({ dir, file, root, origin, name }: FileFacts): TemplateSource {
  const path = join(dir, file);
  const read = once(() => readText(path));
  return {
    origin,
    name,
    variant: file.slice(0, -EXTENSION.length),
    file: relative(root, path).replaceAll("\\", "/"),
    get text() {
      return read().text;
    },
    get unreadable() {
      return read().unreadable;
    },
  };
}

function readText(path: string): Pick<TemplateSource, "text" | "unreadable"> {
  try {
    if (statSync(path).size > LIMITS.sourceBytes) {
      return {
        text: "",
        unreadable: { code: "too_large", message: `The file is larger than ${LIMITS.sourceBytes} bytes.` },
      };
    }
    return { text: new TextDecoder("utf-8", { fatal: true }).decode(readFileSync(path)) };
  } catch (error) {
    const message =
      error instanceof TypeError ? "The file is not UTF-8." : `The file cannot be read: ${messageOf(error)}`;
    return { text: "", unreadable: { code: "unreadable", message } };
  }
}

function listing(project: Folder, builtIn: Folder): TemplateListing[] {
  const names = [...new Set([...project.names.keys(), ...builtIn.names.keys()])].toSorted();
  return names.map((name) => {
    const own = project.names.get(name);
    const files = own ?? builtIn.names.get(name) ?? [];
    return {
      name,
      origin: own === undefined ? "built-in" : "project",
      variants: files.map((file) => file.variant),
      files: files.map((file) => file.file),
      shadows: own !== undefined && builtIn.names.has(name) ? ["built-in"] : [],
    };
  });
}

/** Calls `make` at the first call and keeps what it gave. */
function once<T>(make: () => T): () => T {
  let made: { readonly value: T } | undefined;
  return () => (made ??= { value: make() }).value;
}
