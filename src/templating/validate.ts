import {
  type BlockStatement,
  type Expression,
  type Hash,
  type MustacheStatement,
  type PartialBlockStatement,
  partialName,
  type PartialStatement,
  type PathExpression,
  type Position,
  type Program,
  simpleName,
  type Statement,
  type SubExpression,
} from "./ast.ts";
import type { Helper } from "./helpers/helper.ts";
import { BLOCK_NAMES, EMAIL_SECTIONS, helperNamed, HELPERS } from "./helpers/registry.ts";
import { ANY, itemType, type PathType, VALUE, withMembers } from "./path-types.ts";
import type { ProblemCode } from "./problem.ts";
import { findPath, type Scope } from "./scope.ts";
import { LIMITS } from "./source-limits.ts";
import { nearest } from "./suggest.ts";

/** Checks of one partial are repeated per place that calls it; this many places are looked at. */
const PARTIAL_CHECKS = 300;

/** What the validator is told and what it finds; one for a template and all its partials. */
export interface Check {
  readonly report: (at: Position, code: ProblemCode, message: string, suggestion?: string) => void;
  readonly warn: (at: Position, code: ProblemCode, message: string, suggestion?: string) => void;
  /** Checks the named partial at a place; the caller knows where partials are. */
  readonly enterPartial: (name: string, scope: Scope, at: Position) => void;
  /** Unknown members warn instead. */
  readonly allowUnknown: boolean;
  readonly isPartial: boolean;
  /** Paths that may be missing when a message is rendered. */
  readonly uncertain: Set<PathExpression>;
  /** Paths below a label map, with the count of parts that name the map. */
  readonly labels: Map<PathExpression, number>;
  nodes: number;
}

export const mayCheckPartial = (checksSoFar: number): boolean => checksSoFar < PARTIAL_CHECKS;

/** Walks one program: allowed nodes, known helpers with the right arguments, known paths, limits. */
export function validateProgram(program: Program, scope: Scope, check: Check, depth = 0): void {
  if (depth > LIMITS.nesting) {
    check.report(program.loc.start, "too_deep", `Blocks are nested more than ${LIMITS.nesting} deep.`);
    return;
  }
  for (const statement of program.body) validateStatement(statement, scope, check, depth);
}

function count(node: { readonly loc: { readonly start: Position } }, check: Check): void {
  check.nodes += 1;
  if (check.nodes === LIMITS.nodes + 1) {
    check.report(node.loc.start, "too_many_nodes", `The template has more than ${LIMITS.nodes} parts.`);
  }
}

function validateStatement(statement: Statement, scope: Scope, check: Check, depth: number): void {
  count(statement, check);
  if (check.nodes > LIMITS.nodes) return;
  switch (statement.type) {
    case "ContentStatement":
    case "CommentStatement":
      return;
    case "MustacheStatement":
      validateMustache(statement, scope, check);
      return;
    case "BlockStatement":
      validateBlock(statement, scope, check, depth);
      return;
    case "PartialStatement":
    case "PartialBlockStatement":
      validatePartialCall(statement, scope, check, depth);
      return;
    default:
      refuse(statement, check);
  }
}

/** Anything the parser can make beyond the union: decorators of both kinds. */
function refuse(node: { readonly type: string; readonly loc: { readonly start: Position } }, check: Check): void {
  const isInline = node.type === "DecoratorBlock";
  check.report(
    node.loc.start,
    "not_allowed",
    isInline ? "Inline partials are not supported." : `${node.type} is not supported.`,
    isInline ? "a file in templates/_partials/" : undefined,
  );
}

