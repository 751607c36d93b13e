import { BellhopError } from "../../base/errors.ts";
import { withBlockContext } from "../../block/ambient.ts";
import { Block } from "../../block/block.ts";
import { capabilitiesOf, construct } from "../../block/block-class.ts";
import { parseReference } from "../../block/reference.ts";
import { requireClass } from "../../block/registry.ts";
import { type Field, fieldsOf, valueFromText } from "../block-fields.ts";
import type { CommandContext, CommandSpec } from "../command.ts";
import { askField, type FieldInput, givenFields } from "../field-sources.ts";

export const blockSave: CommandSpec = {
  description:
    "Saves a block under a name. On a terminal, required fields that are missing are asked for, and secrets are not " +
    "shown while they are typed. In a script, hand secrets over with --stdin or --set-from; see bellhop help secrets.",
  args: [{ name: "ref", text: "<type>/<name>, e.g. slack-webhook/ops; types: bellhop block type ls" }],
  options: [
    { flags: "--set <field=value>", text: "a field that is no secret; again for a list", many: true },
    { flags: "--set-from <field=source>", text: "a field from env:NAME, file:PATH, stdin or prompt", many: true },
    {
      flags: "--stdin",
      text: "read the secret from standard input, or a JSON object of fields",
    },
    { flags: "--overwrite", text: "replace the block of this name" },
    { flags: "--allow-argv-secrets", text: "accept secrets with --set, although others can see command lines" },
  ],
  examples: [
    { line: "bellhop block save slack-webhook/ops", text: "asks for the webhook URL, without echo" },
    { line: 'printf %s "$SLACK_URL" | bellhop block save slack-webhook/ops --stdin', text: "in a script" },
    {
      line: "bellhop block save email-server-credentials/relay --set smtp_server=mail.example.org --set-from password=file:./pw",
      text: "a mail server",
    },
    {
      line: "bellhop block save email-smtp/oncall --set credentials=email-server-credentials/relay --set from=hub@example.org --set to=a@example.org,b@example.org",
      text: "a mail channel that uses it",
    },
  ],
  run: async (context) => {
    const { args, options, out, core } = context;
    const ref = args[0] ?? "";
    const { slug, name } = parseReference(ref);
    const { blockContext } = await core();
    await withBlockContext(blockContext, async () => {
      const type = await requireClass(slug);
      const overwrite = options.flag("overwrite");
      // Asked before the questions: nobody types a secret for nothing.
      if (!overwrite && (await Block.exists(ref))) throw new BellhopError("block_already_exists", { ref });
      const fields = fieldsOf(type);
      const given = await givenFields(context, { slug, fields });
      const block = construct(type, await loadNested(fields, await completed(context, ref, fields, given)));
      if (!(block instanceof Block)) throw new BellhopError("unknown_block_type", { slug, near: [] });
      const id = await block.save(name, { overwrite });
      out.value({ id, ref, block_type_slug: slug, name, revision: block.revision });
      out.line(
        `${out.paint.good("✓")} Saved ${out.paint.bold(ref)}${block.revision === null || block.revision === 1 ? "" : ` (revision ${block.revision})`}`,
      );
      if (capabilitiesOf(type).includes("notify")) out.line(`  Try it: bellhop block test ${ref}`);
    });
  },
};

/** Asks for what is missing; optional fields only when nothing at all was given, and then all at once. */
async function completed(
  context: CommandContext,
  ref: string,
  fields: readonly Field[],
  given: FieldInput,
): Promise<FieldInput> {
  const missing = fields.filter((field) => field.required && given[field.name] === undefined);
  const { prompts } = context;
  if (!prompts.possible) {
    if (missing.length > 0) throw missingFields(ref, missing);
    return given;
  }
  const input = { ...given };
  for (const field of missing) input[field.name] = valueFromText(field, await askField(context, field));
  const optional = fields.filter((field) => !field.required && field.name !== "notify_type");
  if (Object.keys(given).length > 0 || optional.length === 0) return input;
  const names = optional.map(({ name }) => name).join(", ");
  if (missing.length > 0 && !(await prompts.confirm(`Set optional fields too (${names})?`))) return input;
  for (const field of optional) {
    const answer = await askField(context, field);
    if (answer !== "" && answer !== field.fallback) input[field.name] = valueFromText(field, answer);
  }
  return input;
}

function missingFields(ref: string, missing: readonly Field[]): BellhopError {
  const flags = missing.map(({ name, secret }) =>
    secret === undefined ? `--set ${name}=…` : `--set-from ${name}=env:NAME`,
  );
  return new BellhopError("cli_usage", {
    problem: `${ref} needs ${missing.map(({ name }) => name).join(", ")}, and there is no terminal to ask on`,
    next: `Give: bellhop block save ${ref} ${flags.join(" ")}`,
  });
}

/** A field that holds a block is given by reference; the block itself goes in, and is stored as a reference again. */
async function loadNested(fields: readonly Field[], input: FieldInput): Promise<FieldInput> {
  const loaded = { ...input };
  for (const { name, blocks } of fields) {
    const value = loaded[name];
    if (blocks !== undefined && typeof value === "string") loaded[name] = await Block.load(value);
  }
  return loaded;
}
