import { types } from "node:util";
import { type ActiveRun, checkBoundary, type Frame, inFrame } from "./active-run.ts";
import type { BodyOutcome } from "./body-outcome.ts";
import { withLogPrints } from "./log-prints.ts";
import { isThenable } from "./thenable.ts";
import { othersTurn, YIELD_EVERY } from "./turns.ts";

const MS_PER_SECOND = 1_000;

/**
 * Runs the body once. Settles when the body does, when its time is up, or when the run is interrupted, whichever is
 * first. A body that settles after its time, because it blocked the process, has timed out as well.
 */
export function callBody(run: ActiveRun, frame: Frame): BodyOutcome | Promise<BodyOutcome> {
  const { clock } = run.engine;
  const { fn, timeoutSeconds } = run.subject.object;
  const limitMs = timeoutSeconds * MS_PER_SECOND;
  const startedMs = limitMs > 0 ? clock.monotonic() : 0;
  const isLate = (): boolean => limitMs > 0 && clock.monotonic() - startedMs >= limitMs;
  let result: unknown;
  try {
    // The caller's types guarantee that the arguments fit the function; here both are erased.
    result = inFrame(frame, withLogPrints, run, fn as (...args: readonly unknown[]) => unknown, ...run.args);
    if (isGenerator(result)) result = inFrame(frame, withLogPrints, run, drain, result, frame);
    if (!isThenable(result)) return isLate() ? giveUp(frame) : { kind: "returned", value: result };
  } catch (error) {
    return isLate() ? giveUp(frame) : { kind: "threw", error };
  }
  return settle(run, frame, result, limitMs === 0 ? null : { limitMs, isLate });
}

interface Limit {
  readonly limitMs: number;
  readonly isLate: () => boolean;
}

const TIMED_OUT: BodyOutcome = { kind: "timed-out" };

function giveUp(frame: Frame): BodyOutcome {
  frame.abandon("TimedOut", TIMED_OUT);
  return TIMED_OUT;
}

function settle(run: ActiveRun, frame: Frame, result: PromiseLike<unknown>, limit: Limit | null): Promise<BodyOutcome> {
  return new Promise((resolve) => {
    let timer: Disposable | undefined;
    const finish = (outcome: BodyOutcome): void => {
      timer?.[Symbol.dispose]();
      frame.stop = null;
      resolve(outcome);
    };
    frame.stop = finish;
    if (limit !== null) timer = run.engine.clock.timer(limit.limitMs, () => giveUp(frame));
    const settled = (outcome: BodyOutcome): void => {
      if (frame.overAs !== null) return;
      if (limit?.isLate() === true) giveUp(frame);
      else finish(outcome);
    };
    const onValue = (value: unknown): void => {
      if (isGenerator(value)) inFrame(frame, withLogPrints, run, drain, value, frame).then(onValue, onError);
      else settled({ kind: "returned", value });
    };
    const onError = (error: unknown): void => settled({ kind: "threw", error });
    try {
      result.then(onValue, onError);
    } catch (error) {
      onError(error);
    }
    // The body may have been given up synchronously, by a task it called or by a signal.
    if (frame.overAs !== null) finish({ kind: "interrupted" });
  });
}

type AnyGenerator = Iterable<unknown> | AsyncIterable<unknown>;

const isGenerator = (value: unknown): value is AnyGenerator => types.isGeneratorObject(value);

/** Everything a generator yields, in order. It stops at the next value once nobody waits for it. */
async function drain(generator: AnyGenerator, frame: Frame): Promise<unknown[]> {
  const values: unknown[] = [];
  for await (const value of generator) {
    checkBoundary(frame);
    values.push(value);
    if (values.length % YIELD_EVERY === 0) await othersTurn();
  }
  return values;
}