function validateMustache(node: MustacheStatement, scope: Scope, check: Check): void {
  const at = node.loc.start;
  if (!node.escaped)
    check.warn(at, "raw_output", "Raw output is not escaped for the channel.", "{{ }} with two braces");
  if (node.path.type !== "PathExpression") {
    check.report(at, "not_allowed", "Only a path or a helper call can be printed.");
    return;
  }
  const name = simpleName(node.path);
  if (node.params.length > 0 || node.hash !== undefined) {
    validateCall({ path: node.path, params: node.params, hash: node.hash }, scope, check);
  } else if (name === undefined || helperNamed(name)?.min !== 0) {
    validatePath(node.path, scope, check);
  }
}

interface Call {
  readonly path: PathExpression;
  readonly params: readonly Expression[];
  readonly hash: Hash | undefined;
}

function validateCall(call: Call, scope: Scope, check: Check): PathType {
  for (const param of call.params) validateExpression(param, scope, check);
  for (const pair of call.hash?.pairs ?? []) validateExpression(pair.value, scope, check);
  const name = simpleName(call.path);
  const helper = name === undefined ? undefined : helperNamed(name);
  if (name === undefined || helper === undefined) {
    unknownHelper(call.path, check);
    return ANY;
  }
  validateArguments(name, helper, call, check);
  return resultType(name, call, scope);
}

function unknownHelper(path: PathExpression, check: Check): void {
  const isBlock = BLOCK_NAMES.includes(path.original);
  const near = isBlock ? `#${path.original}` : nearest(path.original, Object.keys(HELPERS));
  const message = isBlock
    ? `"${path.original}" opens a block and gives no value.`
    : `No helper is named "${path.original}".`;
  check.report(path.loc.start, "unknown_helper", message, near);
}

function validateArguments(name: string, helper: Helper, call: Call, check: Check): void {
  const given = call.params.length;
  if (given < helper.min || given > helper.max) {
    const wanted = helper.min === helper.max ? `${helper.min}` : `${helper.min} to ${helper.max}`;
    check.report(
      call.path.loc.start,
      "helper_arguments",
      `"${name}" takes ${wanted} argument${wanted === "1" ? "" : "s"}, not ${given}.`,
    );
  }
  const known = helper.hash ?? [];
  if (known.includes("*")) return;
  for (const { key, loc } of call.hash?.pairs ?? []) {
    if (known.includes(key)) continue;
    const near = nearest(key, known);
    check.report(
      loc.start,
      "helper_arguments",
      `"${name}" has no argument "${key}=".`,
      near === undefined ? undefined : `${near}=`,
    );
  }
}

/** Lists keep their item type through the helpers that only choose or order items. */
function resultType(name: string, { params }: Call, scope: Scope): PathType {
  const first = params[0];
  if (first?.type !== "PathExpression") return ANY;
  const found = findPath(first, scope);
  if (!found.found) return ANY;
  if (["limit", "skip", "reverse", "sortBy", "unique"].includes(name))
    return found.type.kind === "list" ? found.type : ANY;
  return name === "first" || name === "last" ? itemType(found.type) : ANY;
}

function validateExpression(node: Expression, scope: Scope, check: Check): PathType {
  count(node, check);
  if (node.type === "PathExpression") return validatePath(node, scope, check);
  if (node.type === "SubExpression") return validateSubExpression(node, scope, check);
  return VALUE;
}

function validateSubExpression(node: SubExpression, scope: Scope, check: Check): PathType {
  if (node.path.type === "PathExpression") return validateCall(node, scope, check);
  check.report(node.loc.start, "not_allowed", "A helper must be called by its name.");
  return ANY;
}

function validatePath(path: PathExpression, scope: Scope, check: Check): PathType {
  const found = findPath(path, scope);
  if (found.found) {
    if (!found.isCertain) check.uncertain.add(path);
    if (found.labelParts > 0) check.labels.set(path, found.labelParts);
    return found.type;
  }
  check.uncertain.add(path);
  const name = simpleName(path);
  const helper = name === undefined ? undefined : helperNamed(name);
  if (helper !== undefined && found.suggestion === undefined) {
    check.report(
      path.loc.start,
      "helper_arguments",
      `"${path.original}" is a helper and takes ${helper.min === helper.max ? helper.min : `at least ${helper.min}`} argument(s).`,
    );
    return ANY;
  }
  const tell = check.allowUnknown ? check.warn : check.report;
  tell(path.loc.start, "unknown_path", found.message, found.suggestion);
  return ANY;
}

