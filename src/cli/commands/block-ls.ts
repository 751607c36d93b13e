import { type BlockSummary, listBlocks } from "../../block/list-blocks.ts";
import type { CommandContext, CommandSpec } from "../command.ts";
import { type Column, table } from "../table.ts";
import { distanceText } from "../time-text.ts";
import { blockJson } from "../wire.ts";

export const blockLs: CommandSpec = {
  options: [
    { flags: "--type <slug>", text: "only this type, e.g. slack-webhook" },
    { flags: "--capability <name>", text: "only types that can do this, e.g. notify" },
    { flags: "--anonymous", text: "also blocks without a name of their own" },
    { flags: "--limit <n>", text: "most blocks shown, 1 to 200 (default 200)" },
  ],
  examples: [
    { line: "bellhop block ls", text: "everything that is saved" },
    { line: "bellhop block ls --capability notify", text: "channels only" },
    { line: "bellhop block ls --json | jq -r '.[].ref'", text: "references, for a script" },
  ],
  run: async (context) => {
    const { core, options, out } = context;
    const [type, capability] = [options.text("type"), options.text("capability")];
    const { blockContext } = await core();
    const blocks = await listBlocks(blockContext, {
      anonymous: options.flag("anonymous"),
      limit: options.count("limit", { min: 1, max: 200 }) ?? 200,
      ...(type === undefined ? {} : { type }),
      ...(capability === undefined ? {} : { capability }),
    });
    out.value(blocks.map(blockJson));
    if (blocks.length === 0) out.note("No blocks. Save one: bellhop block save slack-webhook/ops");
    else table(out, columns(context), blocks);
  },
};

function columns({ out, clock }: CommandContext): Column<BlockSummary>[] {
  const now = clock.now();
  const short = ({ data }: BlockSummary): string =>
    Object.entries(data)
      .flatMap(([name, value]) => (typeof value === "object" ? [] : [`${name}=${value}`]))
      .join(" ");
  return [
    { title: "BLOCK", of: ({ ref }) => ref, paint: (text) => out.paint.bold(text) },
    { title: "REV", of: ({ revision }) => String(revision) },
    { title: "UPDATED", of: ({ updated }) => distanceText(Date.parse(updated), now) },
    {
      title: "VALUES",
      of: (block) => (block.status === "ready" ? short(block) : `(${block.status})`),
      paint: (text, { status }) => (status === "ready" ? out.paint.dim(text) : out.paint.bad(text)),
      flexible: true,
    },
  ];
}
