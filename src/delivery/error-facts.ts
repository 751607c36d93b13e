import { dirname, relative, sep } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import type { RunMessage } from "../templating/context.ts";
import { fit } from "../templating/fit.ts";
import { scrub } from "./mask.ts";

type ErrorFacts = NonNullable<RunMessage["error"]>;

const STACK_CHARS = 4_000;
/** Far beyond what any channel shows; keeps a giant message from being stored with every delivery. */
const MESSAGE_CHARS = 10_000;
const DEEPEST_CAUSE = 5;

/** Frames below this folder are the product's own. */
const OWN_FOLDER = dirname(dirname(fileURLToPath(import.meta.url))) + sep;

/** What a template may say about whatever was thrown. Texts are masked, then cut: half a secret is not recognised. */
export function errorFacts(thrown: unknown): ErrorFacts {
  if (!(thrown instanceof Error)) {
    const text = cut(textOf(thrown), MESSAGE_CHARS);
    return {
      type: typeof thrown === "object" && thrown !== null ? "Object" : typeof thrown,
      message: text,
      first_line: firstLine(text),
      stack: null,
      location: null,
    };
  }
  const message = cut(textOf(thrown.message), MESSAGE_CHARS);
  const stack = stackOf(thrown, 0);
  return {
    type: typeName(thrown),
    message,
    first_line: firstLine(message),
    stack: stack === "" ? null : cut(stack, STACK_CHARS),
    location: locationOf(thrown),
  };
}

/** The class tells more than `name`, which most subclasses leave at `Error`. */
function typeName(error: Error): string {
  const { name } = error;
  if (typeof name === "string" && name !== "" && name !== "Error") return name;
  return error.constructor.name === "" ? "Error" : error.constructor.name;
}

function textOf(value: unknown): string {
  if (typeof value === "string") return value;
  if (typeof value !== "object" || value === null) return String(value);
  return JSON.stringify(value) ?? "";
}

const cut = (text: string, max: number): string => fit(scrub(text), { max, unit: "utf16" }).text;

const firstLine = (text: string): string => (text.trimStart().split(/[\r\n\u2028\u2029]/, 1)[0] ?? "").trimEnd();

function stackOf(error: Error, depth: number): string {
  const own = typeof error.stack === "string" ? withoutInternals(error.stack) : "";
  const { cause } = error;
  if (!(cause instanceof Error) || depth >= DEEPEST_CAUSE) return own;
  return `${own}\nCaused by: ${stackOf(cause, depth + 1)}`;
}

const OWN_FRAMES = [OWN_FOLDER, pathToFileURL(OWN_FOLDER).href];
const isFrame = (line: string): boolean => /^\s+at /.test(line);
const isInternal = (line: string): boolean =>
  isFrame(line) && (/[( ]node:/.test(line) || OWN_FRAMES.some((folder) => line.includes(folder)));

/** The stack as its reader wrote the code: frames of Node and of the engine say nothing about what failed. */
function withoutInternals(stack: string): string {
  const lines = stack.split("\n");
  const kept = lines.filter((line) => !isInternal(line));
  if (kept.some(isFrame)) return kept.join("\n");
  const first = lines.find(isFrame);
  return [...kept, ...(first === undefined ? [] : [first])].join("\n");
}

/** `    at load (file:///app/flows/etl.ts:41:7)`, `    at async /app/main.ts:3:1` and the like. */
const FRAME =
  /^\s+at (?:async )?(?:(?<name>[^(]+?) \()?(?<file>(?:file:\/\/)?(?:\/|[A-Za-z]:[\\/])[^()]*?):(?<line>\d+):(?<column>\d+)\)?$/;

/** First frame that is neither Node's, a dependency's nor ours: `flows/etl.ts:41:7 in load`. */
function locationOf(error: Error): string | null {
  if (typeof error.stack !== "string") return null;
  // A message of several lines may look like frames; it comes first in the stack.
  const frames = error.stack.slice(Math.max(0, error.stack.indexOf(error.message)) + error.message.length);
  for (const line of frames.split("\n")) {
    const found = FRAME.exec(line)?.groups;
    if (found === undefined) continue;
    const file = toPath(found["file"] ?? "");
    if (file.includes(`${sep}node_modules${sep}`) || file.startsWith(OWN_FOLDER)) continue;
    const name = found["name"];
    const isNamed = name !== undefined && !name.includes("<anonymous>");
    return `${shorten(file)}:${found["line"]}:${found["column"]}${isNamed ? ` in ${name.replace(/^(?:new|Object\.) ?/, "")}` : ""}`;
  }
  return null;
}

const toPath = (file: string): string => (file.startsWith("file://") ? fileURLToPath(file) : file);

/** Relative to the working directory where it is below it. */
function shorten(file: string): string {
  const below = relative(process.cwd(), file);
  return (below.startsWith("..") || below === "" ? file : below).replaceAll("\\", "/");
}
