import type Handlebars from "handlebars";
import type { Program } from "./ast.ts";
import type { Frame } from "./helpers/blocks.ts";
import { engineHelpers } from "./helpers/engine-helpers.ts";
import type { RenderScope } from "./render-scope.ts";

/** What a compiled template is called with. */
interface RunOptions {
  readonly data: Frame;
  readonly partials: Readonly<Record<string, CompiledTemplate>>;
}

export type CompiledTemplate = (context: unknown, options: RunOptions) => string;

export interface Engine {
  /** Syntax tree of a text. Throws the parser's own error. */
  parse(text: string): Program;
  /** Makes a function of a tree that has been validated and rewritten, and of no other. */
  compile(program: Program): CompiledTemplate;
}

let engine: Engine | undefined;

/** Loads Handlebars at first use: it costs 27 ms, which a process that renders nothing need not pay. */
export async function loadEngine(): Promise<Engine> {
  engine ??= openEngine((await import("handlebars")).default);
  return engine;
}

type HandlebarsModule = typeof Handlebars;

/** Options that Handlebars hands from a template to its partials; internal to it, so taken from it and not made up. */
interface Inherited {
  readonly hooks?: unknown;
  readonly protoAccessControl?: unknown;
}

function openEngine(shared: HandlebarsModule): Engine {
  const isolated = shared.create();
  const helpers = engineHelpers();
  const knownHelpers = Object.fromEntries(Object.keys(helpers).map((name) => [name, true]));
  // No `strict`: it ends in raw TypeErrors for paths through null. Unknown paths are refused by the validator, and what
  // only shows at run time goes to RenderScope.miss through the output helper.
  const compileOptions = { data: true, noEscape: true, knownHelpersOnly: true, knownHelpers };
  const { hooks, protoAccessControl } = inheritedOptions(isolated);
  const decorators = {};
  const compileTree = (program: Program): CompiledTemplate => {
    const template: (context: unknown, options: object) => string = isolated.compile(program, compileOptions);
    // As a partial: Handlebars then takes the helpers as they are, instead of merging and wrapping all of them per call.
    return (context, { data, partials }) =>
      template(context, { partial: true, helpers, partials, decorators, hooks, protoAccessControl, data });
  };
  return {
    // The parser's types are wider; the validator checks every node against ours.
    parse: (text) => shared.parse(text) as unknown as Program,
    compile: compileTree,
  };
}

/** Runs a template with a partial once, to see what partials are given. */
function inheritedOptions(isolated: HandlebarsModule): Inherited {
  let seen: Inherited = {};
  const spy = (_context: unknown, options: object = {}): string => {
    seen = { hooks: Reflect.get(options, "hooks"), protoAccessControl: Reflect.get(options, "protoAccessControl") };
    return "";
  };
  isolated.compile("{{> spy}}")({}, { ...OWN_MEMBERS_ONLY, partials: { spy } });
  return seen;
}

const OWN_MEMBERS_ONLY = { allowProtoPropertiesByDefault: false, allowProtoMethodsByDefault: false } as const;

/** The data frame of one render. */
export const frameOf = (scope: RenderScope): Frame => ({ root: scope.context, render: scope });
