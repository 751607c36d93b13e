import type { JsonObject, JsonValue } from "../../base/json.ts";
import { inspectBlock } from "../../block/list-blocks.ts";
import type { CommandContext, CommandSpec } from "../command.ts";
import { confirmed } from "../confirm.ts";
import { facts, heading } from "../table.ts";
import { safeLine } from "../terminal-text.ts";
import { localTime } from "../time-text.ts";
import { blockJson } from "../wire.ts";

export const blockInspect: CommandSpec = {
  args: [{ name: "ref", text: "saved block, e.g. slack-webhook/ops" }],
  options: [
    { flags: "--show-secrets", text: "print secrets in clear; asks first on a terminal" },
    { flags: "-y, --yes", text: "do not ask" },
  ],
  examples: [
    { line: "bellhop block inspect slack-webhook/ops", text: "its fields, secrets masked" },
    {
      line: "bellhop block inspect secret/api-key --show-secrets --json | jq -r .data.value",
      text: "one secret, for a script",
    },
  ],
  run: async (context) => {
    const { args, options, core, prompts } = context;
    const ref = args[0] ?? "";
    const secrets = options.flag("show-secrets");
    const { blockContext } = await core();
    const block = await inspectBlock(blockContext, ref);
    // In a script the option itself is the consent; on a terminal somebody may be looking over the shoulder.
    if (secrets && prompts.possible && !(await confirmed(context, `Print the secrets of ${ref} on this terminal?`)))
      return;
    const shown = secrets ? await inspectBlock(blockContext, ref, { secrets }) : block;
    const out = secrets ? context.out.unmasked() : context.out;
    out.value({
      ...blockJson(shown),
      capabilities: shown.capabilities,
      schema_version: shown.schemaVersion,
      schema_checksum: shown.schemaChecksum,
    });
    out.line(out.paint.bold(safeLine(shown.ref)));
    out.line();
    facts(out, [
      ["type", shown.typeName],
      ["id", shown.id],
      ["revision", String(shown.revision)],
      ["updated", localTime(Date.parse(shown.updated))],
      ["can", shown.capabilities.length === 0 ? null : shown.capabilities.join(", ")],
      ["status", shown.status === "ready" ? null : STATUS[shown.status]],
    ]);
    showFields(out, shown.data);
  },
};

const STATUS = {
  sealed: 'sealed: its encryption key is not at hand, see "bellhop doctor"',
  tampered: "tampered: it was altered outside Bellhop; save it again",
} as const;

function showFields(out: CommandContext["out"], data: JsonObject): void {
  if (Object.keys(data).length === 0) return;
  heading(out, "Fields");
  facts(
    out,
    Object.entries(data).map(([name, value]) => [name, textOf(value)]),
    2,
  );
}

/** A referenced block is shown by its reference, other structures as JSON. */
function textOf(value: JsonValue): string {
  if (typeof value === "string") return value;
  if (typeof value !== "object" || value === null || !("_block_document_name" in value)) return JSON.stringify(value);
  const { block_type_slug: slug, _block_document_name: name } = value;
  return typeof slug === "string" && typeof name === "string" ? `→ ${slug}/${name}` : JSON.stringify(value);
}
