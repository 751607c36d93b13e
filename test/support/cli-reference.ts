import type { CommandEntry, CommandGroup } from "../../src/cli/command-table.ts";
import { COMMANDS, isGroup } from "../../src/cli/command-table.ts";
import type { CommandSpec } from "../../src/cli/command.ts";

export interface ListedCommand {
  /** `block save` */
  readonly path: string;
  readonly summary: string;
  readonly spec: CommandSpec;
}

/** Every command with its path, in the order of the help. */
export async function allCommands(): Promise<ListedCommand[]> {
  const found: ListedCommand[] = [];
  const walk = async (entries: readonly (CommandEntry | CommandGroup)[], prefix: string): Promise<void> => {
    for (const entry of entries) {
      if (isGroup(entry)) await walk(entry.commands, `${prefix}${entry.name} `);
      else found.push({ path: `${prefix}${entry.name}`, summary: entry.summary, spec: await entry.load() });
    }
  };
  for (const section of COMMANDS) await walk(section.commands, "");
  return found;
}

const cell = (text: string): string => text.replaceAll("|", "\\|");

/** The reference of one command as Markdown. */
export function referenceOf({ path, summary, spec }: ListedCommand): string {
  const words = (spec.args ?? []).map(({ name, optional, variadic }) => {
    const word = `${name}${variadic === true ? "..." : ""}`;
    return optional === true ? `[${word}]` : `<${word}>`;
  });
  const rows = [
    ...(spec.args ?? []).map(({ name, text }) => `| \`${cell(name)}\` | ${cell(text)} |`),
    ...(spec.options ?? []).map(
      ({ flags, text, choices }) =>
        `| \`${cell(flags)}\` | ${cell(text)}${choices === undefined ? "" : `: ${choices.join(", ")}`} |`,
    ),
  ];
  const examples = spec.examples.map(({ line, text }) => `# ${text}\n${line}`);
  return [
    `### bellhop ${[path, ...words].join(" ")}`,
    spec.description ?? `${summary.charAt(0).toUpperCase()}${summary.slice(1)}.`,
    ...(rows.length === 0 ? [] : [["| | |", "| --- | --- |", ...rows].join("\n")]),
    `\`\`\`sh\n${examples.join("\n")}\n\`\`\``,
  ].join("\n\n");
}
