import { z } from "zod";
import { RunMessage } from "./context.ts";

/** What is known about the value at a path before anything is rendered. */
export type PathType =
  /** Anything below it may exist. */
  | { readonly kind: "any" }
  | { readonly kind: "value" }
  | { readonly kind: "object"; readonly members: Readonly<Record<string, PathType>> }
  /** Free keys; those of a label map may contain dots. */
  | { readonly kind: "map"; readonly isLabels: boolean }
  | { readonly kind: "list"; readonly item: PathType };

export const ANY: PathType = { kind: "any" };
export const VALUE: PathType = { kind: "value" };

/** The little of JSON Schema that a context schema turns into. */
interface SchemaNode {
  readonly type?: string;
  readonly properties?: Readonly<Record<string, SchemaNode>>;
  readonly additionalProperties?: unknown;
  readonly propertyNames?: unknown;
  readonly items?: SchemaNode;
  readonly anyOf?: readonly SchemaNode[];
  readonly isLabels?: boolean;
}

let runMessage: PathType | undefined;

/** The paths of a {@link RunMessage}; made from its schema at first use. */
export function runMessagePaths(): PathType {
  // The schema's own type is wider than the handful of keywords that zod emits for our shapes.
  runMessage ??= typeOf(z.toJSONSchema(RunMessage) as SchemaNode);
  return runMessage;
}

function typeOf(node: SchemaNode): PathType {
  if (node.anyOf !== undefined) {
    const present = node.anyOf.filter((option) => option.type !== "null");
    return present.length === 1 && present[0] !== undefined ? typeOf(present[0]) : ANY;
  }
  if (node.type === "array") return { kind: "list", item: node.items === undefined ? ANY : typeOf(node.items) };
  if (node.type !== "object") return node.type === undefined ? ANY : VALUE;
  if (node.properties === undefined) return { kind: "map", isLabels: node.isLabels === true };
  const members = Object.entries(node.properties).map(([name, member]) => [name, typeOf(member)] as const);
  return { kind: "object", members: Object.fromEntries(members) };
}

/** Type of a member; undefined when there can be none of that name. */
export function memberType(type: PathType, name: string): PathType | undefined {
  if (type.kind === "any" || type.kind === "map") return ANY;
  if (type.kind === "object") return Object.hasOwn(type.members, name) ? type.members[name] : undefined;
  if (name === "length") return VALUE;
  return type.kind === "list" && /^\d+$/.test(name) ? type.item : undefined;
}

/** What `each` gives as `this`. */
export function itemType(type: PathType): PathType {
  return type.kind === "list" ? type.item : ANY;
}

export const memberNames = (type: PathType): readonly string[] =>
  type.kind === "object" ? Object.keys(type.members) : [];

/** The object with the parameters of a partial call beside its own members. */
export function withMembers(type: PathType, extra: Readonly<Record<string, PathType>>): PathType {
  if (Object.keys(extra).length === 0) return type;
  return type.kind === "object" ? { kind: "object", members: { ...type.members, ...extra } } : ANY;
}
