import { Block } from "../../block/block.ts";
import { withBlockContext } from "../../block/ambient.ts";
import { BellhopError } from "../../base/errors.ts";
import type { CommandSpec } from "../command.ts";
import { confirmed } from "../confirm.ts";

export const blockDelete: CommandSpec = {
  args: [{ name: "ref", text: "saved block, e.g. slack-webhook/ops" }],
  options: [
    { flags: "-y, --yes", text: "do not ask" },
    { flags: "--force", text: "delete it although other blocks refer to it" },
  ],
  examples: [
    { line: "bellhop block delete slack-webhook/old", text: "asks first" },
    { line: "bellhop block delete slack-webhook/old -y", text: "for a script" },
  ],
  run: async (context) => {
    const { args, options, out, core } = context;
    const ref = args[0] ?? "";
    const { blockContext } = await core();
    await withBlockContext(blockContext, async () => {
      if (!(await Block.exists(ref))) throw new BellhopError("block_not_found", { ref });
      if (!(await confirmed(context, `Delete ${ref}?`))) return;
      await Block.delete(ref, { force: options.flag("force") });
      out.value({ deleted: ref });
      out.line(`Deleted block ${ref}.`);
    });
  },
};
