import { Completed } from "../states/constructors.ts";
import { UnfinishedRun } from "../states/run-errors.ts";
import { keepValue, type State } from "../states/state.ts";
import { type ActiveRun, type Frame, inFrame } from "./active-run.ts";
import { failedBefore } from "./attempt.ts";
import type { CallOptions, Ended } from "./definition.ts";
import { endInterrupted, logEnd } from "./end.ts";
import { enter } from "./enter.ts";
import { offer } from "./handlers.ts";
import { waitForCode } from "./user-code.ts";
import { notReadyState, type Resolved, resolveUpstreams } from "./upstream.ts";

/**
 * Waits for what the arguments and `waitFor` of a task run name, and puts the values in their places.
 *
 * @returns null when the run may go on, else how it ended.
 */
export function awaitUpstreams(
  run: ActiveRun,
  waitFor: CallOptions["waitFor"],
  allowSkip: boolean,
): null | Promise<Ended | null> {
  const pending = resolveUpstreams({ args: run.args, waitFor, allowSkip, signal: () => run.signal });
  return pending === null ? null : whenResolved(run, pending);
}

async function whenResolved(run: ActiveRun, pending: Promise<Resolved>): Promise<Ended | null> {
  let resolved: Resolved;
  try {
    resolved = await pending;
  } catch (error) {
    if (run.interruption !== null) return endInterrupted(run);
    // The call makes no sense, a promise in `waitFor` for instance.
    return endWithout(run, failedBefore(run, error).state);
  }
  // What it waited for ended because everything around both is being ended.
  if (run.interruption !== null) return endInterrupted(run);
  const ended = stateOf(resolved);
  if (ended !== null) return endWithout(run, ended);
  if (resolved.kind === "ready") run.args = resolved.args;
  return null;
}

/** Null when everything is there. */
function stateOf(resolved: Resolved): State | null {
  if (resolved.kind === "ready") return null;
  if (resolved.kind === "not-ready") return notReadyState(resolved);
  const skipped = Completed({ name: "Skipped", message: "A run that it waits for was skipped." });
  keepValue(skipped, undefined);
  return skipped;
}

/** The state that a run goes into without its body being called; handlers see it. */
export async function endWithout(run: ActiveRun, state: State): Promise<Ended> {
  const from = run.record.state;
  const offered = inFrame(run.hookFrame, offer, run.handlers, run.subject.object, from, state, run);
  const { state: next } = offered instanceof Promise ? await waitForCode(run, offered) : offered;
  await enter(run, next);
  logEnd(run);
  const isOpen = !next.isFinal();
  const error = isOpen ? new UnfinishedRun({ state: next.name }, { cause: next.peek() }) : null;
  return { state: next, returned: null, thrown: error === null ? null : { error } };
}

export type Ready = { readonly args: readonly unknown[]; readonly ended: null } | { readonly ended: State };

/**
 * The same for a flow run, before it is made: its parameters are stored with it. When the call is aborted meanwhile,
 * the run is to be made all the same, and crashes at once.
 */
export function resolveFor(
  args: readonly unknown[],
  { waitFor, signal }: CallOptions,
  caller: Frame | null,
): Ready | Promise<Ready> {
  const signals = (): AbortSignal[] =>
    [caller?.run.signal, signal].filter((one): one is AbortSignal => one !== undefined);
  const pending = resolveUpstreams({ args, waitFor, allowSkip: false, signal: () => AbortSignal.any(signals()) });
  if (pending === null) return { args, ended: null };
  return pending.then(
    (resolved) => readyOf(resolved, args),
    (error: unknown) => {
      if (signal?.aborted !== true || (caller !== null && caller.run.interruption !== null)) throw error;
      return { args, ended: null };
    },
  );
}

function readyOf(resolved: Resolved, args: readonly unknown[]): Ready {
  const ended = stateOf(resolved);
  if (ended !== null) return { ended };
  return { args: resolved.kind === "ready" ? resolved.args : args, ended: null };
}
