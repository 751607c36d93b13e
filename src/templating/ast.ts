/*
 * The part of Handlebars' syntax tree that templates may use, as a closed union. Everything that the parser can make
 * and that is not listed here (decorators, raw blocks) is refused by the validator, which sees nodes as `AnyNode`.
 */

export interface Position {
  /** From 1. */
  readonly line: number;
  /** From 0. */
  readonly column: number;
}

interface Located {
  readonly loc: { readonly start: Position; readonly end: Position };
}

export interface PathExpression extends Located {
  readonly type: "PathExpression";
  /** True for `@index`. */
  readonly data: boolean;
  /** Number of `../`. */
  readonly depth: number;
  readonly parts: readonly string[];
  readonly original: string;
}

export interface SubExpression extends Located {
  readonly type: "SubExpression";
  readonly path: PathExpression;
  readonly params: readonly Expression[];
  readonly hash: Hash | undefined;
}

interface Literal extends Located {
  readonly type: "StringLiteral" | "NumberLiteral" | "BooleanLiteral" | "UndefinedLiteral" | "NullLiteral";
  readonly value?: string | number | boolean;
  readonly original: string | number | boolean | null | undefined;
}

export type Expression = PathExpression | SubExpression | Literal;

export interface Hash extends Located {
  readonly type: "Hash";
  readonly pairs: readonly HashPair[];
}

interface HashPair extends Located {
  readonly type: "HashPair";
  readonly key: string;
  readonly value: Expression;
}

export interface Program extends Located {
  readonly type: "Program";
  readonly body: readonly Statement[];
  readonly blockParams?: readonly string[];
  readonly strip?: object;
}

export interface ContentStatement extends Located {
  readonly type: "ContentStatement";
  readonly value: string;
  readonly original: string;
}

interface CommentStatement extends Located {
  readonly type: "CommentStatement";
  readonly value: string;
}

export interface MustacheStatement extends Located {
  readonly type: "MustacheStatement";
  readonly path: Expression;
  readonly params: readonly Expression[];
  readonly hash: Hash | undefined;
  /** False for `{{{x}}}` and `{{& x}}`. */
  readonly escaped: boolean;
  readonly strip?: object;
}

export interface BlockStatement extends Located {
  readonly type: "BlockStatement";
  readonly path: PathExpression;
  readonly params: readonly Expression[];
  readonly hash: Hash | undefined;
  readonly program: Program | undefined;
  readonly inverse: Program | undefined;
}

export interface PartialStatement extends Located {
  readonly type: "PartialStatement";
  readonly name: Expression;
  readonly params: readonly Expression[];
  readonly hash: Hash | undefined;
  readonly indent: string;
}

export interface PartialBlockStatement extends Located {
  readonly type: "PartialBlockStatement";
  readonly name: Expression;
  readonly params: readonly Expression[];
  readonly hash: Hash | undefined;
  readonly program: Program;
}

export type Statement =
  | ContentStatement
  | CommentStatement
  | MustacheStatement
  | BlockStatement
  | PartialStatement
  | PartialBlockStatement;

/** Name of a path of one plain part (`upper`, not `this.upper`, `@upper` or `../upper`), else undefined. */
export function simpleName(node: Expression): string | undefined {
  if (node.type !== "PathExpression" || node.data || node.depth > 0 || node.parts.length !== 1) return undefined;
  return node.original === node.parts[0] ? node.parts[0] : undefined;
}

/** The name of a partial written as a plain word, a path or a string; undefined for `(lookup . "x")`. */
export function partialName(node: Expression): string | undefined {
  if (node.type === "PathExpression") return node.original;
  return node.type === "StringLiteral" ? String(node.value) : undefined;
}
