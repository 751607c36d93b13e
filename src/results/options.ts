/**
 * Where results are kept: `"store"` is Bellhop's own database; anything else is a folder, as a path (a relative one
 * starts at the working directory) or as a file URL. The folder is made when it is missing.
 */
export type ResultStorage = "store" | (string & {}) | URL;

/** Turns results into bytes and back. What it writes is encrypted before it is stored. */
export interface Serializer {
  /** Stored with each record, so that a record is read by what wrote it. */
  readonly type: string;
  /** @throws when the value cannot be restored from bytes */
  serialize(value: unknown): Uint8Array | PromiseLike<Uint8Array>;
  deserialize(bytes: Uint8Array): unknown;
}

/**
 * - `json` (default): JSON that also keeps undefined, dates, big integers, maps, sets, errors and bytes.
 * - `v8`: the structured clone of Node.js; also keeps cycles.
 * - `compressed/…`: the same, deflated.
 */
export type SerializerType = "json" | "v8" | "compressed/json" | "compressed/v8";

export type SerializerLike = SerializerType | Serializer;

/** Arguments of a run by name, as `runtime.taskRun.parameters` has them. */
export type NamedInputs = Readonly<Record<string, unknown>>;

/** What a cache key may be made of, beside the arguments. */
export interface CacheContext {
  /** `source` is the text of the task's function. */
  readonly task: { readonly name: string; readonly source: string };
  /** Null outside a flow. */
  readonly flowRunId: string | null;
  readonly taskRunId: string;
  /** Arguments of the flow run around the task; null outside a flow. */
  readonly flowParameters: NamedInputs | null;
}

/** Null: no key, so nothing is looked up and the task runs. */
export type CacheKey = string | null | undefined;

export type CacheKeyFn = (context: CacheContext, parameters: NamedInputs) => CacheKey | PromiseLike<CacheKey>;

/**
 * Says which calls of a task count as the same one. Compose the ready-made ones, or make one with `cachePolicy()`.
 * Source: Prefect 3, cache policies.
 */
export interface CachePolicy {
  /** @throws input_not_hashable; the engine then logs it and runs the task */
  computeKey(context: CacheContext, parameters: NamedInputs): CacheKey | PromiseLike<CacheKey>;
  /** Calls are the same when both policies say so. */
  plus(other: CachePolicy): CachePolicy;
  /** Arguments with these names do not count. */
  minus(...names: readonly string[]): CachePolicy;
}

/** What a flow and a task say about their results. Null: not said, so the run around them decides. */
export interface ResultOptions {
  /**
   * True keeps the return value where other processes and later runs find it. Null: true when another option here is
   * set, else as the run around it does, else the setting.
   */
  readonly persistResult: boolean | null;
  readonly resultStorage: ResultStorage | null;
  readonly resultSerializer: SerializerLike | null;
}

/** What a task says about its results and about reusing them. */
export interface TaskResultOptions extends ResultOptions {
  /** Default: the same inputs, the same code, the same flow run. */
  readonly cachePolicy: CachePolicy | null;
  /** Makes the key itself; goes before `cachePolicy`. */
  readonly cacheKeyFn: CacheKeyFn | null;
  /** Seconds for which a result may be reused; null: for ever. */
  readonly cacheExpiration: number | null;
  /** True: run in any case and replace the kept result. */
  readonly refreshCache: boolean | null;
  /** The key as a template: `"report-{parameters.day}"`; goes before `cacheKeyFn` and `cachePolicy`. */
  readonly resultStorageKey: string | null;
}
