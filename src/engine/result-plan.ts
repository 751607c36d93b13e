import { messageOf } from "../base/errors.ts";
import { redact } from "../base/redactor.ts";
import { DEFAULT, NO_CACHE } from "../results/cache-policies.ts";
import type { CacheContext, CacheKey, NamedInputs, ResultOptions, TaskResultOptions } from "../results/options.ts";
import { makePlan, type ResultPlan } from "../results/plan.ts";
import type { RecordStore } from "../results/record-store.ts";
import type { OpenedResults, ResultServices } from "../results/result-services.ts";
import { isPlain } from "../runs/stored-parameters.ts";
import { CodedTypeError } from "../states/coded-type-error.ts";
import { typeName } from "../states/state-error.ts";

interface Named {
  readonly id: string;
  readonly name: string;
}

type FlowLike = ResultOptions & { readonly name: string };
type TaskLike = TaskResultOptions & { readonly name: string; readonly fn: (...args: never[]) => unknown };

/** What a plan is made from; an `ActiveRun` has all of it. */
export interface PlannedRun {
  readonly engine: { readonly results?: ResultServices };
  readonly subject:
    | { readonly kind: "flow"; readonly object: FlowLike; readonly record: Named }
    | { readonly kind: "task"; readonly object: TaskLike; readonly record: Named };
  readonly caller: { readonly run: PlannedRun } | null;
  /** The flow run itself, or the one around a task. */
  readonly flow: PlannedRun | null;
  readonly parameters: NamedInputs;
}

const MS_PER_SECOND = 1_000;

/** What the object itself says; null: nothing. Any option that only makes sense with persistence asks for it. */
function ownWish({ kind, object }: PlannedRun["subject"]): boolean | null {
  if (object.persistResult !== null) return object.persistResult;
  if (object.resultStorage !== null || object.resultSerializer !== null) return true;
  return kind === "task" && asksForKey(object) ? true : null;
}

const asksForKey = ({ cachePolicy, cacheKeyFn, resultStorageKey }: TaskLike): boolean =>
  (cachePolicy !== null && cachePolicy !== NO_CACHE) || cacheKeyFn !== null || resultStorageKey !== null;

function isPersisted(run: PlannedRun, services: ResultServices): boolean {
  for (let at: PlannedRun | undefined = run; at !== undefined; at = at.caller?.run) {
    const wish = ownWish(at.subject);
    if (wish !== null) return wish;
  }
  return services.persistByDefault;
}

/** The nearest one that says something: the run itself, else those around it. */
function inherited<K extends "resultStorage" | "resultSerializer">(
  run: PlannedRun,
  option: K,
): ResultOptions[K] | null {
  for (let at: PlannedRun | undefined = run; at !== undefined; at = at.caller?.run) {
    const given: ResultOptions[K] = at.subject.object[option];
    if (given !== null) return given;
  }
  return null;
}

/** Where results are kept inside this run, and how: its own word, else that of the nearest run around it. */
const openInside = (run: PlannedRun, services: ResultServices): OpenedResults =>
  services.open(inherited(run, "resultStorage"), inherited(run, "resultSerializer"));

/** Where code in this run keeps records of its own. */
export function recordsInside(run: PlannedRun): RecordStore {
  if (run.engine.results === undefined) throw new Error("an engine without results cannot keep records");
  return openInside(run, run.engine.results).store;
}

/**
 * Whether and how the result of a run is kept; null: it is not, and nothing is looked up. Call it once per run, with the
 * arguments that the body gets. Source: Prefect 3, `Task.__init__` and `compute_transaction_key`.
 *
 * @returns No promise unless a custom policy or `cacheKeyFn` gives one.
 * @throws invalid_definition for an unknown storage or serializer
 */
