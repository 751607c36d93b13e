import { capabilitiesOf } from "../../block/block-class.ts";
import { knownSlugs, requireClass } from "../../block/registry.ts";
import type { CommandSpec } from "../command.ts";
import { table } from "../table.ts";

/** `A. B.` → `A.` */
const firstSentence = (text: string): string => /^.*?[.!?](?=\s|$)/s.exec(text)?.[0] ?? text;

export const blockTypeLs: CommandSpec = {
  description: "The kinds of blocks that can be saved. Those that can notify are channels.",
  options: [{ flags: "--capability <name>", text: "only types that can do this, e.g. notify" }],
  examples: [
    { line: "bellhop block type ls", text: "all of them" },
    { line: "bellhop block type ls --capability notify", text: "channels" },
  ],
  run: async ({ core, options, out }) => {
    // The hub brings the built-in types with it.
    await core();
    const capability = options.text("capability");
    const types = (await Promise.all(knownSlugs().map(requireClass))).filter(
      (type) => capability === undefined || capabilitiesOf(type).includes(capability),
    );
    const listed = types.map((type) => ({
      slug: type.definition.slug,
      name: type.definition.name ?? type.name,
      description: type.definition.description ?? null,
      documentation_url: type.definition.documentationUrl ?? null,
      capabilities: [...capabilitiesOf(type)],
    }));
    out.value(listed);
    table(
      out,
      [
        { title: "TYPE", of: ({ slug }) => slug, paint: (text) => out.paint.bold(text) },
        { title: "CAN", of: ({ capabilities }) => capabilities.join(", ") },
        { title: "DESCRIPTION", of: ({ description }) => firstSentence(description ?? ""), flexible: true },
      ],
      listed,
    );
    out.note("\nSave one: bellhop block save <type>/<name>");
  },
};
