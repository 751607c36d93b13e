import type { z } from "zod";
import type { JsonObject } from "../base/json.ts";
import { currentBlockContext } from "./ambient.ts";
import { type BlockClass, type BlockDefinition, type BlockSchema, construct } from "./block-class.ts";
import { type BlockPromise, blockPromise, methodNames } from "./block-promise.ts";
import { checkDefinition } from "./check-definition.ts";
import { type BlockSummary, type ListOptions, listBlocks } from "./list-blocks.ts";
import { type DeleteOptions, deleteBlock } from "./delete-block.ts";
import { documentMeta } from "./document-meta.ts";
import { BlockNotSavedError, InvalidBlockRegistrationError } from "./errors.ts";
import { assignFields, encodeLive, parseFields } from "./fields.ts";
import { type DocumentRef, type LoadOptions, existsBlock, loadBlock, loadFromRef, loadOfClass } from "./load-block.ts";
import { toMaskedJson } from "./masked-json.ts";
import { type BlockRef, type BlockTypes, formatReference } from "./reference.ts";
import { methodsOfReference } from "./registry.ts";
import { registerType } from "./register-type.ts";
import { type SaveOptions, saveBlock } from "./save-block.ts";
import type { NotifyMessage } from "./notify-message.ts";
import type { Receipt } from "./receipt.ts";

declare const INPUT: unique symbol;

/** What `with()` takes; known for classes made by `define`. */
type Changes<T> = T extends { readonly [INPUT]?: infer Input }
  ? Partial<NonNullable<Input>>
  : Readonly<Record<string, unknown>>;

/** An instance of a defined type: the base plus the schema's fields. */
export type BlockInstance<S extends BlockSchema, Base = Block> = Base & z.output<S> & { readonly [INPUT]?: z.input<S> };

/** Constructor arguments: none needed when every field has a default. */
export type BlockArguments<S extends BlockSchema> = {} extends z.input<S> ? [input?: z.input<S>] : [input: z.input<S>];

type ClassOf<T> = new (...args: never) => T;

/** Something that can tell people something. */
export interface Notifier {
  notify(body: string | NotifyMessage, subject?: string): Promise<Receipt>;
}

/** Type of the block that a reference gives: known slugs give their class. */
export type BlockOf<R extends string> = R extends `${infer Slug}/${string}`
  ? Slug extends keyof BlockTypes
    ? BlockTypes[Slug]
    : Block & Notifier
  : Block & Notifier;

/** The static side of a class made by `define`. */
export interface DefinedBlock<Slug extends string, S extends BlockSchema, Base = Block> {
  new (...input: BlockArguments<S>): BlockInstance<S, Base>;
  readonly definition: BlockDefinition<Slug, S>;
  /** Loads the document of this type with this name. @throws block_not_found, block_validation_failed */
  load<T extends Block>(this: ClassOf<T>, name: string, options?: LoadOptions): BlockPromise<T>;
  /** Loads by document id, or by `{ block_document_id }` or `{ block_document_slug }`. */
  loadFromRef<T extends Block>(this: ClassOf<T>, ref: DocumentRef): Promise<T>;
  /** @throws block_not_found, block_in_use */
  delete(name: string, options?: DeleteOptions): Promise<void>;
  exists(name: string): Promise<boolean>;
  /** Documents of this type, masked, by name. */
  list(options?: Omit<ListOptions, "type">): Promise<BlockSummary[]>;
  /** Makes the type known to this process and to the store. Calling it again changes nothing. */
  register(): Promise<void>;
  /** Derives a type with another slug, and other fields if wanted. */
  extend<const NewSlug extends string, NewS extends BlockSchema = S>(
    definition: Partial<Omit<BlockDefinition, "slug" | "schema">> & {
      readonly slug: NewSlug;
      readonly schema?: (schema: S) => NewS;
    },
  ): DefinedBlock<NewSlug, NewS, Base>;
}

/**
 * A named set of values with behaviour: credentials, addresses, settings. Secrets in it are sealed in the store and
 * print as a mask everywhere.
 *
 * @example
 * class OfficeLamp extends Block.define({
 *   slug: "office-lamp",
 *   schema: z.object({ host: z.string(), token: secret() }),
 * }) {}
 * await new OfficeLamp({ host: "lamp.local", token: "t0ken" }).save("desk");
 */
export class Block {
  /** Set on classes made by `define`; absent on `Block` and other bases, which cannot be constructed or saved. */
  static readonly definition: BlockDefinition | undefined = undefined;

  constructor(input?: unknown) {
    const type = concrete(new.target);
    assignFields(this, parseFields(type, input ?? {}));
  }

  /** Id of the document it was loaded from or saved to; null when neither. */
  get documentId(): string | null {
    return documentMeta(this)?.id ?? null;
  }

  get documentName(): string | null {
    return documentMeta(this)?.name ?? null;
  }

  get isAnonymous(): boolean | null {
    return documentMeta(this)?.isAnonymous ?? null;
  }

  /** Counts the changes of the document, from 1; null when unsaved. */
  get revision(): number | null {
    return documentMeta(this)?.revision ?? null;
  }

  /** `store` when it was loaded or saved, `code` when it exists in this process only. */
  get origin(): "store" | "code" {
    return documentMeta(this) === undefined ? "code" : "store";
  }

  /** Name of its value inside configuration texts. @throws block_not_saved */
  get placeholder(): string {
    const { slug } = concrete(this.constructor).definition;
    const meta = documentMeta(this);
    if (meta === undefined) throw new BlockNotSavedError({ slug });
    return `prefect.blocks.${slug}.${meta.name}`;
  }

