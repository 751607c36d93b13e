import type { z } from "zod";
import { BellhopError } from "../base/errors.ts";
import { newId } from "../base/ids.ts";
import type { FlowRunRecord } from "../runs/flow-run.ts";
import { keysetOf, type WantedInput, wantedInput } from "../runs/run-input.ts";
import type { RunInput } from "../runs/run-store.ts";
import { Paused, Suspended } from "../states/constructors.ts";
import { CancelledRun } from "../states/run-errors.ts";
import type { State } from "../states/state.ts";
import { checkBoundary, currentFrame, type Frame } from "./active-run.ts";
import { mirrorMoved } from "./enter.ts";
import { follow, type Mover, moveFlowRun, moveOwnRun, type Verdict } from "./move-flow-run.ts";
import { FlowPauseTimeout, Pause, RunInputError } from "./pause-errors.ts";
import { pauseGateOf } from "./pause-gate.ts";
import { MissingContextError } from "./run-context.ts";
import { openInput } from "./sealed-input.ts";

const MS_PER_SECOND = 1_000;
/** Source: Prefect 3, pause_flow_run. */
const DEFAULT_TIMEOUT_SECONDS = 3_600;
const DEFAULT_POLL_SECONDS = 10;

export interface PauseOptions<S extends z.ZodType = z.ZodType> {
  /** What whoever resumes the run has to give. An object schema gives its object, any other one its value. */
  readonly waitForInput?: S;
  /** Seconds until the pause expires. Default 3600. */
  readonly timeout?: number;
  /** Seconds between two looks whether the run was resumed; a resume from this machine is noticed at once. Default 10. */
  readonly pollInterval?: number;
  /** The same key pauses a run at most once. Default: "1" for the first pause of an attempt, "2" for the second, … */
  readonly key?: string;
}

export interface SuspendOptions<S extends z.ZodType = z.ZodType> {
  /** As in {@link PauseOptions}. */
  readonly waitForInput?: S;
  /** Default: the run that this code is in. */
  readonly flowRunId?: string;
  /** Seconds until the suspension expires; default null: never. */
  readonly timeout?: number | null;
  /** As in {@link PauseOptions}; for another run, the default is a new one. */
  readonly key?: string;
}

/** The flow run that pauses, as the process that executes it knows it. */
export interface PauseTarget {
  readonly mover: Mover;
  /** Followed: it is in the state that was stored. */
  readonly record: FlowRunRecord;
  /** Ends the wait, by throwing its reason. */
  readonly signal: AbortSignal;
  /** The key of the next pause that is not given one. */
  readonly nextKey: () => string;
  /** Called when the record follows a state that was stored. Default: nobody hears of it. */
  readonly followed?: () => void;
}

/**
 * Pauses the flow run that this code is in, also from a task of it, until somebody resumes it. The process waits; tasks
 * that have begun go on, and none begins meanwhile. A pause that has happened before does not happen again.
 *
 * @returns The input that the run was resumed with.
 * @throws missing_context; pause_timeout: nobody resumed the run in time; transition_refused: the run cannot be paused
 */
export function pauseFlowRun<S extends z.ZodType>(
  options: PauseOptions<S> & { readonly waitForInput: S },
): Promise<z.output<S>>;
export function pauseFlowRun(options?: Omit<PauseOptions, "waitForInput">): Promise<void>;
export async function pauseFlowRun(options: PauseOptions = {}): Promise<unknown> {
  const frame = frameOf("flow run");
  checkBoundary(frame);
  return pauseRun(targetOf(frame), options);
}

/** {@link pauseFlowRun} of a given run. */
export async function pauseRun(target: PauseTarget, options: PauseOptions = {}): Promise<unknown> {
  const { mover, record } = target;
  const { timeout = DEFAULT_TIMEOUT_SECONDS, pollInterval = DEFAULT_POLL_SECONDS } = options;
  const wanted = askFor("Paused", options.key ?? target.nextKey(), options.waitForInput);
  const waiting = { timeoutMs: timeout * MS_PER_SECOND, pollMs: pollInterval * MS_PER_SECOND };
  for (;;) {
    const paused = Paused({ ...wanted.state, pauseExpirationTime: expiry(mover, timeout) });
    const verdict = await moveOwnRun(mover, record, paused, { inputs: wanted.inputs });
    target.followed?.();
    if (hasHappened(verdict)) break;
    if (!verdict.run.state.isPaused()) throw refusedBy(verdict);
    // Either this pause, or another one of the same run, after which this one is proposed again.
    await untilResumed(target, waiting);
    if (verdict.written !== null) break;
  }
  return wanted.read(target);
}

