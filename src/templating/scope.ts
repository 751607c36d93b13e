import type { PathExpression } from "./ast.ts";
import { ANY, memberNames, memberType, type PathType, VALUE } from "./path-types.ts";
import { nearest } from "./suggest.ts";

/** What names mean at one place of a template. */
export interface Scope {
  readonly type: PathType;
  /** What `../` reaches; null at the top of a template or partial. */
  readonly parent: Scope | null;
  readonly root: PathType;
  /** Names from `as |item index|`, those of outer blocks included. */
  readonly blockParams: Readonly<Record<string, PathType>>;
  /** Inside `each`: `@index` and its like exist. */
  readonly isLoop: boolean;
  /** `../` at the top may still exist, as a partial cannot know who calls it. */
  readonly isPartial: boolean;
}

export const topScope = (root: PathType): Scope => ({
  type: root,
  parent: null,
  root,
  blockParams: {},
  isLoop: false,
  isPartial: false,
});

/** What a path was found to be. */
export type PathFinding =
  | {
      readonly found: true;
      readonly type: PathType;
      /** It runs through an open map, so it may be missing when a message is rendered. */
      readonly isCertain: boolean;
      /** Count of leading parts that name a label map with more parts after it; 0 for none. */
      readonly labelParts: number;
    }
  | { readonly found: false; readonly message: string; readonly suggestion?: string };

const LOOP_DATA = ["index", "key", "first", "last", "truncated"] as const;

/** Checks a path against the types that are known at its place. */
export function findPath(path: PathExpression, scope: Scope): PathFinding {
  if (path.data) return findData(path, scope);
  let start: Scope | null = scope;
  for (let up = path.depth; up > 0 && start !== null; up -= 1) start = start.parent;
  if (start === null) return outside(path);
  const [first, ...rest] = path.parts;
  const isBlockParam =
    path.depth === 0 && first !== undefined && !isScoped(path) && Object.hasOwn(scope.blockParams, first);
  if (isBlockParam) return walk(path, scope.blockParams[first] ?? ANY, rest, scope, 1);
  return walk(path, start.type, path.parts, scope, 0);
}

/** `this.x` and `./x`: never a block parameter. */
const isScoped = (path: PathExpression): boolean => /^(?:\.|this\b)/.test(path.original);

function outside(path: PathExpression): PathFinding {
  return {
    found: false,
    message: `"${path.original}" reaches beyond the outermost block.`,
    suggestion: `@root.${path.parts.join(".")}`,
  };
}

function findData(path: PathExpression, scope: Scope): PathFinding {
  const [name, ...rest] = path.parts;
  if (name === "root") return walk(path, scope.root, rest, scope, 1);
  const isKnown = LOOP_DATA.some((known) => known === name);
  if (isKnown && (scope.isLoop || scope.isPartial)) return { found: true, type: VALUE, isCertain: true, labelParts: 0 };
  const suggestion = nearest(String(name), [...LOOP_DATA, "root"]);
  return {
    found: false,
    message: isKnown ? `"@${String(name)}" exists only inside #each.` : `Unknown "@${String(name)}".`,
    ...(suggestion === undefined || isKnown ? {} : { suggestion: `@${suggestion}` }),
  };
}

function walk(
  path: PathExpression,
  from: PathType,
  parts: readonly string[],
  scope: Scope,
  skipped: number,
): PathFinding {
  let type = from;
  let isCertain = true;
  let labelParts = 0;
  for (const [index, part] of parts.entries()) {
    if (type.kind === "any" || type.kind === "map") isCertain = false;
    if (type.kind === "map" && type.isLabels && index < parts.length - 1 && labelParts === 0)
      labelParts = index + skipped;
    const next = memberType(type, part);
    if (next === undefined) return unknownMember(path, parts, index, type, scope);
    type = next;
  }
  return { found: true, type, isCertain, labelParts };
}

function unknownMember(
  path: PathExpression,
  parts: readonly string[],
  index: number,
  type: PathType,
  scope: Scope,
): PathFinding {
  const part = parts[index] ?? "";
  const prefix = path.original.slice(0, path.original.length - parts.slice(index).join(".").length);
  const message = part === path.original ? `Unknown "${part}".` : `Unknown "${part}" in "${path.original}".`;
  const near = nearest(part, memberNames(type));
  if (near !== undefined)
    return { found: false, message, suggestion: [prefix + near, ...parts.slice(index + 1)].join(".") };
  // Inside #each and #with people forget that the context has changed.
  const isRootName = index === 0 && scope.parent !== null && memberType(scope.root, part) !== undefined;
  return isRootName ? { found: false, message, suggestion: `@root.${parts.join(".")}` } : { found: false, message };
}