function validateBlock(node: BlockStatement, scope: Scope, check: Check, depth: number): void {
  const name = simpleName(node.path) ?? node.path.original;
  if (!BLOCK_NAMES.includes(name)) {
    unknownBlock(name, node, check);
    return;
  }
  const [subject] = node.params;
  if (node.params.length !== 1 || subject === undefined) {
    check.report(node.loc.start, "helper_arguments", `"#${name}" takes 1 argument, not ${node.params.length}.`);
  }
  for (const { key, loc } of node.hash?.pairs ?? []) {
    if (key === "includeZero" && (name === "if" || name === "unless")) continue;
    check.report(loc.start, "helper_arguments", `"#${name}" has no argument "${key}=".`);
  }
  const type = subject === undefined ? ANY : validateExpression(subject, scope, check);
  const inside = name === "each" || name === "with" ? blockScope(name, node, type, scope) : scope;
  if (node.program !== undefined) validateProgram(node.program, inside, check, depth + 1);
  // `{{else if}}` is one level for the reader, and nests in the tree.
  if (node.inverse !== undefined)
    validateProgram(node.inverse, scope, check, isChain(node.inverse) ? depth : depth + 1);
}

const isChain = (program: Program): boolean => program.body.length === 1 && program.body[0]?.type === "BlockStatement";

function unknownBlock(name: string, node: BlockStatement, check: Check): void {
  if (EMAIL_SECTIONS.some((section) => section === name)) {
    check.report(node.loc.start, "not_allowed", `"#${name}" may stand only at the top level of an email template.`);
    return;
  }
  const asHelper = helperNamed(name) === undefined ? undefined : `{{#if (${name} …)}}`;
  const near = asHelper ?? nearest(name, BLOCK_NAMES.map(String));
  check.report(
    node.loc.start,
    "unknown_helper",
    `"#${name}" is not a block.`,
    asHelper ?? (near === undefined ? undefined : `#${near}`),
  );
}

function blockScope(name: "each" | "with", node: BlockStatement, type: PathType, scope: Scope): Scope {
  const value = name === "each" ? itemType(type) : type;
  const [first, second] = node.program?.blockParams ?? [];
  const blockParams = {
    ...scope.blockParams,
    ...(first === undefined ? {} : { [first]: value }),
    ...(second === undefined ? {} : { [second]: VALUE }),
  };
  return { ...scope, type: value, parent: scope, blockParams, isLoop: scope.isLoop || name === "each" };
}

function validatePartialCall(
  node: PartialStatement | PartialBlockStatement,
  scope: Scope,
  check: Check,
  depth: number,
): void {
  const name = partialName(node.name);
  const [context, ...others] = node.params;
  const type = context === undefined ? scope.type : validateExpression(context, scope, check);
  if (others.length > 0)
    check.report(node.loc.start, "helper_arguments", "A partial takes one context and named parameters.");
  const extra: Record<string, PathType> = {};
  for (const pair of node.hash?.pairs ?? []) extra[pair.key] = validateExpression(pair.value, scope, check);
  if (node.type === "PartialBlockStatement") validateProgram(node.program, scope, check, depth + 1);
  if (name === undefined) {
    check.report(node.loc.start, "not_allowed", "A partial must be named by a word, not by an expression.");
  } else if (name !== "@partial-block") {
    const inside = { ...scope, type: withMembers(type, extra), parent: null, blockParams: {}, isPartial: true };
    check.enterPartial(name, inside, node.loc.start);
  } else if (!check.isPartial) {
    check.report(node.loc.start, "not_allowed", "@partial-block exists only inside a partial.");
  }
}