/**
 * Suspends a flow run: its process ends, and a resume starts it again from the top. For the run that this code is in, it
 * throws {@link Pause} once the state is stored. Another run stops at its next boundary.
 *
 * @param mover Moves another run; default: the engine of the run that this code is in.
 * @returns When the suspension has happened before: the input that the run was resumed with.
 * @throws flow_paused; missing_context in a task or outside a run; transition_refused, as for a run without a deployment
 */
export async function suspendFlowRun<S extends z.ZodType>(
  options: SuspendOptions<S> = {},
  mover?: Mover,
): Promise<z.output<S> | undefined> {
  const { flowRunId } = options;
  const frame = currentFrame();
  if (flowRunId !== undefined && flowRunId !== frame?.run.flow?.record.id) {
    await suspendOther(mover ?? frameOf("flow run").run.engine, flowRunId, options);
    return undefined;
  }
  if (frame === undefined || frame.run.subject.kind !== "flow") {
    throw new MissingContextError({ wanted: "flow run that could be suspended, only a task run" });
  }
  checkBoundary(frame);
  return suspendRun(targetOf(frame), options);
}

/** {@link suspendFlowRun} of a given run, by the process that executes it. */
export async function suspendRun<S extends z.ZodType>(
  target: PauseTarget,
  options: Omit<SuspendOptions<S>, "flowRunId"> = {},
): Promise<z.output<S> | undefined> {
  const { mover, record } = target;
  const wanted = askFor("Suspended", options.key ?? target.nextKey(), options.waitForInput);
  const verdict = await moveOwnRun(mover, record, Suspended(suspension(mover, wanted, options)), {
    inputs: wanted.inputs,
  });
  target.followed?.();
  const { state } = verdict.run;
  // The value was read by the schema that was given.
  if (hasHappened(verdict)) return (await wanted.read(target)) as z.output<S>;
  if (verdict.written === null || !state.isPaused()) throw refusedBy(verdict);
  throw new Pause({ run: record.name, state: state.name });
}

async function suspendOther(mover: Mover, id: string, options: SuspendOptions): Promise<void> {
  const wanted = askFor("Suspended", options.key ?? newId(), options.waitForInput);
  const verdict = await moveFlowRun(mover, id, Suspended(suspension(mover, wanted, options)), {
    inputs: wanted.inputs,
  });
  if (verdict.status !== "accept") throw refusedBy(verdict);
}

const suspension = (mover: Mover, { state }: Asking, { timeout = null }: Pick<SuspendOptions, "timeout">) =>
  timeout === null ? state : { ...state, pauseExpirationTime: expiry(mover, timeout) };

const expiry = ({ clock }: Mover, seconds: number): Date => new Date(clock.now() + seconds * MS_PER_SECOND);

/** The rules kept the run running: it has paused under this key before, and was resumed. */
const hasHappened = ({ status, run }: Verdict): boolean => status === "reject" && run.state.isRunning();

const refusedBy = ({ reason, run }: Verdict): BellhopError =>
  new BellhopError("transition_refused", { reason: reason ?? `the run is ${run.state.name}` });

interface Asking {
  /** What the paused state says about it. */
  readonly state: Pick<Parameters<typeof Paused>[0] & object, "pauseKey" | "stateDetails">;
  /** What is stored with the paused state. */
  readonly inputs: readonly RunInput[];
  /** What the run was resumed with; undefined when nothing was asked for. */
  read(target: PauseTarget): Promise<unknown>;
}

