import { BellhopError } from "../../base/errors.ts";
import { Block } from "../../block/block.ts";
import { withBlockContext } from "../../block/ambient.ts";
import type { Severity } from "../../channel/message.ts";
import type { CommandContext, CommandSpec } from "../command.ts";
import { withProgress } from "../progress.ts";
import { receiptJson, receiptLine } from "../receipt-text.ts";

const SEVERITIES = ["info", "success", "warning", "error", "critical"] as const satisfies readonly Severity[];

export const notify: CommandSpec = {
  description:
    "Sends one message now and waits for the provider's answer. The attempt is recorded, see bellhop delivery ls.",
  args: [
    { name: "ref", text: "saved block, e.g. slack-webhook/ops" },
    { name: "message", text: "text in the channel's own markup, or - for standard input" },
  ],
  options: [
    { flags: "-s, --subject <text>", text: "title, or subject line of a mail" },
    { flags: "--severity <level>", text: "how bad it is (default info)", choices: SEVERITIES },
  ],
  examples: [
    { line: 'bellhop notify slack-webhook/ops "Backup done"', text: "one line to Slack" },
    {
      line: "tail -20 job.log | bellhop notify email-smtp/oncall - --subject 'Nightly job failed' --severity error",
      text: "the end of a log by mail",
    },
    {
      line: './job.sh || bellhop notify slack-webhook/ops "job.sh failed with $?"',
      text: "after a command that failed",
    },
  ],
  run: async (context) => {
    const { args, out, clock, core, signal } = context;
    const ref = args[0] ?? "";
    const body = await bodyOf(context);
    const severity = SEVERITIES.find((level) => level === context.options.text("severity"));
    const title = context.options.text("subject");
    const { blockContext } = await core();
    const receipt = await withProgress(out, clock, `sending to ${ref}`, () =>
      withBlockContext(blockContext, () =>
        Block.load(ref).notify({
          body,
          signal,
          ...(title === undefined ? {} : { title }),
          ...(severity === undefined ? {} : { severity }),
        }),
      ),
    );
    out.value(receiptJson(ref, receipt));
    out.line(receiptLine(out.paint, ref, receipt));
  },
};

async function bodyOf({ args, readStdin }: CommandContext): Promise<string> {
  const given = args[1] ?? "";
  const body = given === "-" ? (await readStdin()).replace(/\r?\n$/, "") : given;
  if (body.trim() === "")
    throw new BellhopError("cli_usage", {
      problem: "the message is empty",
      next: "Give the text as second word, or pipe it in and give -.",
    });
  return body;
}
