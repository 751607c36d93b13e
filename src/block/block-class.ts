import type { z } from "zod";

/** Schema of a block type's fields: field names are used verbatim everywhere, stored data included. */
export type BlockSchema = z.ZodObject;

/** What a block type says of itself. */
export interface BlockDefinition<Slug extends string = string, S extends BlockSchema = BlockSchema> {
  /** Lasting identity of the type: lower-case letters, digits, dashes. */
  readonly slug: Slug;
  /** Shown to people; default: the class name. */
  readonly name?: string;
  readonly description?: string;
  readonly documentationUrl?: string;
  readonly logoUrl?: string;
  readonly codeExample?: string;
  /** Free label of the schema; default `non-versioned`. A change of capabilities alone is seen only with a new one. */
  readonly version?: string;
  /** What the class can do beyond its base; each names a method that the class must have. */
  readonly capabilities?: readonly string[];
  readonly schema: S;
}

/** Any concrete block class, seen from outside: enough to construct, describe and store its instances. */
export interface BlockClass<T extends object = object> {
  readonly name: string;
  readonly prototype: T;
  readonly definition: BlockDefinition;
  // Each class takes its own input type; `never` lets every one of them be a BlockClass.
  new (...args: never): T;
}

/** Field values that are complete already: the constructor takes them as they are. */
export class FieldValues {
  readonly values: Readonly<Record<string, unknown>>;

  constructor(values: Readonly<Record<string, unknown>>) {
    this.values = values;
  }
}

/** Constructs from raw data (parsed by the class's schema) or from {@link FieldValues}. */
export function construct<T extends object>(type: BlockClass<T>, input: unknown): T {
  // The constructor parses whatever it is given; the type only forbids a direct call with unknown data.
  return new (type as unknown as new (input: unknown) => T)(input);
}

/** Capabilities of the type and its ancestors, each once. */
export const capabilitiesOf = (type: BlockClass): readonly string[] => type.definition.capabilities ?? [];

/** Version label under which the type's schema is stored. */
export const versionOf = (type: BlockClass): string => type.definition.version ?? "non-versioned";

/** Definition of the class of a block instance. */
export function classOf(block: object): BlockClass {
  // Instances come only from classes made by `define`, whose constructor refuses everything else.
  return block.constructor as unknown as BlockClass;
}
