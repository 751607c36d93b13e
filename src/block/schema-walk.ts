import type { z } from "zod";

/** A schema inside another one. */
export interface ChildSchema {
  readonly schema: z.core.$ZodType;
  /** Name of the field, when the parent is an object. */
  readonly key?: string;
  /** The parent is a record: the child sits under keys that the schema does not name. */
  readonly anyKey?: boolean;
}

const plain = (...schemas: readonly z.core.$ZodType[]): ChildSchema[] => schemas.map((schema) => ({ schema }));

/**
 * The schemas directly inside this one, in order of declaration. Codecs count by their input side, because that is
 * what is stored; what a codec decodes to is not a boundary shape.
 */
export function childSchemas(schema: z.core.$ZodType): ChildSchema[] {
  // Each schema carries its definition, discriminated by `type`; zod types the base schema without the union.
  const { def } = (schema as z.core.$ZodTypes)._zod;
  // oxlint-disable-next-line typescript/switch-exhaustiveness-check -- all other kinds of schema hold no schema
  switch (def.type) {
    case "object":
      return Object.entries(def.shape).map(([key, child]) => ({ schema: child, key }));
    case "array":
      return plain(def.element);
    case "tuple":
      return plain(...def.items, ...(def.rest === null ? [] : [def.rest]));
    case "record":
      return [{ schema: def.valueType, anyKey: true }];
    case "map":
    case "set":
      return plain(def.valueType);
    case "union":
      return plain(...def.options);
    case "intersection":
      return plain(def.left, def.right);
    case "optional":
    case "nullable":
    case "default":
    case "prefault":
    case "nonoptional":
    case "readonly":
    case "catch":
    case "success":
    case "promise":
      return plain(def.innerType);
    case "lazy":
      return plain(def.getter());
    case "pipe":
      return plain(def.in);
    default:
      return [];
  }
}

/** True for `.transform()` and `preprocess`: values that went through one cannot be turned back and saved. */
export function isOneWay(schema: z.core.$ZodType): boolean {
  // As above.
  const { def } = (schema as z.core.$ZodTypes)._zod;
  return def.type === "transform" || (def.type === "pipe" && (isOneWay(def.in) || isOneWay(def.out)));
}
