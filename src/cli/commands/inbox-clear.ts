import type { CommandSpec } from "../command.ts";
import { confirmed } from "../confirm.ts";

export const inboxClear: CommandSpec = {
  options: [
    { flags: "--inbox <ref>", text: "only messages to this block" },
    { flags: "-y, --yes", text: "do not ask" },
  ],
  examples: [
    { line: "bellhop inbox clear --inbox inbox/dev", text: "empty one inbox" },
    { line: "bellhop inbox clear -y", text: "empty all of them without a question" },
  ],
  run: async (context) => {
    const inbox = context.options.text("inbox");
    if (
      !(await confirmed(
        context,
        inbox === undefined ? "Delete the messages of all inboxes?" : `Delete the messages of ${inbox}?`,
      ))
    )
      return;
    const { store } = await context.core();
    const deleted = await store.inbox.clear(inbox);
    context.out.value({ deleted });
    context.out.line(deleted === 1 ? "1 message deleted." : `${deleted} messages deleted.`);
  },
};