  /** A validated, unsaved copy with some fields changed. @throws block_validation_failed */
  with(changes: Changes<this>): this {
    const type = concrete(this.constructor);
    const kept = encodeLive(type, this, this.#label(type));
    // The class of `this` constructs instances of the same class.
    return construct(type, { ...kept, ...changes }) as this;
  }

  /**
   * Saves under `name`, or under the name it was loaded with. Values are validated again and all fields are replaced.
   *
   * @returns The document id.
   * @throws block_already_exists, block_name_required, invalid_block_name, block_validation_failed
   */
  async save(nameOrOptions?: string | SaveOptions, options: SaveOptions = {}): Promise<string> {
    const type = concrete(this.constructor);
    const given = typeof nameOrOptions === "string" ? { name: nameOrOptions } : nameOrOptions;
    return saveBlock(await currentBlockContext(), type, this, { ...options, ...given });
  }

  /** The fields with every secret masked, and the type's slug. It cannot be read back. */
  toJSON(): JsonObject {
    return toMaskedJson(concrete(this.constructor), this);
  }

  #label(type: BlockClass): string {
    const name = documentMeta(this)?.name;
    return name === undefined ? type.definition.slug : formatReference({ slug: type.definition.slug, name });
  }

  /** Makes the base class of a block type. Nothing is registered by it. @throws invalid_block_registration */
  static define<const Slug extends string, S extends BlockSchema>(
    definition: BlockDefinition<Slug, S>,
  ): DefinedBlock<Slug, S> {
    // The class has the schema's fields once its constructor ran; TypeScript cannot express that for a generic schema.
    return defineOn(Block, definition) as unknown as DefinedBlock<Slug, S>;
  }

  /**
   * Loads a saved block. The promise has the block's methods, so one line is enough to use it.
   *
   * @throws block_not_found, unknown_block_type, invalid_block_reference, block_validation_failed
   * @example
   * await Block.load("slack-webhook/ops").notify("Nightly load failed");
   */
  static load<const R extends BlockRef>(ref: R, options?: LoadOptions): BlockPromise<BlockOf<R>>;
  /** The same for a reference that is known at run time only. */
  static load(ref: string, options?: LoadOptions): BlockPromise<Block & Notifier>;
  static load(ref: string, options: LoadOptions = {}): BlockPromise<Block> {
    const type = concreteOrNone(this);
    const loading = currentBlockContext().then((context) =>
      type === undefined ? loadBlock(context, ref, options) : loadOfClass(context, type, ref, options),
    );
    // Instances of every class in the registry are blocks; the registry sits below this file and cannot name the class.
    return blockPromise(
      loading as Promise<Block>,
      type === undefined ? methodsOfReference(ref) : methodNames(type.prototype),
    );
  }

  /** Loads by document id, or by `{ block_document_id }` or `{ block_document_slug }`. @throws block_not_found */
  static async loadFromRef(ref: DocumentRef): Promise<Block & Notifier> {
    // As in load: what comes back is a block of the registered class.
    return (await loadFromRef(await currentBlockContext(), concreteOrNone(this), ref)) as Block & Notifier;
  }

  /** Deletes by reference. @throws block_not_found, block_in_use */
  static async delete(ref: string, options: DeleteOptions = {}): Promise<void> {
    await deleteBlock(await currentBlockContext(), fullReference(concreteOrNone(this), ref), options);
  }

  static async exists(ref: string): Promise<boolean> {
    return existsBlock(await currentBlockContext(), fullReference(concreteOrNone(this), ref));
  }

  /** Summaries of saved documents, masked, sorted by type and name. One bad document does not fail the list. */
  static async list(options: ListOptions = {}): Promise<BlockSummary[]> {
    const type = concreteOrNone(this);
    return listBlocks(
      await currentBlockContext(),
      type === undefined ? options : { ...options, type: type.definition.slug },
    );
  }

  /** Makes the type known to this process and to the store. Calling it again changes nothing. */
  static async register(): Promise<void> {
    const type = concrete(this);
    await registerType((await currentBlockContext()).store, type);
  }

  static extend(definition: Partial<Omit<BlockDefinition, "slug" | "schema">> & ExtendTo): unknown {
    const type = concrete(this);
    const { slug, schema, ...rest } = definition;
    const from = type.definition.schema;
    return defineOn(this, { ...type.definition, ...rest, slug, schema: schema === undefined ? from : schema(from) });
  }
}

interface ExtendTo {
  readonly slug: string;
  readonly schema?: (schema: BlockSchema) => BlockSchema;
}

/** A class over `Base` with this definition. */
export function defineOn(Base: typeof Block, definition: BlockDefinition): typeof Block {
  checkDefinition(definition);
  return class extends Base {
    static override readonly definition = definition;
  };
}

const concreteOrNone = (type: { readonly definition: BlockDefinition | undefined }): BlockClass | undefined =>
  // A class with a definition constructs instances from its schema's input, which is what BlockClass says.
  type.definition === undefined ? undefined : (type as unknown as BlockClass);

function concrete(type: Function): BlockClass {
  // Called with classes below Block only, which all have the static `definition`.
  const found = concreteOrNone(type as unknown as typeof Block);
  if (found === undefined)
    throw new InvalidBlockRegistrationError({ type: type.name, problem: "it is a base class without fields" });
  return found;
}

const fullReference = (type: BlockClass | undefined, ref: string): string =>
  type === undefined ? ref : formatReference({ slug: type.definition.slug, name: ref });
