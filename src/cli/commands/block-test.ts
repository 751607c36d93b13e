import { Block } from "../../block/block.ts";
import { withBlockContext } from "../../block/ambient.ts";
import type { CommandSpec } from "../command.ts";
import { withProgress } from "../progress.ts";
import { receiptJson, receiptLine } from "../receipt-text.ts";
import { localTime } from "../time-text.ts";
import { attemptJson } from "../wire.ts";
import { showAttempts } from "../delivery/outcome-text.ts";

export const blockTest: CommandSpec = {
  description: "Sends a message that is marked as a test, and shows what the provider answered.",
  args: [{ name: "ref", text: "saved block, e.g. slack-webhook/ops" }],
  options: [{ flags: "--body <text>", text: "text of the message" }],
  examples: [
    { line: "bellhop block test slack-webhook/ops", text: "does the webhook work?" },
    { line: "bellhop block test email-smtp/oncall --json", text: "for a script" },
  ],
  run: async ({ args, options, out, clock, core, signal }) => {
    const ref = args[0] ?? "";
    const { blockContext, store, config } = await core();
    const body =
      options.text("body") ??
      `Test message from ${config.hubName}, sent at ${localTime(clock.now())}. Nothing is wrong.`;
    const receipt = await withProgress(out, clock, `testing ${ref}`, () =>
      withBlockContext(blockContext, () =>
        Block.load(ref).notify({ title: `[test] ${ref}`, body: `[test] ${body}`, severity: "info", signal }),
      ),
    );
    await store.runs.flush();
    const attempts = await store.outbox.attempts(receipt.deliveryId);
    out.value({ ...receiptJson(ref, receipt), attempt_log: attempts.map(attemptJson) });
    out.line(receiptLine(out.paint, ref, receipt));
    if (!out.json) showAttempts({ out }, attempts);
  },
};
