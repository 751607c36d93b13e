import type { JsonObject } from "../../base/json.ts";
import { type Preview, preview } from "../../templating/preview.ts";
import { mailCard } from "../cards/mail-card.ts";
import { slackCard } from "../cards/slack-card.ts";
import type { CommandSpec } from "../command.ts";
import type { Output } from "../output.ts";
import { safeLine, safeText, wrapColumns } from "../terminal-text.ts";

const SAMPLES = ["normal", "minimal", "hostile"] as const;

export const templatePreview: CommandSpec = {
  description: "Renders a template with example data, once per variant, as a reader of the channel sees it.",
  args: [{ name: "name", text: "template, e.g. run-failed" }],
  options: [
    { flags: "--sample <name>", text: "example data (default normal); hostile tries to break out", choices: SAMPLES },
    { flags: "--variant <name>", text: "only this one, e.g. slack.json, email, text" },
    { flags: "--raw", text: "what the provider gets: JSON, HTML, markup" },
  ],
  examples: [
    { line: "bellhop template preview run-failed", text: "every variant" },
    {
      line: "bellhop template preview run-failed --variant email --raw > mail.html",
      text: "the HTML of the mail, for a browser",
    },
    {
      line: "bellhop template preview run-failed --sample hostile --variant slack.json",
      text: "does anything get through?",
    },
  ],
  run: async ({ core, args, options, out, clock }) => {
    const { catalog } = await core();
    const sample = SAMPLES.find((name) => name === options.text("sample"));
    const variant = options.text("variant");
    const previews = await preview({ catalog, name: args[0] ?? "", sample, variant, clock });
    out.value(previews.map(previewJson));
    for (const [at, one] of previews.entries()) {
      if (at > 0) out.line();
      if (options.flag("raw")) showRaw(out, one, previews.length > 1);
      else show(out, one);
    }
  },
};

const previewJson = ({ name, variant, dialect, message, problems, sizeBytes, durationMs }: Preview): JsonObject => ({
  name,
  variant,
  dialect,
  title: message.title,
  body: message.body,
  html: message.html ?? null,
  native: message.native ?? null,
  truncated: message.truncated,
  template: message.template,
  template_error: message.templateError,
  warnings: [
    ...message.warnings,
    ...problems.map((problem) => `${problem.file}:${problem.line}:${problem.column} ${problem.message}`),
  ],
  size_bytes: sizeBytes,
  duration_ms: durationMs,
});

function show(out: Output, one: Preview): void {
  const { message, problems } = one;
  out.line(`${out.paint.bold(one.variant)}  ${out.paint.dim(`${one.dialect}, ${one.sizeBytes} bytes`)}`);
  out.line();
  for (const line of card(out, one)) out.line(line);
  if (message.templateError !== null) out.line(`${out.paint.bad("✗")} ${safeLine(message.templateError)}`);
  for (const warning of message.warnings) out.line(`${out.paint.warn("!")} ${safeLine(warning)}`);
  for (const problem of problems)
    out.line(`${out.paint.warn("!")} ${problem.file}:${problem.line}:${problem.column} ${safeLine(problem.message)}`);
}

function card(out: Output, { message, dialect }: Preview): string[] {
  if (dialect === "slack-json" || dialect === "slack-mrkdwn")
    return slackCard(out.paint, out.columns, message.native ?? { text: message.body });
  if (message.html !== undefined)
    return mailCard(out.paint, out.columns, { subject: message.title, text: message.body, html: message.html });
  const text = message.native === undefined ? message.body : JSON.stringify(message.native, null, 2);
  const bar = out.paint.accent("┃");
  return wrapColumns(safeText(text).trimEnd(), out.columns - 2).map((line) => `${bar} ${line}`.trimEnd());
}

/** Exactly what a provider gets; a heading only where there are several. */
function showRaw(out: Output, { variant, message }: Preview, several: boolean): void {
  if (several) out.line(out.paint.bold(`== ${variant}`));
  const text = message.native === undefined ? (message.html ?? message.body) : JSON.stringify(message.native, null, 2);
  // In a file or a pipe the bytes stay as they are; on a terminal they must not act on it.
  out.line(out.cuts ? safeText(text) : text);
}
