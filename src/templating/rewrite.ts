import {
  type BlockStatement, type Expression, type Hash, type MustacheStatement, type PathExpression, type Program, simpleName,
  type Statement, type SubExpression,
} from "./ast.ts";
import type { Dialect } from "./dialect.ts";
import { LABEL, NEEDED, outputHelper, rawOutputHelper, URL_OUTPUT } from "./helpers/engine-helpers.ts";
import { helperNamed } from "./helpers/registry.ts";

/** What the validator learnt about the paths of a tree. */
export interface PathFacts {
  readonly uncertain: ReadonlySet<PathExpression>;
  readonly labels: ReadonlyMap<PathExpression, number>;
}

interface Rewriter extends PathFacts {
  readonly dialect: Dialect;
}

/**
 * Wraps every output of a validated tree in the escape helper of its dialect, so that nothing prints unescaped and
 * adjacent numbers are joined as texts, not added.
 */
export const rewriteProgram = (program: Program, dialect: Dialect, facts: PathFacts): Program =>
  rewriteBody(program, { dialect, uncertain: facts.uncertain, labels: facts.labels });

const rewriteBody = (program: Program, to: Rewriter): Program => ({
  ...program,
  body: program.body.map((statement, index) => rewriteStatement(statement, program.body[index - 1], to)),
});

function rewriteStatement(statement: Statement, before: Statement | undefined, to: Rewriter): Statement {
  switch (statement.type) {
    case "ContentStatement":
    case "CommentStatement":
      return statement;
    case "MustacheStatement":
      return rewriteMustache(statement, before, to);
    case "BlockStatement":
      return rewriteBlock(statement, to);
    case "PartialStatement":
      return { ...statement, ...rewriteArguments(statement, to) };
    case "PartialBlockStatement":
      return { ...statement, ...rewriteArguments(statement, to), program: rewriteBody(statement.program, to) };
  }
}

const rewriteBlock = (node: BlockStatement, to: Rewriter): BlockStatement => ({
  ...node,
  // An absent subject of #if, #with or #each is a question, not a mistake.
  params: node.params.map((param) => rewriteExpression(param, to, false)),
  program: node.program === undefined ? undefined : rewriteBody(node.program, to),
  inverse: node.inverse === undefined ? undefined : rewriteBody(node.inverse, to),
});

const URL_ATTRIBUTE = /(?:href|src)\s*=\s*["']$/i;

function rewriteMustache(node: MustacheStatement, before: Statement | undefined, to: Rewriter): MustacheStatement {
  const { path } = node;
  // The validator has refused every other kind.
  if (path.type !== "PathExpression") return node;
  const isUrl = to.dialect === "html" && before?.type === "ContentStatement" && URL_ATTRIBUTE.test(before.value);
  const printed = isUrl ? URL_OUTPUT : outputHelper(to.dialect);
  const name = simpleName(path);
  const isCall = node.params.length > 0 || node.hash !== undefined || (name !== undefined && helperNamed(name)?.min === 0);
  const value = isCall ? callOf(node, path, to) : labelled(path, to);
  const label = !isCall && to.uncertain.has(path) ? [textOf(path.original, path)] : [];
  return {
    ...node,
    path: pathTo(node.escaped ? printed : rawOutputHelper(to.dialect), path),
    params: [value, ...label],
    hash: undefined,
    escaped: false,
  };
}

const callOf = (node: MustacheStatement, path: PathExpression, to: Rewriter): SubExpression =>
  rewriteCall({ type: "SubExpression", path, params: node.params, hash: node.hash, loc: node.loc }, to);

function rewriteCall(node: SubExpression, to: Rewriter): SubExpression {
  const isNeeded = helperNamed(node.path.original)?.optional !== true;
  return {
    ...node,
    params: node.params.map((param) => rewriteExpression(param, to, isNeeded)),
    hash: rewriteHash(node.hash, to, isNeeded),
  };
}

const rewriteArguments = (node: { readonly params: readonly Expression[]; readonly hash: Hash | undefined }, to: Rewriter) => ({
  params: node.params.map((param) => rewriteExpression(param, to, false)),
  hash: rewriteHash(node.hash, to, false),
});

const rewriteHash = (hash: Hash | undefined, to: Rewriter, isNeeded: boolean): Hash | undefined =>
  hash === undefined
    ? undefined
    : { ...hash, pairs: hash.pairs.map((pair) => ({ ...pair, value: rewriteExpression(pair.value, to, isNeeded) })) };

function rewriteExpression(node: Expression, to: Rewriter, isNeeded: boolean): Expression {
  if (node.type === "SubExpression") return rewriteCall(node, to);
  if (node.type !== "PathExpression") return node;
  const value = labelled(node, to);
  if (!isNeeded || !to.uncertain.has(node)) return value;
  return internalCall(NEEDED, [value, textOf(node.original, node)], node);
}

/** A path below a label map becomes a search for the longest key. */
function labelled(path: PathExpression, to: Rewriter): Expression {
  const mapParts = to.labels.get(path);
  if (mapParts === undefined) return path;
  const map: PathExpression = { ...path, parts: path.parts.slice(0, mapParts) };
  return internalCall(LABEL, [map, ...path.parts.slice(mapParts).map((part) => textOf(part, path))], path);
}

const internalCall = (name: string, params: readonly Expression[], at: PathExpression): SubExpression => ({
  type: "SubExpression",
  path: pathTo(name, at),
  params,
  hash: undefined,
  loc: at.loc,
});

const pathTo = (name: string, at: PathExpression): PathExpression => ({
  type: "PathExpression",
  data: false,
  depth: 0,
  parts: [name],
  original: name,
  loc: at.loc,
});

const textOf = (value: string, at: PathExpression): Expression => ({ type: "StringLiteral", value, original: value, loc: at.loc });
