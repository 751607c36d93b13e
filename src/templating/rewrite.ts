import {
  type BlockStatement,
  type ContentStatement,
  type Expression,
  type Hash,
  type MustacheStatement,
  type PathExpression,
  type Program,
  simpleName,
  type Statement,
  type SubExpression,
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

/** Values and the text between them, printed by one helper call: most of the cost of a call does not depend on its size. */
interface Run {
  readonly at: MustacheStatement;
  /** Value, text, value, …, value. */
  readonly params: Expression[];
}

function rewriteBody(program: Program, to: Rewriter): Program {
  const body: Statement[] = [];
  let run: Run | undefined;
  let between: ContentStatement | undefined;
  const flush = (): void => {
    if (run !== undefined) body.push(outputOf(run.at, outputHelper(to.dialect), run.params));
    if (between !== undefined) body.push(between);
    run = undefined;
    between = undefined;
  };
  for (const [index, statement] of program.body.entries()) {
    const value =
      statement.type === "MustacheStatement" ? plainOutput(statement, program.body[index - 1], to) : undefined;
    if (statement.type === "MustacheStatement" && value !== undefined) {
      if (run === undefined) {
        flush();
        run = { at: statement, params: [value] };
      } else {
        run.params.push(textOf(between?.value ?? "", statement), value);
        between = undefined;
      }
    } else if (statement.type === "ContentStatement" && between === undefined) {
      between = statement;
    } else {
      flush();
      body.push(rewriteStatement(statement, program.body[index - 1], to));
    }
  }
  flush();
  return { ...program, body };
}

function rewriteStatement(statement: Statement, before: Statement | undefined, to: Rewriter): Statement {
  switch (statement.type) {
    case "ContentStatement":
    case "CommentStatement":
      return statement;
    case "MustacheStatement":
      return specialOutput(statement, before, to);
    case "BlockStatement":
      return rewriteBlock(statement, to);
    case "PartialStatement":
      return { ...statement, ...rewriteArguments(statement, to) };
    case "PartialBlockStatement":
      return { ...statement, ...rewriteArguments(statement, to), program: rewriteBody(statement.program, to) };
  }
}

const rewriteBlock = (node: BlockStatement, to: Rewriter): BlockStatement => ({
  ...unlocated(node),
  // An absent subject of #if, #with or #each is a question, not a mistake.
  params: node.params.map((param) => rewriteExpression(param, to, false)),
  program: node.program === undefined ? undefined : rewriteBody(node.program, to),
  inverse: node.inverse === undefined ? undefined : rewriteBody(node.inverse, to),
});

/**
 * Without its place: Handlebars would pass it to the helper as an object of its own at every call, and nobody reads it,
 * because problems with a place are found before a template is compiled.
 */
const unlocated = <T extends MustacheStatement | BlockStatement>(node: T): T => ({ ...node, loc: undefined });

const URL_ATTRIBUTE = /(?:href|src)\s*=\s*["']$/i;

const isUrl = (before: Statement | undefined, { dialect }: Rewriter): boolean =>
  dialect === "html" && before?.type === "ContentStatement" && URL_ATTRIBUTE.test(before.value);

/** The value of an output that is escaped for the dialect; undefined for raw output and addresses. */
function plainOutput(node: MustacheStatement, before: Statement | undefined, to: Rewriter): Expression | undefined {
  return node.escaped && !isUrl(before, to) ? valueOf(node, to) : undefined;
}

const specialOutput = (node: MustacheStatement, before: Statement | undefined, to: Rewriter): MustacheStatement =>
  outputOf(node, node.escaped && isUrl(before, to) ? URL_OUTPUT : rawOutputHelper(to.dialect), [valueOf(node, to)]);

const outputOf = (node: MustacheStatement, helper: string, params: readonly Expression[]): MustacheStatement => ({
  ...unlocated(node),
  path: pathTo(helper, node),
  params,
  hash: undefined,
  escaped: false,
});

function valueOf(node: MustacheStatement, to: Rewriter): Expression {
  const { path } = node;
  // The validator has refused every other kind.
  if (path.type !== "PathExpression") return path;
  const name = simpleName(path);
  const isCall =
    node.params.length > 0 || node.hash !== undefined || (name !== undefined && helperNamed(name)?.min === 0);
  return isCall ? callOf(node, path, to) : rewriteExpression(path, to, true);
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

const rewriteArguments = (
  node: { readonly params: readonly Expression[]; readonly hash: Hash | undefined },
  to: Rewriter,
) => ({
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

const pathTo = (name: string, at: Pick<PathExpression, "loc">): PathExpression => ({
  type: "PathExpression",
  data: false,
  depth: 0,
  parts: [name],
  original: name,
  loc: at.loc,
});

const textOf = (value: string, at: Pick<PathExpression, "loc">): Expression => ({
  type: "StringLiteral",
  value,
  original: value,
  loc: at.loc,
});
