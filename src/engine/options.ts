import { readRuntimeEnv } from "../config/runtime-env.ts";
import { MAX_RETRY_DELAYS } from "../orchestration/retry.ts";
import { CodedTypeError } from "../states/coded-type-error.ts";
import { typeName } from "../states/state-error.ts";
import { storageName } from "../results/open-services.ts";
import type { ResultStorage, SerializerLike } from "../results/options.ts";
import { serializerOf } from "../results/serializers.ts";
import type { RunnableInfo } from "./definition.ts";

/** Seconds before each retry: one number, a list whose last entry repeats, or a function from the number of retries. */
export type RetryDelay = number | readonly number[] | ((retries: number) => number | readonly number[]);

/** Options that flows and tasks have in common. Durations are seconds. */
export interface RunnableOptions {
  /** Default: the function's name. */
  readonly name?: string;
  readonly description?: string | null;
  readonly version?: string | null;
  /** Attempts after the first. Default 0. */
  readonly retries?: number;
  /** Default 0. At most 50 entries. */
  readonly retryDelaySeconds?: RetryDelay;
  /** Spreads delays at random, up to this part above each; default: none. At least 0. */
  readonly retryJitterFactor?: number | null;
  /** Per attempt; default 0, which means none. */
  readonly timeoutSeconds?: number | null;
  readonly tags?: Iterable<string>;
  /** Per call of a hook; default: none. */
  readonly hookTimeoutSeconds?: number | null;
  /** True: what the body prints goes to the run's log. Default: as the run around it says, else false. */
  readonly logPrints?: boolean | null;
  /** Keeps the result beyond this process. Default: when another option is about results, else as the run around it says. */
  readonly persistResult?: boolean | null;
  /** `"store"`, or a folder. Default: as the run around it says, else the store. */
  readonly resultStorage?: ResultStorage | null;
  readonly resultSerializer?: SerializerLike | null;
}

const invalid = (option: string, problem: string): never => {
  throw new CodedTypeError("invalid_definition", { option, problem });
};

type Checked = Omit<RunnableInfo, "fn">;

/** What holds where an object says nothing: `BELLHOP_TASKS_DEFAULT_RETRIES` and the like, else 0. */
function setting(kind: "flow" | "task", name: "RETRIES" | "RETRY_DELAY_SECONDS"): number {
  const variable = `BELLHOP_${kind.toUpperCase()}S_DEFAULT_${name}`;
  const text = readRuntimeEnv(variable);
  return text === undefined || text.trim() === "" ? 0 : seconds(variable, Number(text));
}

/**
 * The common options with their defaults filled in.
 *
 * @throws invalid_definition
 */
export function checkRunnable(options: RunnableOptions, fnName: string, kind: "flow" | "task"): Checked {
  const retries = count("retries", options.retries ?? setting(kind, "RETRIES"));
  return {
    name: checkName(options.name ?? fnName),
    description: text("description", options.description),
    version: text("version", options.version),
    retries,
    retryDelaySeconds: delays(options.retryDelaySeconds ?? setting(kind, "RETRY_DELAY_SECONDS"), retries),
    retryJitterFactor:
      options.retryJitterFactor == null ? null : seconds("retryJitterFactor", options.retryJitterFactor),
    timeoutSeconds: seconds("timeoutSeconds", options.timeoutSeconds ?? 0),
    tags: tagList(options.tags),
    hookTimeoutSeconds:
      options.hookTimeoutSeconds == null ? null : seconds("hookTimeoutSeconds", options.hookTimeoutSeconds),
    logPrints: flag("logPrints", options.logPrints),
    persistResult: flag("persistResult", options.persistResult),
    ...checkResults(options),
  };
}

/** As given; a relative folder starts where the process is when it is used. */
function checkResults(options: RunnableOptions): Pick<RunnableInfo, "resultStorage" | "resultSerializer"> {
  const { resultStorage = null, resultSerializer = null } = options;
  storageName(resultStorage);
  serializerOf(resultSerializer);
  return { resultStorage, resultSerializer };
}

