import { capabilitiesOf } from "../../block/block-class.ts";
import { requireClass } from "../../block/registry.ts";
import { schemaDocument } from "../../block/schema-document.ts";
import { type Field, fieldsOf } from "../block-fields.ts";
import type { CommandSpec } from "../command.ts";
import type { Output } from "../output.ts";
import { facts, heading } from "../table.ts";
import { padColumns, wrapColumns } from "../terminal-text.ts";

export const blockTypeInspect: CommandSpec = {
  description: "What a block type is for, and its fields.",
  args: [{ name: "slug", text: "type, e.g. slack-webhook" }],
  examples: [
    { line: "bellhop block type inspect slack-webhook", text: "fields, and which of them are secret" },
    { line: "bellhop block type inspect slack-webhook --json", text: "with the JSON Schema" },
  ],
  run: async ({ core, args, out }) => {
    // The hub brings the built-in types with it.
    await core();
    const type = await requireClass(args[0] ?? "");
    const { slug, name = type.name, description, documentationUrl, codeExample } = type.definition;
    const { fields, checksum, version, capabilities } = schemaDocument(type);
    out.value({
      block_type: {
        slug,
        name,
        description: description ?? null,
        documentation_url: documentationUrl ?? null,
        code_example: codeExample ?? null,
      },
      schema: { fields, checksum, version, capabilities },
    });
    out.line(`${out.paint.bold(slug)}  ${name}`);
    if (description !== undefined) out.line(wrapColumns(description, out.columns).join("\n"));
    out.line();
    facts(out, [
      ["can", capabilitiesOf(type).length === 0 ? null : capabilitiesOf(type).join(", ")],
      ["docs", documentationUrl],
    ]);
    heading(out, "Fields");
    const list = fieldsOf(type);
    for (const field of list) showField(out, field, Math.max(...list.map((each) => each.name.length)));
    if (codeExample === undefined) return;
    heading(out, "Example");
    for (const line of codeExample.trimEnd().split("\n")) out.line(`  ${line}`.trimEnd());
  },
};

function showField(out: Output, field: Field, width: number): void {
  const remarks = [
    necessity(field),
    ...(field.secret === undefined ? [] : ["secret"]),
    ...(field.blocks === undefined ? [] : [`block: ${field.blocks.join(" or ")}`]),
    ...(field.choices === undefined ? [] : [field.choices.join(" | ")]),
  ];
  out.line(`  ${out.paint.bold(padColumns(field.name, width))}  ${out.paint.dim(remarks.join(", "))}`);
  if (field.description === undefined) return;
  for (const line of wrapColumns(field.description, out.columns - width - 4))
    out.line(`  ${" ".repeat(width)}  ${line}`);
}

function necessity({ required, fallback }: Field): string {
  if (required) return "required";
  return fallback === undefined || fallback === "" || fallback === "[]" ? "optional" : `default ${fallback}`;
}
