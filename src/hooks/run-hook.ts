import { errorClass, messageOf } from "../base/errors.ts";
import { redact } from "../base/redactor.ts";
import { type ActiveRun, currentFrame } from "../engine/active-run.ts";
import { isThenable } from "../engine/thenable.ts";
import type { Transition } from "../engine/transition.ts";
import type { HookOutcome } from "../runs/run-store.ts";
import { typeName } from "../states/state-error.ts";
import { type HookFn, hookName } from "./hook.ts";

const MS_PER_SECOND = 1_000;

/** A hook took longer than the object's `hookTimeoutSeconds`. */
class HookTimeoutError extends errorClass("hook_timeout") {}

/**
 * Calls the hook of the run that is current and records how it went. Nothing that the hook does or throws gets out.
 *
 * @param event The list it stands in, such as `onFailure`.
 * @param timeoutSeconds The record says failed after this long, and the next hook's turn comes; null waits for ever.
 */
export function runHook(
  event: string,
  hook: HookFn,
  move: Transition,
  timeoutSeconds: number | null,
): void | Promise<void> {
  const run = currentFrame()?.run;
  if (run === undefined) return undefined;
  const begun = begin(run, event, hook, move);
  try {
    const result = hook(run.subject.object, run.view, move.to);
    if (!isThenable(result)) return end(run, begun, null);
    return settle(run, begun, timeoutSeconds === null ? result : withinTime(run, result, timeoutSeconds));
  } catch (error) {
    return end(run, begun, { error });
  }
}

interface Begun {
  readonly event: string;
  readonly name: string;
  readonly move: Transition;
  readonly startedMicros: number;
  readonly startedMs: number;
}

function begin(run: ActiveRun, event: string, hook: HookFn, move: Transition): Begun {
  const { clock, log } = run.engine;
  const name = hookName(hook);
  log.info("hook started", { event, hook: name, state: move.to.name, run: run.record.id });
  return { event, name, move, startedMicros: clock.nowMicros(), startedMs: clock.monotonic() };
}

async function settle(run: ActiveRun, begun: Begun, result: PromiseLike<unknown>): Promise<void> {
  try {
    await result;
    end(run, begun, null);
  } catch (error) {
    end(run, begun, { error });
  }
}

function end(run: ActiveRun, begun: Begun, thrown: { readonly error: unknown } | null): void {
  const { engine, record } = run;
  const { event, name, move, startedMicros, startedMs } = begun;
  const outcome: HookOutcome = {
    flowRunId: record.kind === "flow-run" ? record.id : record.flowRunId,
    taskRunId: record.kind === "task-run" ? record.id : null,
    stateId: move.to.id,
    event,
    hook: name,
    status: thrown === null ? "completed" : "failed",
    startedMicros,
    durationMicros: Math.round((engine.clock.monotonic() - startedMs) * MS_PER_SECOND),
    error: thrown === null ? null : errorOf(thrown.error),
  };
  const fields = { event, hook: name, state: move.to.name, run: record.id };
  if (outcome.error === null) engine.log.info("hook finished", fields);
  else engine.log.error("hook failed", { ...fields, error: outcome.error });
  engine.runs.recordHook(outcome);
}

function errorOf(error: unknown): NonNullable<HookOutcome["error"]> {
  const message = redact(textOf(error));
  if (!(error instanceof Error)) return { name: typeName(error), message, stack: null };
  return { name: error.name, message, stack: error.stack === undefined ? null : redact(error.stack) };
}

function textOf(error: unknown): string {
  try {
    return messageOf(error);
  } catch {
    // A value that cannot be turned into text, such as an object without a prototype.
    return typeName(error);
  }
}

function withinTime(run: ActiveRun, result: PromiseLike<unknown>, seconds: number): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const timer = run.engine.clock.timer(seconds * MS_PER_SECOND, () => reject(new HookTimeoutError({ seconds })));
    const stop =
      <T>(then: (value: T) => void) =>
      (value: T): void => {
        timer[Symbol.dispose]();
        then(value);
      };
    result.then(stop(resolve), stop(reject));
  });
}
