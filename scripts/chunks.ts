import type { CodeSplittingOptions, Plugin } from "rolldown";

/**
 * Files that are loaded together, by the name of the chunk that holds them. Earlier groups take what they share. A
 * pattern stands for the files it fits, without what they import.
 */
export type Groups = Readonly<Record<string, readonly string[] | RegExp>>;

/**
 * One chunk for each group: the named files and everything they import statically. A file costs up to a millisecond to
 * find, read and link, and left to itself the bundler makes thirty of them on the way to one notification.
 */
export function grouped(groups: Groups, root: string): { plugin: Plugin; codeSplitting: CodeSplittingOptions } {
  const groupOf = new Map<string, string>();
  const seen = new Set<string>();
  const plugin: Plugin = {
    name: "chunks",
    buildEnd() {
      const ids = [...this.getModuleIds()];
      for (const [name, files] of Object.entries(groups)) {
        if (files instanceof RegExp) {
          for (const id of ids) if (files.test(id.replaceAll("\\", "/"))) groupOf.set(id, name);
          continue;
        }
        const open = files.map((file) => {
          const id = ids.find((known) => known.replaceAll("\\", "/").endsWith(`/${file}`) && known.startsWith(root));
          if (id === undefined) throw new Error(`no module ${file} for the chunk ${name}`);
          return id;
        });
        for (let id = open.pop(); id !== undefined; id = open.pop()) {
          if (seen.has(id)) continue;
          seen.add(id);
          if (!groupOf.has(id)) groupOf.set(id, name);
          open.push(...(this.getModuleInfo(id)?.importedIds ?? []));
        }
      }
    },
  };
  return {
    plugin,
    codeSplitting: {
      // The groups are closed already; the bundler would only move shared modules to the first one that asks.
      includeDependenciesRecursively: false,
      groups: Object.keys(groups).map((name) => ({ name, test: (id: string) => groupOf.get(id) === name })),
    },
  };
}
