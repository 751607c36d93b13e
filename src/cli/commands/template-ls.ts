import type { CommandSpec } from "../command.ts";
import { table } from "../table.ts";

export const templateLs: CommandSpec = {
  description: "The messages that hooks can send: built-in ones, and the project's own, which win.",
  examples: [{ line: "bellhop template ls", text: "names, where they come from, variants" }],
  run: async ({ core, out }) => {
    const listings = (await core()).catalog.list();
    out.value(
      listings.map(({ name, origin, variants, files, shadows }) => ({ name, origin, variants, files, shadows })),
    );
    table(
      out,
      [
        { title: "TEMPLATE", of: ({ name }) => name },
        {
          title: "FROM",
          of: ({ origin, shadows }) => (shadows.length === 0 ? origin : `${origin} (hides ${shadows.join(", ")})`),
          paint: (text, { origin }) => (origin === "built-in" ? out.paint.dim(text) : out.paint.accent(text)),
        },
        { title: "VARIANTS", of: ({ variants }) => variants.join(", "), flexible: true },
      ],
      listings,
    );
  },
};
