import { errorClass } from "../base/errors.ts";
import { isState, type State } from "../states/state.ts";
import { typeName } from "../states/state-error.ts";
import { Annotation } from "./annotations.ts";
import { Future } from "./future.ts";
import { resolveUpstreams, UpstreamTaskError } from "./upstream.ts";

/** None of the arguments can be mapped over. */
export class MappingMissingIterable extends errorClass("map_without_list") {}

/** The lists to be mapped over have different lengths. */
export class MappingLengthMismatch extends errorClass("map_length_mismatch") {}

export interface MapOptions {
  /** True: a skipped future of a list gives one run, which is skipped as well. */
  readonly allowSkip: boolean;
  /** Gives up the wait for futures of lists. */
  readonly signal?: () => AbortSignal;
}

/** The runs that one `map` starts. */
export interface Mapping {
  /** Arguments of each run. */
  readonly calls: readonly (readonly unknown[])[];
  /** The arguments of `map` itself: what the items came from, for the lineage of each run. */
  readonly sources: readonly unknown[];
}

/**
 * Takes the lists among the arguments apart, one item for each run; everything else goes to every run. Lists are arrays,
 * Sets, generators and whatever else can be iterated over, but not texts, bytes and object literals, nor what
 * `unmapped()` wraps. A future or state of a list is waited for first; one in `allowFailure()` goes to every run.
 *
 * @returns A promise exactly when a future or a state is among the arguments.
 * @throws map_without_list, map_length_mismatch; upstream_not_completed for a future of a list; the signal's reason
 * @see Prefect 3, task_runners.py, TaskRunner.map
 */
export function expandMap(args: readonly unknown[], options: MapOptions): Mapping | Promise<Mapping> {
  return args.some(isHandle) ? expandLater(args, options) : { calls: expand(args), sources: args };
}

const isHandle = (arg: unknown): arg is Future | State => isState(arg) || Future.is(arg);

async function expandLater(args: readonly unknown[], { allowSkip, signal }: MapOptions): Promise<Mapping> {
  // One by one, so that the other arguments keep the futures in them: each run waits for its own.
  const handles = args.filter(isHandle);
  const resolved = await resolveUpstreams({ args: handles, allowSkip, ...(signal === undefined ? {} : { signal }) });
  // A run cannot be skipped before it exists: the one call here keeps the handle, and so is skipped.
  if (resolved === null || resolved.kind === "skipped") return { calls: [args], sources: args };
  if (resolved.kind === "not-ready") {
    throw new UpstreamTaskError({ message: resolved.message }, { cause: resolved.cause });
  }
  const values = resolved.args.values();
  return { calls: expand(args.map((arg) => (isHandle(arg) ? values.next().value : arg))), sources: args };
}

type Column =
  /** `wrap` puts `allowFailure` around each item again. */
  { readonly items: readonly unknown[]; readonly wrap: (item: unknown) => unknown } | { readonly constant: unknown };

function expand(args: readonly unknown[]): unknown[][] {
  const columns = args.map(columnOf);
  const lengths = columns.flatMap((column, index) =>
    "items" in column ? [{ index, length: column.items.length }] : [],
  );
  const [first] = lengths;
  if (first === undefined) throw new MappingMissingIterable({ got: args.map(typeName).join(", ") || "nothing" });
  if (lengths.some(({ length }) => length !== first.length)) {
    const listed = lengths.map(({ index, length }) => `argument ${index + 1} has ${length}`);
    throw new MappingLengthMismatch({ lengths: listed.join(", ") });
  }
  return Array.from({ length: first.length }, (_, run) =>
    columns.map((column) => ("items" in column ? column.wrap(column.items[run]) : column.constant)),
  );
}

function columnOf(arg: unknown): Column {
  if (typeof arg === "object" && arg !== null && Annotation.is(arg)) {
    const { value } = arg;
    if (arg.kind === "unmapped" || isUnmapped(value)) return { constant: arg };
    return isList(value) ? { items: [...value], wrap: (item) => arg.rewrap(item) } : { constant: arg };
  }
  return isList(arg) ? { items: [...arg], wrap: (item) => item } : { constant: arg };
}

const isUnmapped = (value: unknown): boolean =>
  typeof value === "object" && value !== null && Annotation.is(value) && value.kind === "unmapped";

const isList = (value: unknown): value is Iterable<unknown> =>
  typeof value === "object" && value !== null && Symbol.iterator in value && !(value instanceof Uint8Array);
