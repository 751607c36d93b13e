import { errorClass } from "../base/errors.ts";
import { describe } from "../orchestration/final-state.ts";
import { CodedTypeError } from "../states/coded-type-error.ts";
import { Pending } from "../states/constructors.ts";
import { MissingResult, PausedRun, UnfinishedRun } from "../states/run-errors.ts";
import { isState, keepThrown, type State } from "../states/state.ts";
import { isUnsuccessful, membersOf, stateError } from "../states/state-error.ts";
import { Annotation } from "./annotations.ts";
import { holds, Replacer, type Role } from "./containers.ts";
import { Future, futuresExist, settled } from "./future.ts";
import { isThenable } from "./thenable.ts";

/** A run that something depends on did not complete; `cause` says why. */
export class UpstreamTaskError extends errorClass("upstream_not_completed") {}

/** What a run depends on: a future, or a state that it was handed. */
type Upstream = Future | State;

export interface UpstreamRequest {
  readonly args: readonly unknown[];
  /** Futures, states, and lists of them that must have completed, though their values are not wanted. */
  readonly waitFor?: Iterable<unknown> | undefined;
  /** True: a skipped upstream skips this run. */
  readonly allowSkip: boolean;
  /** Gives up the wait. A function, because making the signal of a run costs more than a run without upstreams. */
  readonly signal?: () => AbortSignal;
}

export type Resolved =
  /** Everything is there: the arguments with values in place of futures and states. */
  | { readonly kind: "ready"; readonly args: readonly unknown[] }
  /** `cause` is what went wrong upstream. */
  | { readonly kind: "not-ready"; readonly message: string; readonly cause: unknown }
  | { readonly kind: "skipped"; readonly state: State };

const isUpstream = (item: object): item is Upstream => isState(item) || Future.is(item);
const isMarked = (item: object): boolean => isUpstream(item) || Annotation.is(item);

/** True when there is something to wait for or to take apart. Cheap for arguments that are no objects. */
export function hasUpstreams(args: readonly unknown[], waitFor?: Iterable<unknown>): boolean {
  if (waitFor !== undefined) return true;
  for (const arg of args) if (typeof arg === "object" && arg !== null && holds(arg, isMarked)) return true;
  return false;
}

/**
 * Waits for the runs that the arguments and `waitFor` name, at any level of lists and object literals, and puts their
 * values into the arguments. The caller's objects stay as they are.
 *
 * @returns null, without waiting, when there are none. Source of the rules: Prefect 3, resolve_to_final_result.
 * @throws the signal's reason; invalid_definition for a promise in `waitFor`
 */
export function resolveUpstreams(request: UpstreamRequest): Promise<Resolved> | null {
  return hasUpstreams(request.args, request.waitFor) ? resolve(request) : null;
}

const roleOf = (item: object): Role<Upstream> | undefined => {
  if (isUpstream(item)) return { kind: "leaf", leaf: item };
  if (!Annotation.is(item)) return undefined;
  return { kind: "wrapper", inner: item.value, isTolerant: item.kind === "allow-failure" };
};

async function resolve({ args, waitFor, allowSkip, signal }: UpstreamRequest): Promise<Resolved> {
  const inArgs = new Replacer<Upstream>(roleOf);
  inArgs.collect(args);
  const besides = new Replacer<Upstream>(roleOf);
  if (waitFor !== undefined) besides.collect(checkWaitFor(waitForList(waitFor)));
  await settle([...inArgs.leaves.keys(), ...besides.leaves.keys()], signal);

  const uses = [...inArgs.leaves, ...besides.leaves].map(([upstream, mayFail]) => ({
    upstream,
    mayFail,
    state: stateOf(upstream),
  }));
  const skipped = allowSkip ? uses.find(({ state }) => state.isSkipped()) : undefined;
  if (skipped !== undefined) return { kind: "skipped", state: skipped.state };
  const refused = uses.find(({ state, mayFail }) => !state.isCompleted() && !(mayFail && isTolerable(state)));
  if (refused !== undefined) return notReady(refused.upstream, errorOf(refused.state));

  const values = new Map<Upstream, unknown>();
  for (const upstream of inArgs.leaves.keys()) {
    try {
      values.set(upstream, await valueOf(stateOf(upstream)));
    } catch (error) {
      return notReady(upstream, error);
    }
  }
  return { kind: "ready", args: listOf(inArgs.replace(args, (upstream) => values.get(upstream))) };
}

/** What comes out where a list goes in. */
const listOf = (replaced: unknown): readonly unknown[] => (Array.isArray(replaced) ? replaced : []);

const stateOf = (upstream: Upstream): State => (isState(upstream) ? upstream : upstream.state);

