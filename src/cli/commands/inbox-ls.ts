import type { CommandSpec } from "../command.ts";
import { facts } from "../table.ts";
import { safeLine, safeText } from "../terminal-text.ts";
import { distanceText } from "../time-text.ts";
import { inboxMessageJson } from "../wire.ts";

export const inboxLs: CommandSpec = {
  description: "Messages that blocks of the type inbox kept on this machine, newest first.",
  options: [
    { flags: "--inbox <ref>", text: "only messages to this block, e.g. inbox/dev" },
    { flags: "--limit <n>", text: "most messages shown, 1 to 200 (default 20)" },
  ],
  examples: [
    { line: "bellhop inbox ls", text: "the latest 20 messages" },
    { line: "bellhop inbox ls --inbox inbox/dev --limit 1", text: "the last message to one inbox" },
  ],
  run: async ({ core, options, out, clock }) => {
    const { store } = await core();
    const inbox = options.text("inbox");
    const limit = options.count("limit", { min: 1, max: 200 }) ?? 20;
    const messages = await store.inbox.list({ limit, ...(inbox === undefined ? {} : { inbox }) });
    out.value(messages.map(inboxMessageJson));
    if (messages.length === 0)
      out.note("The inbox is empty. Save one and use it as a channel: bellhop block save inbox/dev");
    for (const [at, message] of messages.entries()) {
      if (at > 0) out.line();
      out.line(out.paint.bold(safeLine(message.title === "" ? "(no title)" : message.title)));
      facts(out, [
        ["to", message.inbox],
        ["received", distanceText(message.receivedAtMs, clock.now())],
      ]);
      for (const line of safeText(message.body).split("\n")) out.line(`  ${line}`.trimEnd());
    }
  },
};
