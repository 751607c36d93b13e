import { Argument, Command, type CommanderError, Option } from "commander";
import { BellhopError } from "../base/errors.ts";
import { VERSION } from "../base/version.ts";
import type { CommandSpec } from "./command.ts";
import { COMMANDS, type CommandEntry, type CommandGroup, type CommandSection, isGroup } from "./command-table.ts";
import { TOPICS } from "./help-topics.ts";
import type { Paint } from "./paint.ts";

/** What the words on the command line ask for. */
export type Parsed =
  | {
      readonly kind: "run";
      readonly spec: CommandSpec;
      readonly args: readonly string[];
      readonly values: Readonly<Record<string, unknown>>;
    }
  /** `complete: false`: help shown because a command was missing. */
  | { readonly kind: "help"; readonly text: string; readonly complete: boolean };

interface Look {
  readonly columns: number;
  readonly paint: Paint;
}

/** Carries what commander said out of its parser, with the command that said it. */
class Refused extends Error {
  readonly refusal: CommanderError;
  readonly command: string;

  constructor(refusal: CommanderError, command: string) {
    super(refusal.message);
    this.refusal = refusal;
    this.command = command;
  }
}

interface Building {
  readonly look: Look;
  /** Help and everything else commander wants to print. */
  readonly written: string[];
  readonly found: (parsed: Parsed) => void;
}

/** Commands whose file is read when commander comes to them. */
const entries = new WeakMap<Command, CommandEntry>();

/** Reads the words. Loads the file of the command they name, and no other. @throws cli_usage */
export async function parseCommandLine(words: readonly string[], look: Look): Promise<Parsed> {
  let parsed: Parsed | undefined;
  const written: string[] = [];
  const program = buildProgram(words, { look, written, found: (result) => (parsed = result) });
  try {
    await program.parseAsync(words, { from: "user" });
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    if (error.refusal.code === "commander.helpDisplayed" || error.refusal.code === "commander.version")
      return { kind: "help", text: written.join(""), complete: true };
    if (error.refusal.code === "commander.help")
      return { kind: "help", text: written.join(""), complete: error.command === "bellhop" };
    throw usageError(error);
  }
  return parsed ?? { kind: "help", text: program.helpInformation(), complete: true };
}

const isNamed = (entry: CommandEntry | CommandGroup, word: string | undefined): boolean =>
  entry.name === word || (isGroup(entry) && entry.alias === word);

/** The command that the word names, alone. All of them where it names none: for help, and for "did you mean". */
function narrowed(sections: readonly CommandSection[], word: string | undefined): readonly CommandSection[] {
  for (const { title, commands } of sections) {
    const found = commands.filter((entry) => isNamed(entry, word));
    if (found.length > 0) return [{ title, commands: found }];
  }
  return sections;
}

function buildProgram(words: readonly string[], building: Building): Command {
  const program = new Command("bellhop");
  configure(program, building);
  program
    .description("Bellhop tells the right people what happened to your workflow runs, and can prove it did.")
    .usage("<command> [options]")
    .option("--json", "print JSON on standard output, errors as JSON on standard error")
    .option("--home <dir>", "folder of the store and the key; default $BELLHOP_HOME or ~/.bellhop")
    .version(VERSION, "-v, --version", "print the version");
  const sections = narrowed(COMMANDS, words[0]);
  for (const section of sections) addAll(program, section, words.slice(1), building);
  if (sections === COMMANDS) addHelpCommand(program, building);
  const topics = Object.keys(TOPICS).join(", ");
  program.addHelpText(
    "after",
    `\nHelp on a command: bellhop help <command>.\nTopics: ${topics}.\nFirst time here? Run: bellhop demo`,
  );
  return program;
}

function configure(command: Command, { look, written }: Building): void {
  command
    .exitOverride((refusal) => {
      throw new Refused(refusal, pathOf(command));
    })
    .configureOutput({
      writeOut: (text) => written.push(text),
      writeErr: (text) => written.push(text),
      // Errors are told from the refusal, in our own words: commander's may quote values that are secret.
      outputError: () => undefined,
      getOutHelpWidth: () => look.columns,
      getErrHelpWidth: () => look.columns,
      getOutHasColors: () => true,
      getErrHasColors: () => true,
      stripColor: (text) => text,
    })
    .configureHelp({
      showGlobalOptions: true,
      styleTitle: (title) => look.paint.bold(title),
      styleCommandText: (text) => look.paint.accent(text),
      styleSubcommandText: (text) => look.paint.accent(text),
      styleOptionText: (text) => look.paint.accent(text),
      styleArgumentText: (text) => look.paint.accent(text),
      subcommandTerm: (sub) => sub.name(),
      commandUsage: (sub) => `${pathOf(sub)} ${sub.usage()}`,
    })
    .helpOption("-h, --help", "show this help")
    .helpCommand(false);
}

const pathOf = (command: Command): string =>
  command.parent === null ? command.name() : `${pathOf(command.parent)} ${command.name()}`;

