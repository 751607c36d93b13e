import { readFile } from "node:fs/promises";
import { BellhopError } from "../base/errors.ts";
import { registerSecret } from "../base/redactor.ts";
import { type Field, fieldNamed, valueFromText } from "./block-fields.ts";
import type { CommandContext } from "./command.ts";
import { resolve } from "node:path";

/** Values by field name, as they go into the block. */
export type FieldInput = Record<string, unknown>;

interface Target {
  readonly slug: string;
  readonly fields: readonly Field[];
}

const usage = (problem: string, next: string): BellhopError => new BellhopError("cli_usage", { problem, next });

/** Everything the command line and standard input say about the fields. @throws cli_usage */
export async function givenFields(context: CommandContext, target: Target): Promise<FieldInput> {
  const input: FieldInput = {};
  for (const pair of context.options.list("set")) fromArgument(context, target, pair, input);
  const sources = context.options.list("set-from").map((pair) => sourceOf(target, pair));
  const readsStdin = sources.filter(({ source }) => source === "stdin").length + Number(context.options.flag("stdin"));
  if (readsStdin > 1)
    throw usage("standard input can be read once only", "Take the other value from env:, file: or prompt.");
  for (const { field, source } of sources) assign(input, field, await textFrom(context, field, source));
  if (context.options.flag("stdin")) fromStdin(await context.readStdin(), target, input);
  return input;
}

/** Given again, a field becomes a list. */
function assign(input: FieldInput, field: Field, text: string): void {
  if (field.secret !== undefined) registerSecret(text);
  const value = valueFromText(field, text);
  const before = input[field.name];
  if (before === undefined) input[field.name] = value;
  else input[field.name] = [...listOf(before), ...listOf(value)];
}

const listOf = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : [value]);

function split(pair: string, option: string): readonly [name: string, rest: string] {
  const at = pair.indexOf("=");
  if (at < 1)
    throw usage(
      `${option} takes field=value`,
      `For example ${option} ${option === "--set" ? "to=oncall@example.org" : "url=env:SLACK_URL"}.`,
    );
  return [pair.slice(0, at), pair.slice(at + 1)];
}

function fromArgument({ options }: CommandContext, { slug, fields }: Target, pair: string, input: FieldInput): void {
  const [name, text] = split(pair, "--set");
  const field = fieldNamed(fields, slug, name);
  if (field.secret !== undefined) {
    registerSecret(text);
    if (!options.flag("allow-argv-secrets")) {
      throw usage(
        `the field ${name} is a secret, and a command line is visible in the shell's history and the process list`,
        `Use --stdin, --set-from ${name}=env:NAME, --set-from ${name}=file:PATH or --set-from ${name}=prompt; or --allow-argv-secrets.`,
      );
    }
  }
  assign(input, field, text);
}

function sourceOf({ slug, fields }: Target, pair: string): { field: Field; source: string } {
  const [name, source] = split(pair, "--set-from");
  return { field: fieldNamed(fields, slug, name), source };
}

async function textFrom(context: CommandContext, field: Field, source: string): Promise<string> {
  if (source === "stdin") return withoutFinalBreak(await context.readStdin());
  if (source === "prompt") return askField(context, field);
  const at = source.indexOf(":");
  const [kind, name] = [source.slice(0, Math.max(0, at)), source.slice(at + 1)];
  if (kind === "env") {
    const value = context.env[name];
    if (value === undefined || value === "")
      throw usage(`the environment variable ${name} is not set`, "Set it, or take the value from somewhere else.");
    return value;
  }
  if (kind === "file") return withoutFinalBreak(await textOfFile(name));
  throw usage(`--set-from ${field.name}=… names no known source`, "Sources: env:NAME, file:PATH, stdin, prompt.");
}

async function textOfFile(path: string): Promise<string> {
  try {
    return await readFile(resolve(path), "utf8");
  } catch {
    throw usage(`the file ${path} cannot be read`, "Check the path and its permissions.");
  }
}

const withoutFinalBreak = (text: string): string => text.replace(/\r?\n$/, "");

/** One secret field: the text is its value, unless it is plainly more. Otherwise the text is a JSON object of fields. */
function fromStdin(text: string, { slug, fields }: Target, input: FieldInput): void {
  const secrets = fields.filter((field) => field.secret !== undefined);
  const [only] = secrets;
  if (only !== undefined && secrets.length === 1 && !namesFieldsBeside(only, text, fields)) {
    const value = withoutFinalBreak(text);
    if (value === "") throw usage("standard input is empty", `Pipe the value of ${only.name} in.`);
    if (input[only.name] !== undefined)
      throw usage(`the field ${only.name} is given twice`, "Leave out --stdin or the other source.");
    assign(input, only, value);
    return;
  }
  for (const [name, value] of Object.entries(objectOf(text, slug))) {
    const field = fieldNamed(fields, slug, name);
    if (field.secret !== undefined) registerDeep(value);
    input[name] = value;
  }
}

/** A secret may be JSON itself (a service account, say); one that names other fields of this very type is none. */
function namesFieldsBeside(secret: Field, text: string, fields: readonly Field[]): boolean {
  const parsed = parsedObject(text);
  if (parsed === undefined) return false;
  const names = Object.keys(parsed);
  const known = names.every((name) => fields.some((field) => field.name === name));
  return known && names.some((name) => name !== secret.name);
}

function registerDeep(value: unknown): void {
  if (typeof value === "string") registerSecret(value);
  else if (typeof value === "object" && value !== null) Object.values(value).forEach(registerDeep);
}

function parsedObject(text: string): object | undefined {
  try {
    const parsed: unknown = JSON.parse(text);
    return typeof parsed === "object" && parsed !== null && !Array.isArray(parsed) ? parsed : undefined;
  } catch {
    return undefined; // the parser's message would quote the text
  }
}

function objectOf(text: string, slug: string): object {
  const parsed = parsedObject(text);
  if (parsed !== undefined) return parsed;
  throw usage(`--stdin for ${slug} takes a JSON object of fields`, `See "bellhop block type inspect ${slug}".`);
}

/** Asks for one field; a secret is not shown while it is typed. */
export async function askField({ prompts }: CommandContext, field: Field): Promise<string> {
  const check = (answer: string): string | undefined =>
    answer === "" && field.required ? "A value is needed." : undefined;
  const hint = field.description === undefined ? "" : ` (${field.description})`;
  const question = `${field.title}${hint}`;
  if (field.secret !== undefined) {
    const answer = await prompts.secret(`${question}, not shown`, { check });
    registerSecret(answer);
    return answer;
  }
  if (field.choices !== undefined) return prompts.choose(question, field.choices, field.fallback);
  const blocks = field.blocks === undefined ? "" : ` as ${field.blocks.map((slug) => `${slug}/<name>`).join(" or ")}`;
  return prompts.text(`${question}${blocks}`, {
    check,
    ...(field.fallback === undefined ? {} : { initial: field.fallback }),
  });
}