/** Yes, no, or not said. @throws invalid_definition */
export function flag(option: string, given: unknown): boolean | null {
  if (given === undefined || given === null) return null;
  return typeof given === "boolean" ? given : invalid(option, `it must be true or false, got ${typeName(given)}`);
}

/** Seconds, or null. @throws invalid_definition */
export const optionalSeconds = (option: string, given: unknown): number | null =>
  given === undefined || given === null ? null : seconds(option, given);

/** A whole number from 1, or null. @throws invalid_definition */
export function optionalCount(option: string, given: unknown): number | null {
  if (given === undefined || given === null) return null;
  return count(option, given) > 0 ? count(option, given) : invalid(option, "it must be 1 or more");
}

/** A text, or null. @throws invalid_definition */
export const optionalText = (option: string, given: unknown): string | null => text(option, given);

/** @throws invalid_definition for an option that the object does not have */
export function checkKeys(options: unknown, known: readonly string[], kind: string): void {
  if (typeof options !== "object" || options === null)
    invalid("options", `an object is needed, got ${typeName(options)}`);
  for (const key of Object.keys(Object(options))) {
    if (known.includes(key)) continue;
    const hooks = known.filter((name) => name.startsWith("on") && !name.endsWith("Callback"));
    const listed = key.startsWith("on") ? `hooks are ${hooks.join(", ")}` : `options are ${known.join(", ")}`;
    invalid(key, `a ${kind} has no such option; its ${listed}`);
  }
}

/** A template or a function that makes a run's name. @throws invalid_definition */
export function checkNameMaker<T>(option: string, given: T): T | null {
  if (given === undefined || given === null) return null;
  if (typeof given === "string" || typeof given === "function") return given;
  return invalid(option, `it must be a string or a function, got ${typeName(given)}`);
}

/** @throws invalid_definition */
export function checkFn<T>(option: string, given: T): T {
  return typeof given === "function" ? given : invalid(option, `it must be a function, got ${typeName(given)}`);
}

function checkName(name: unknown): string {
  if (typeof name !== "string") return invalid("name", `it must be a string, got ${typeName(name)}`);
  return name === "" ? invalid("name", "an anonymous function needs one") : name;
}

function text(option: string, given: unknown): string | null {
  if (given === undefined || given === null) return null;
  return typeof given === "string" ? given : invalid(option, `it must be a string, got ${typeName(given)}`);
}

const count = (option: string, given: unknown): number =>
  typeof given === "number" && Number.isSafeInteger(given) && given >= 0
    ? given
    : invalid(option, "it must be a whole number, 0 or more");

const seconds = (option: string, given: unknown): number =>
  typeof given === "number" && Number.isFinite(given) && given >= 0
    ? given
    : invalid(option, "it must be a number, 0 or more");

function delays(given: RetryDelay, retries: number): readonly number[] {
  const option = "retryDelaySeconds";
  const value: unknown = typeof given === "function" ? given(retries) : given;
  const list: unknown[] = Array.isArray(value) ? value : [value];
  if (list.length > MAX_RETRY_DELAYS)
    return invalid(option, `at most ${MAX_RETRY_DELAYS} entries are allowed, got ${list.length}`);
  return Object.freeze(list.map((delay) => seconds(option, delay)));
}

function tagList(given: unknown): readonly string[] {
  if (given === undefined || given === null) return [];
  if (typeof given !== "object" || !(Symbol.iterator in given))
    return invalid("tags", `a list of strings is needed, got ${typeName(given)}`);
  // An object with an iterator is iterable as far as can be told before it is used.
  const list = [...(given as Iterable<unknown>)];
  return Object.freeze([
    ...new Set(
      list.map((tag) => (typeof tag === "string" ? tag : invalid("tags", `a tag is a string, got ${typeName(tag)}`))),
    ),
  ]);
}