function addAll(
  parent: Command,
  { title, commands }: CommandSection,
  words: readonly string[],
  building: Building,
): void {
  for (const entry of commands) {
    const command = new Command(entry.name);
    configure(command, building);
    command.summary(entry.summary).description(sentence(entry.summary)).helpGroup(title);
    if (isGroup(entry)) {
      command.alias(entry.alias).usage("<command> [options]");
      const [inside = entry] = narrowed([{ title: "Commands:", commands: entry.commands }], words[0]);
      addAll(command, { title: "Commands:", commands: inside.commands }, words.slice(1), building);
    } else entries.set(command, entry);
    parent.addCommand(command);
  }
  parent.hook("preSubcommand", (_parent, chosen) => fill(chosen, building));
}

const sentence = (summary: string): string => `${summary.charAt(0).toUpperCase()}${summary.slice(1)}.`;

/** Reads the command's file and declares what it takes. */
async function fill(command: Command, building: Building): Promise<void> {
  const entry = entries.get(command);
  if (entry === undefined) return;
  entries.delete(command);
  const spec = await entry.load();
  if (spec.description !== undefined) command.description(spec.description);
  for (const argument of spec.args ?? []) {
    const words = `${argument.name}${argument.variadic === true ? "..." : ""}`;
    command.addArgument(new Argument(argument.optional === true ? `[${words}]` : `<${words}>`, argument.text));
  }
  for (const { flags, text, choices, many } of spec.options ?? []) {
    const option = new Option(flags, text);
    if (choices !== undefined) option.choices(choices);
    if (many === true)
      option.argParser((value: string, before: readonly string[] | undefined) => [...(before ?? []), value]);
    command.addOption(option);
  }
  const { paint } = building.look;
  const examples = spec.examples.map(({ line, text }) => `  ${paint.dim(`# ${text}`)}\n  $ ${line}`);
  command.addHelpText("after", `\n${paint.bold("Examples:")}\n${examples.join("\n\n")}`);
  command.action(() => building.found({ kind: "run", spec, args: command.args, values: command.optsWithGlobals() }));
}

function addHelpCommand(program: Command, building: Building): void {
  const help = new Command("help");
  configure(help, building);
  help
    .summary("help on a command or a topic")
    .description("Help on a command or a topic.")
    .argument("[words...]", "a command, or one of the topics below")
    .helpGroup("Operate:")
    .addHelpText(
      "after",
      `\n${building.look.paint.bold("Topics:")}\n${Object.entries(TOPICS)
        .map(([name, topic]) => `  ${name.padEnd(14)}${topic.summary}`)
        .join("\n")}`,
    )
    .action(async () =>
      building.found({ kind: "help", text: await helpOn(program, help.args, building), complete: true }),
    );
  program.addCommand(help);
}

async function helpOn(program: Command, words: readonly string[], building: Building): Promise<string> {
  const topic = TOPICS[words.join(" ")];
  if (topic !== undefined) return topic.text(building.look.paint);
  let command = program;
  for (const word of words) {
    const next = command.commands.find((candidate) => candidate.name() === word || candidate.aliases().includes(word));
    if (next === undefined) throw unknownHelp(command, word);
    await fill(next, building);
    command = next;
  }
  command.outputHelp();
  return building.written.join("");
}

const unknownHelp = (command: Command, word: string): BellhopError => {
  const names = [
    ...command.commands.map((candidate) => candidate.name()),
    ...(command.parent === null ? Object.keys(TOPICS) : []),
  ];
  return new BellhopError("cli_usage", {
    problem: `there is no help on "${word}"`,
    next: `Choose one of: ${names.join(", ")}.`,
  });
};

/** Says in our words what commander refused. Values are left out: an option's or an argument's text may be a secret. */
function usageError({ refusal, command }: Refused): BellhopError {
  const quoted = /'([^']*)'/.exec(refusal.message)?.[1] ?? "";
  const meant = /\(Did you mean (.+?)\?\)/.exec(refusal.message)?.[1];
  const see = `See "${command} --help".`;
  const next = meant === undefined ? see : `Did you mean ${meant}? ${see}`;
  switch (refusal.code) {
    case "commander.unknownCommand":
      return new BellhopError("cli_usage", { problem: `there is no command "${command} ${quoted}"`, next });
    case "commander.unknownOption": {
      const flag = quoted.replace(/=.*$/s, "");
      if (/^-[^-].|\s/s.test(flag)) {
        return new BellhopError("cli_usage", {
          problem: "a word that begins with a dash is taken for an option, and this one is none",
          next: `Put "--" before it if it is text. ${see}`,
        });
      }
      return new BellhopError("cli_usage", { problem: `there is no option ${flag} in "${command}"`, next });
    }
    case "commander.missingArgument":
      return new BellhopError("cli_usage", { problem: `"${command}" needs <${quoted}>`, next });
    case "commander.excessArguments":
      return new BellhopError("cli_usage", {
        problem: `"${command}" was given more words than it takes`,
        next: `Put quotes around text with spaces. ${see}`,
      });
    case "commander.optionMissingArgument":
      return new BellhopError("cli_usage", { problem: `the option ${quoted} needs a value`, next });
    default: {
      const allowed = /Allowed choices are (.+)\.$/.exec(refusal.message)?.[1];
      return new BellhopError("cli_usage", {
        problem: `the value of ${quoted} is not allowed`,
        next: allowed === undefined ? see : `Choose one of: ${allowed}.`,
      });
    }
  }
}