function askFor(stateName: string, pauseKey: string, schema: z.ZodType | undefined): Asking {
  if (schema === undefined) return { state: { pauseKey }, inputs: [], read: () => Promise.resolve(undefined) };
  const runInputKeyset = keysetOf(stateName, pauseKey);
  const wanted = wantedInput(schema);
  return {
    state: { pauseKey, stateDetails: { runInputKeyset } },
    inputs: [{ key: runInputKeyset.schema, value: wanted.document }],
    read: (target) => readInput(target, runInputKeyset.response, wanted),
  };
}

/** @throws invalid_run_input */
async function readInput<T>({ mover, record }: PauseTarget, key: string, wanted: WantedInput<T>): Promise<T> {
  const stored = await mover.runs.getInput(record.id, key);
  const read = await wanted.read(await openInput(mover, record.id, key, stored));
  if ("problems" in read) throw new RunInputError({ key, problems: read.problems });
  return read.value;
}

interface Waiting {
  /** Infinity: until it is resumed. */
  readonly timeoutMs: number;
  readonly pollMs: number;
}

/**
 * Waits in the process until a paused run goes on: its gate was opened by whoever noticed, or a look into the store says
 * so, the last one at the deadline.
 *
 * @throws pause_timeout, flow_paused, cancelled_run; the reason of the target's signal
 */
export async function untilResumed(target: PauseTarget, waiting: Partial<Waiting> = {}): Promise<void> {
  const { timeoutMs = Number.POSITIVE_INFINITY, pollMs = DEFAULT_POLL_SECONDS * MS_PER_SECOND } = waiting;
  const { mover, record } = target;
  const gate = pauseGateOf(record);
  const startedMs = mover.clock.monotonic();
  gate.close();
  try {
    for (let waitMs = Math.min(timeoutMs / 2, pollMs); ;) {
      await sleepUnlessOpen(target, waitMs);
      if (!(await isPaused(target))) break;
      const leftMs = timeoutMs - (mover.clock.monotonic() - startedMs);
      if (leftMs <= 0) throw new FlowPauseTimeout({ run: record.name });
      waitMs = Math.min(pollMs, leftMs);
    }
  } catch (error) {
    gate.break(error);
    throw error;
  }
  gate.open();
}

async function sleepUnlessOpen({ mover, record, signal }: PauseTarget, ms: number): Promise<void> {
  const over = new AbortController();
  const either = AbortSignal.any([signal, over.signal]);
  try {
    await Promise.race([mover.clock.sleep(ms, either), pauseGateOf(record).wait(either)]);
  } finally {
    over.abort();
  }
}

/** Looks into the store, unless the run is known to go on. @throws when it has gone on without this process */
async function isPaused({ mover, record, followed }: PauseTarget): Promise<boolean> {
  if (!record.state.isPaused()) return false;
  const stored = await mover.runs.readFlowRun(record.id);
  if (stored === null || stored.state.isPaused()) return true;
  if (!stored.state.isRunning()) throw wentOnWithout(stored.state, record);
  follow(record, stored);
  followed?.();
  return false;
}

function wentOnWithout(state: State, { name }: FlowRunRecord): BellhopError {
  if (state.isCancelling() || state.isCancelled()) return new CancelledRun({ message: "The run was cancelled." });
  return state.isFinal() ? new FlowPauseTimeout({ run: name }) : new Pause({ run: name, state: state.name });
}

/** Pauses so far, by attempt: the next attempt passes the same pauses again, under the same keys. */
const counted = new WeakMap<object, number>();

function frameOf(wanted: string): Frame {
  const frame = currentFrame();
  if (frame === undefined) throw new MissingContextError({ wanted });
  return frame;
}

/** The flow run around a frame. @throws missing_context */
export function targetOf(frame: Frame): PauseTarget {
  const { flow } = frame.run;
  if (flow === null || flow.subject.kind !== "flow") throw new MissingContextError({ wanted: "flow run" });
  const attempt = flow.frame ?? flow;
  return {
    mover: flow.engine,
    record: flow.subject.record,
    signal: frame.run.signal,
    followed: () => mirrorMoved(flow),
    nextKey: () => {
      const count = (counted.get(attempt) ?? 0) + 1;
      counted.set(attempt, count);
      return String(count);
    },
  };
}