export function planResult(run: PlannedRun): ResultPlan | null | Promise<ResultPlan | null> {
  const services = run.engine.results;
  if (services === undefined) return null;
  const { subject } = run;
  if (subject.kind === "task") warnOnce(subject.object, services);
  if (!isPersisted(run, services)) return null;
  const results = openInside(run, services);
  const { clock } = services;
  if (subject.kind === "flow") return makePlan({ results, key: null, refresh: false, expiresInMs: null, clock });
  const { cacheExpiration, refreshCache } = subject.object;
  const expiresInMs = cacheExpiration === null ? null : cacheExpiration * MS_PER_SECOND;
  const plan = (key: string | null): ResultPlan =>
    makePlan({ results, key, refresh: refreshCache ?? false, expiresInMs, clock });
  const key = keyOf(run, subject, services);
  return key instanceof Promise ? key.then(plan) : plan(key);
}

type TaskSubject = Extract<PlannedRun["subject"], { kind: "task" }>;

/** Null when there is none, or when it could not be made, which is logged. */
function keyOf(run: PlannedRun, subject: TaskSubject, { log }: ResultServices): string | null | Promise<string | null> {
  const none = (error: unknown): null => {
    const fields = { run: subject.record.id, task: redact(subject.object.name), error: redact(messageOf(error)) };
    log.error("no cache key could be made, so the task runs", fields);
    return null;
  };
  try {
    const key = computeKey(run, subject);
    if (typeof key === "object" && key !== null) return Promise.resolve(key).then(checkKey).catch(none);
    return checkKey(key);
  } catch (error) {
    return none(error);
  }
}

function computeKey(run: PlannedRun, { object, record }: TaskSubject): CacheKey | PromiseLike<CacheKey> {
  const { parameters, flow } = run;
  const { resultStorageKey, cacheKeyFn, cachePolicy } = object;
  if (resultStorageKey !== null) return fillKey(resultStorageKey, run, record);
  const context: CacheContext = {
    task: { name: object.name, source: String(object.fn) },
    flowRunId: flow?.subject.record.id ?? null,
    taskRunId: record.id,
    flowParameters: flow?.parameters ?? null,
  };
  if (cacheKeyFn !== null) return cacheKeyFn(context, parameters);
  return (cachePolicy ?? DEFAULT).computeKey(context, parameters);
}

/** An empty key says no more than none. */
function checkKey(key: unknown): string | null {
  if (key === null || key === undefined || key === "") return null;
  if (typeof key === "string") return key;
  throw new CodedTypeError("invalid_definition", {
    option: "cacheKeyFn",
    problem: `a cache key must be a string or null, it is ${typeName(key)}`,
  });
}

const FIELD = /\{\s*([\w$]+(?:\.[\w$]+)*)\s*\}/g;

/** `"report-{parameters.day}"`; besides the parameters there are `taskRun` and `flowRun`, each with `id` and `name`. */
function fillKey(template: string, { parameters, flow }: PlannedRun, { id, name }: Named): string {
  const flowRun = flow === null ? null : { id: flow.subject.record.id, name: flow.subject.record.name };
  const known: NamedInputs = { parameters, taskRun: { id, name }, flowRun };
  return template.replace(FIELD, (_, path: string) => {
    const value = path.split(".").reduce<unknown>((at, key) => (hasOwn(at, key) ? at[key] : undefined), known);
    if (value !== undefined && (typeof value !== "object" || value === null)) return String(value);
    throw new CodedTypeError("invalid_definition", {
      option: "resultStorageKey",
      problem: `{${path}} is ${value === undefined ? "not known" : `${typeName(value)}, which makes no key`}`,
    });
  });
}

const hasOwn = (at: unknown, key: string): at is NamedInputs => isPlain(at) && Object.hasOwn(at, key);

const warned = new WeakSet<object>();

/** Options that have no effect, said once per task. */
function warnOnce(task: TaskLike, { log }: ResultServices): void {
  const { cachePolicy, cacheKeyFn, persistResult } = task;
  if ((cachePolicy === null && cacheKeyFn === null) || warned.has(task)) return;
  warned.add(task);
  const fields = { task: redact(task.name) };
  if (persistResult === false && asksForKey(task))
    log.warn("the cache policy has no effect, because persistResult is false", fields);
  else if (cachePolicy !== null && cachePolicy !== NO_CACHE && cacheKeyFn !== null)
    log.warn("cacheKeyFn and cachePolicy are both given; cacheKeyFn is used", fields);
}
