import type { Clock } from "../base/clock.ts";
import type { Config } from "../config/config.ts";
import type { Core, Hub } from "../hub.ts";
import type { Options } from "./options.ts";
import type { Output } from "./output.ts";
import type { Prompts } from "./prompts.ts";

export interface ArgumentSpec {
  readonly name: string;
  readonly text: string;
  readonly optional?: boolean;
  /** Takes all remaining words; only for the last argument. */
  readonly variadic?: boolean;
}

export interface OptionSpec {
  /** As commander reads it: `--limit <n>`, `-y, --yes`. A value in `<…>` is required once the option is given. */
  readonly flags: string;
  readonly text: string;
  readonly choices?: readonly string[];
  /** May be given several times. */
  readonly many?: boolean;
}

export interface ExampleSpec {
  readonly line: string;
  readonly text: string;
}

/** What a command is given. Everything from outside comes through here, so tests run commands in their own process. */
export interface CommandContext {
  readonly args: readonly string[];
  readonly options: Options;
  readonly out: Output;
  readonly prompts: Prompts;
  readonly clock: Clock;
  readonly env: NodeJS.ProcessEnv;
  /** Path of the bin that was started; tells how the person can start it again. */
  readonly program: string;
  /** Aborted by the first SIGINT or SIGTERM. */
  readonly signal: AbortSignal;
  /** All of standard input as text, at most 4 MiB. @throws cli_usage when it is a terminal */
  readonly readStdin: () => Promise<string>;
  /** Settings from flags, environment, file and defaults. @throws config_invalid */
  readonly config: () => Promise<Config>;
  /** Store, keys and templates; closed when the command ends. */
  readonly core: () => Promise<Core>;
  /** A running hub; closed when the command ends. */
  readonly hub: () => Promise<Hub>;
}

/** One command: what it takes, how help shows it, and what it does. One file per command, loaded only to be run. */
export interface CommandSpec {
  /** Below the usage line of the help; the table's summary when absent. */
  readonly description?: string;
  readonly args?: readonly ArgumentSpec[];
  readonly options?: readonly OptionSpec[];
  readonly examples: readonly ExampleSpec[];
  /** Exit code; nothing means 0. Throws for anything that went wrong. */
  readonly run: (context: CommandContext) => Promise<number | void>;
}