const isNotReady = (state: State): boolean => state.isPending() && state.name === "NotReady";

/** What `allowFailure` lets through. A crash or a cancellation is no failure. */
const isTolerable = (state: State): boolean => state.isFailed() || isNotReady(state);

/** `waitFor` as a list, so that it can be looked at more than once; also a single future or state. */
export function waitForList(waitFor: Iterable<unknown> | Future | State): readonly unknown[] {
  if (Array.isArray(waitFor)) return waitFor;
  return Symbol.iterator in waitFor ? [...waitFor] : [waitFor];
}

/** A promise there is almost always a call without `submit`, and nothing would wait for it. */
function checkWaitFor(waitFor: readonly unknown[]): readonly unknown[] {
  if (holds(waitFor, isThenable)) {
    throw new CodedTypeError("invalid_definition", {
      option: "waitFor",
      problem: "a promise is no future; await it first, or make a future with submit()",
    });
  }
  return waitFor;
}

/** Waits for all of them: which one decides does not depend on which one is first. */
async function settle(upstreams: readonly Upstream[], signal: (() => AbortSignal) | undefined): Promise<void> {
  const open = upstreams.filter((upstream) => Future.is(upstream)).filter(({ isDone }) => !isDone);
  if (open.length === 0) return;
  const all = Promise.all(open.map(settled));
  if (signal === undefined) await all;
  else await unlessAborted(all, signal());
}

/** @throws the signal's reason */
async function unlessAborted(done: Promise<unknown>, signal: AbortSignal): Promise<void> {
  signal.throwIfAborted();
  const aborted = Promise.withResolvers<never>();
  const onAbort = (): void => aborted.reject(signal.reason);
  signal.addEventListener("abort", onAbort, { once: true });
  try {
    await Promise.race([done, aborted.promise]);
  } finally {
    signal.removeEventListener("abort", onAbort);
  }
}

/**
 * The value that a completed run passes on, or the error of one that may have failed. Runs that ended in the states of
 * other runs pass on the values of those.
 */
async function valueOf(state: State): Promise<unknown> {
  if (!state.isFinal()) return errorOf(state);
  const value = await state.result({ raiseOnFailure: false });
  if (!state.isCompleted()) return value;
  if (isState(value)) return valueOf(value);
  const states = membersOf(value, isState);
  if (states === undefined) return value;
  const values = await Promise.all(states.map(valueOf));
  return value instanceof Set ? new Set(values) : values;
}

/** Why the run did not complete. Of one that could not start this is what went wrong further up. */
function errorOf(state: State): unknown {
  if (isUnsuccessful(state.type)) return stateError(state);
  if (isNotReady(state) && state.peek() !== undefined) return state.peek();
  return state.isPaused() ? new PausedRun({ state: state.name }) : new UnfinishedRun({ state: state.name });
}

function notReady(upstream: Upstream, cause: unknown): Resolved {
  const { name } = stateOf(upstream);
  const what = cause instanceof MissingResult ? "its result is not at hand" : `it is ${name} (${describe(cause)})`;
  return { kind: "not-ready", message: `Upstream ${labelOf(upstream)} did not complete: ${what}.`, cause };
}

function labelOf(upstream: Upstream): string {
  if (!isState(upstream)) return `${upstream.kind} run "${upstream.name}"`;
  const { taskRunId, flowRunId } = upstream.stateDetails;
  const id = taskRunId ?? flowRunId;
  return id == null ? "state made by hand" : `${taskRunId == null ? "flow" : "task"} run ${id}`;
}

/** The state of a run whose upstream did not complete. What depends on it finds the cause in it. */
export function notReadyState({ message, cause }: { readonly message: string; readonly cause: unknown }): State {
  const state = Pending({ name: "NotReady", message });
  keepThrown(state, cause);
  return state;
}

const futureRole = (item: object): Role<Future> | undefined =>
  Future.is(item) ? { kind: "leaf", leaf: item } : undefined;

/**
 * A body's return value with every future in it, at any level, replaced by the last state of its run.
 *
 * @param signal Gives up the wait.
 * @returns null, without waiting, when there is no future in it. Source: Prefect 3, resolve_futures_to_states.
 * @throws the signal's reason
 */
export function futuresToStates(value: unknown, signal?: () => AbortSignal): Promise<unknown> | null {
  return futuresExist() && holds(value, Future.is) ? toStates(value, signal) : null;
}

async function toStates(value: unknown, signal: (() => AbortSignal) | undefined): Promise<unknown> {
  const futures = new Replacer<Future>(futureRole);
  futures.collect(value);
  await settle([...futures.leaves.keys()], signal);
  return futures.replace(value, (future) => future.state);
}
