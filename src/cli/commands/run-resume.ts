import { readFile } from "node:fs/promises";
import { BellhopError, errorCode, messageOf } from "../../base/errors.ts";
import type { JsonValue } from "../../base/json.ts";
import { resumeFlowRun } from "../../engine/resume.ts";
import type { FlowRunRecord } from "../../runs/flow-run.ts";
import type { CommandContext, CommandSpec } from "../command.ts";
import { noteAbandoned } from "../dead-processes.ts";
import { findRun, headLine, RUN_ARGUMENT } from "../find-run.ts";
import { wantedSchema } from "../wanted-input.ts";
import { flowRunJson } from "../wire.ts";

export const runResume: CommandSpec = {
  description:
    "Lets a paused run go on, in whatever process it waits. A run that asks for input stays paused until what it is " +
    "given fits; bellhop run inspect shows what it asks for.",
  args: [RUN_ARGUMENT],
  options: [
    { flags: "--input <json>", text: 'what the run asks for, as a JSON object, e.g. {"approved":true}' },
    { flags: "--input-file <file>", text: "the same from a file; - reads standard input" },
  ],
  examples: [
    { line: "bellhop run resume crimson-fox", text: "one that asks for nothing" },
    { line: `bellhop run resume 01994f1f --input '{"approved":true}'`, text: "one that waits for an answer" },
    { line: "bellhop run resume 01994f1f --input-file answer.json --json", text: "for a script" },
  ],
  run: async (context) => {
    const { out, args } = context;
    const runInput = await inputOf(context);
    const hub = await context.hub();
    const found = await findRun(hub.runs, args[0] ?? "");
    const schema = await wantedSchema(hub.runs, found);
    try {
      await resumeFlowRun(hub.engine, found.id, runInput === undefined ? {} : { runInput });
    } catch (error) {
      if (errorCode(error) === "resume_refused" && schema !== null) showWanted(context, found, schema);
      throw error;
    }
    const run = await findRun(hub.runs, found.id);
    out.value(flowRunJson(run));
    out.line(headLine(out, run));
    await noteAbandoned(out, hub, [run]);
  },
};

/** With `--json`, the run that is still paused, with the schema; the error itself is on stderr. */
function showWanted({ out }: CommandContext, run: FlowRunRecord, schema: JsonValue): void {
  out.value({ ...flowRunJson(run), input_schema: schema });
  out.note(`The run "${run.name}" asks for input of this JSON Schema:\n${JSON.stringify(schema, null, 2)}`);
}

async function inputOf(context: CommandContext): Promise<unknown> {
  const { options } = context;
  const [given, file] = [options.text("input"), options.text("input-file")];
  if (given !== undefined && file !== undefined)
    throw usage("--input and --input-file were both given", "Give one of them.");
  if (given !== undefined) return parsed(given, "--input");
  return file === undefined ? undefined : parsed(await textOf(context, file), "--input-file");
}

async function textOf({ readStdin }: CommandContext, file: string): Promise<string> {
  if (file === "-") return readStdin();
  try {
    return await readFile(file, "utf8");
  } catch (error) {
    throw usage(`--input-file cannot be read: ${messageOf(error)}`, "Give the path of a readable file.");
  }
}

function parsed(text: string, option: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // The text itself may be a secret, so it is not repeated.
    throw usage(`${option} is not JSON`, `Give a JSON object, for example '{"approved":true}'.`);
  }
}

const usage = (problem: string, next: string): BellhopError => new BellhopError("cli_usage", { problem, next });
