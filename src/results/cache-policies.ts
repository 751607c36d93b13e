import { CodedTypeError } from "../states/coded-type-error.ts";
import { typeName } from "../states/state-error.ts";
import { hashOf } from "./hash.ts";
import type { CacheContext, CacheKey, CacheKeyFn, CachePolicy, NamedInputs } from "./options.ts";

type Part = (context: CacheContext, parameters: NamedInputs) => CacheKey | PromiseLike<CacheKey>;

/** What a policy consists of: whether inputs count and which do not, and everything else that gives a key. */
interface Parts {
  readonly inputs: boolean;
  readonly without: ReadonlySet<string>;
  readonly others: readonly Part[];
}

const partsOf = new WeakMap<CachePolicy, Parts>();

const taskSource: Part = ({ task }) => hashOf(task.source);
const runId: Part = ({ flowRunId, taskRunId }) => flowRunId ?? taskRunId;
const flowParameters: Part = ({ flowParameters: given }) =>
  given === null || Object.keys(given).length === 0 ? null : hashOf(given);

/** Null when there are no arguments at all: then they say nothing. Source: Prefect 3, `Inputs`. */
function inputsKey(parameters: NamedInputs, without: ReadonlySet<string>): string | null {
  const entries = Object.entries(parameters);
  if (entries.length === 0) return null;
  return hashOf(Object.fromEntries(entries.filter(([name]) => !without.has(name))));
}

/** Policies are data with a few functions, so that `plus` and `minus` make new ones and change none. */
function policyOf(parts: Parts): CachePolicy {
  const policy: CachePolicy = {
    computeKey: (context, parameters) => {
      const keys = parts.others.map((part) => part(context, parameters));
      if (parts.inputs) keys.unshift(inputsKey(parameters, parts.without));
      // Without a promise among them, the run need not wait.
      return keys.some(isPending) ? combineLater(keys) : combine(keys as readonly CacheKey[]);
    },
    plus: (other) => {
      const more = partsOf.get(other) ?? foreign(other);
      return policyOf({
        inputs: parts.inputs || more.inputs,
        without: union(parts.without, more.without),
        others: [...new Set([...parts.others, ...more.others])],
      });
    },
    // Leaving an argument out means that the others count. Source: Prefect 3, `CachePolicy.__sub__`.
    minus: (...names) => policyOf({ ...parts, inputs: true, without: union(parts.without, names) }),
  };
  partsOf.set(policy, parts);
  return Object.freeze(policy);
}

const union = (one: Iterable<string>, other: Iterable<string>): ReadonlySet<string> => new Set([...one, ...other]);

const isPending = (key: CacheKey | PromiseLike<CacheKey>): key is PromiseLike<CacheKey> =>
  typeof key === "object" && key !== null;

const combineLater = async (keys: readonly (CacheKey | PromiseLike<CacheKey>)[]): Promise<string | null> =>
  combine(await Promise.all(keys.map(async (key) => key)));

function combine(keys: readonly CacheKey[]): string | null {
  const known = keys.filter((key) => key !== null && key !== undefined);
  const [only] = known;
  if (only === undefined) return null;
  return known.length === 1 ? only : hashOf(...known);
}

/** A policy that was not made here, from a second installed copy of the package for instance. */
function foreign(policy: CachePolicy): Parts {
  checkPolicy("plus() takes", policy);
  return { ...NOTHING, others: [(context, parameters) => policy.computeKey(context, parameters)] };
}

/** What a caller without types may give. @throws invalid_definition */
function checkPolicy(taker: string, given: CachePolicy): CachePolicy {
  if (typeof given?.computeKey === "function") return given;
  const problem = `${taker} a cache policy, not ${typeName(given)}`;
  throw new CodedTypeError("invalid_definition", { option: "cachePolicy", problem });
}

/** The policy that an option gives; null: none. @throws invalid_definition */
export const policyOption = (given: CachePolicy | null | undefined): CachePolicy | null =>
  given === null || given === undefined ? null : checkPolicy("it must be", given);

const NOTHING: Parts = { inputs: false, without: new Set(), others: [] };

/** Calls with equal arguments are the same, in all runs and of all tasks that use this policy. */
export const INPUTS: CachePolicy = policyOf({ ...NOTHING, inputs: true });

/** Calls of the same code are the same. */
export const TASK_SOURCE: CachePolicy = policyOf({ ...NOTHING, others: [taskSource] });

/** Calls within one flow run are the same; outside a flow, those within one task run: its retries. */
export const RUN_ID: CachePolicy = policyOf({ ...NOTHING, others: [runId] });

/** Calls within flow runs with equal parameters are the same. Says nothing where there are none. */
export const FLOW_PARAMETERS: CachePolicy = policyOf({ ...NOTHING, others: [flowParameters] });

/** No two calls are the same. Adding another policy to it gives that policy. */
export const NO_CACHE: CachePolicy = policyOf(NOTHING);

/** What counts unless a task says otherwise: the same arguments and code in the same flow run. */
export const DEFAULT: CachePolicy = INPUTS.plus(TASK_SOURCE).plus(RUN_ID);

/**
 * A policy of your own: calls with the same key are the same; null or undefined says nothing.
 *
 * @example
 * const perDay = cachePolicy((_context, { day }) => String(day));
 * const report = task({ cachePolicy: perDay.plus(TASK_SOURCE) }, async ({ day }: { day: string }) => …);
 */
export const cachePolicy = (fn: CacheKeyFn): CachePolicy => policyOf({ ...NOTHING, others: [fn] });
