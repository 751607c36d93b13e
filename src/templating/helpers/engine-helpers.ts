import type { Dialect } from "../dialect.ts";
import { ESCAPE, escapeHtml, safeUrl } from "../escape.ts";
import { isMarkup } from "../markup.ts";
import { RenderFailure } from "../render-scope.ts";
import { BLOCKS, type Frame } from "./blocks.ts";
import { type Helper, isRecord, member } from "./helper.ts";
import { printValue } from "./print-value.ts";
import { HELPERS } from "./registry.ts";

/** What Handlebars gives every helper as its last argument. */
interface HelperOptions {
  readonly hash: Readonly<Record<string, unknown>>;
  readonly data: Frame;
}

/** Names that only the rewritten tree uses; no template can write them, as they hold a character no name may have. */
export const outputHelper = (dialect: Dialect): string => `=out:${dialect}`;
export const rawOutputHelper = (dialect: Dialect): string => `=raw:${dialect}`;
/** Output inside `href="…"` or `src="…"`. */
export const URL_OUTPUT = "=url";
/** A path whose absence is worth a warning. */
export const NEEDED = "=need";
/** A path below a label map. */
export const LABEL = "=label";

type EngineHelper = (...args: never[]) => unknown;

/** Every helper in the form that the engine calls. */
export function engineHelpers(): Record<string, EngineHelper> {
  const all: Record<string, EngineHelper> = {
    ...BLOCKS,
    [NEEDED]: needed,
    [LABEL]: labelPath,
    [URL_OUTPUT]: urlOutput,
  };
  for (const [name, helper] of Object.entries(HELPERS)) all[name] = guarded(name, helper);
  for (const [dialect, escape] of Object.entries(ESCAPE)) {
    // The keys of the table are the dialects; Object.entries widens them to string.
    const known = dialect as Dialect;
    all[outputHelper(known)] = output(known, escape);
    all[rawOutputHelper(known)] = rawOutput(known);
  }
  return all;
}

/** Counts the call and turns anything that a helper throws into a warning. */
function guarded(name: string, helper: Helper): EngineHelper {
  return (...args: unknown[]) => {
    const options = optionsOf(args.pop());
    const scope = options.data.render;
    scope.step();
    try {
      return helper.fn({ scope, hash: options.hash }, ...args);
    } catch (error) {
      if (error instanceof RenderFailure) throw error;
      scope.warn(`${name}: could not be computed`);
      return "";
    }
  };
}

/** Handlebars always passes its options last; the cast is at this one place. */
const optionsOf = (value: unknown): HelperOptions => value as HelperOptions;

/** Prints values, escaped, and between them the template's own text as it is. */
function output(dialect: Dialect, escape: (text: string) => string): EngineHelper {
  return (...args: unknown[]): string => {
    const scope = optionsOf(args.pop()).data.render;
    let text = "";
    for (let index = 0; index < args.length; index += 1) {
      const value = args[index];
      if (index % 2 === 1) {
        // Odd ones are literals that the rewriter put there.
        text += String(value);
        continue;
      }
      scope.step();
      if (typeof value === "string") text += escape(value);
      else if (value !== null && value !== undefined)
        text += isMarkup(value) ? value.print(dialect) : escape(printValue(value, scope));
    }
    return text;
  };
}

const rawOutput =
  (dialect: Dialect): EngineHelper =>
  (value: unknown, options: HelperOptions): string => {
    const scope = options.data.render;
    scope.step();
    const text = printValue(value, scope);
    return dialect === "header" ? ESCAPE.header(text) : text;
  };

/** An address in an HTML attribute; `#` when its scheme could run something. */
const urlOutput = (value: unknown, options: HelperOptions): string => {
  const scope = options.data.render;
  scope.step();
  const url = safeUrl(printValue(value, scope));
  return url === undefined ? "#" : escapeHtml(url);
};

const needed = (value: unknown, name: string, options: HelperOptions): unknown => {
  if (value !== undefined) return value;
  const printed = options.data.render.miss(name);
  return printed === "" ? undefined : printed;
};

/** The longest key of dotted parts that exists, then members of its value. */
const labelPath = (...args: unknown[]): unknown => {
  args.pop();
  const [labels, ...parts] = args;
  if (!isRecord(labels)) return labels;
  const names = parts.map(String);
  for (let length = names.length; length > 0; length -= 1) {
    const key = names.slice(0, length).join(".");
    if (!Object.hasOwn(labels, key)) continue;
    return names.slice(length).reduce<unknown>(member, labels[key]);
  }
  return undefined;
};
