import { newId } from "../base/ids.ts";
import type { JsonObject } from "../base/json.ts";
import { messageOf } from "../base/errors.ts";
import { redact } from "../base/redactor.ts";
import { UNTOUCHED } from "../orchestration/bookkeeping.ts";
import { awaitingRetry } from "../orchestration/decide.ts";
import { stateFromThrown } from "../orchestration/final-state.ts";
import { retryDelaySeconds } from "../orchestration/retry.ts";
import type { TaskRunRecord } from "../runs/flow-run.ts";
import { taskRunName } from "../runs/run-names.ts";
import { TaskRun } from "../runs/run-view.ts";
import { Pending, Retrying, Running } from "../states/constructors.ts";
import type { State } from "../states/state.ts";
import { ActiveRun, checkBoundary, currentFrame, type Frame, inFrame } from "./active-run.ts";
import { processEnding, track } from "./active-runs.ts";
import { attempt, crash, fail, finish, supervise } from "./attempt.ts";
import { watcher } from "./crash.ts";
import type { AnyTask, CallOptions, Ended, Participants, RunnableInfo } from "./definition.ts";
import type { EngineContext } from "./engine-context.ts";
import { enter } from "./enter.ts";
import { checkName, fillName } from "./run-name.ts";
import { currentTags, runTags, union } from "./tags.ts";

/** One call of a task. */
export interface TaskCall {
  readonly engine: EngineContext;
  readonly task: AnyTask;
  readonly participants: Participants;
  readonly args: readonly unknown[];
  readonly options: CallOptions;
}

const NO_LABELS: Readonly<Record<string, string>> = {};

/** How the retries of an object are stored. */
export const retryPolicy = ({ retries, retryDelaySeconds: delays, retryJitterFactor }: RunnableInfo): JsonObject => ({
  retries,
  retry_delay: delays.length > 1 ? delays : (delays[0] ?? 0),
  ...(retryJitterFactor === null ? {} : { retry_jitter_factor: retryJitterFactor }),
});

/**
 * Runs a task once, retries included.
 *
 * @throws run_over, or what interrupted the run or the runs around it. A failure of the task is returned, not thrown.
 */
export async function runTask(call: TaskCall): Promise<Ended> {
  const caller = currentFrame() ?? null;
  if (caller === null) await processEnding();
  else checkBoundary(caller);
  const record = newTaskRun(call, caller);
  const run = new ActiveRun({
    engine: call.engine,
    subject: { kind: "task", object: call.task, record },
    participants: call.participants,
    caller,
    tracking: null,
    args: call.args,
  });
  track(run, watcher);
  return supervise(run, call.options.signal, () => live(run, call));
}

function newTaskRun({ engine, task, options }: TaskCall, caller: Frame | null): TaskRunRecord {
  const flow = caller?.run.flow ?? null;
  const name = redact(task.name);
  return {
    kind: "task-run",
    id: newId(),
    name: flow === null ? name : taskRunName(name, engine.random),
    tags: runTags(union(union(task.tags, currentTags()), options.tags)),
    labels: NO_LABELS,
    state: Pending(),
    ...UNTOUCHED,
    createdMicros: engine.clock.nowMicros(),
    flowRunId: flow?.record.id ?? null,
    taskName: name,
    taskKey: name,
    dynamicKey: String(flow?.nextKey(task.name) ?? 0),
    empiricalPolicy: retryPolicy(task),
    flowRunRunCount: flow?.record.runCount ?? 0,
    leaseId: engine.leaseId,
  };
}

async function live(run: ActiveRun, { task }: TaskCall): Promise<Ended> {
  const pending = enter(run, run.record.state);
  if (pending !== undefined) await pending;
  if (run.interruption !== null) return crash(run);
  if (task.taskRunName !== null) {
    try {
      run.record.name = await inFrame(run.hookFrame, computeName, run, task);
    } catch (error) {
      return fail(run, stateFromThrown(error, "Task run"), error);
    }
  }
  const running = enter(run, Running());
  if (running !== undefined) await running;
  for (let tried = 1; ; tried += 1) {
    const attempted = await attempt(run);
    if (attempted.state.isFailed() && (await mayRetry(run, task, tried, attempted.state)))
      await retry(run, task, tried, attempted);
    else {
      await finish(run, attempted);
      return attempted;
    }
  }
}

async function computeName(run: ActiveRun, task: AnyTask): Promise<string> {
  const { taskRunName: given } = task;
  if (typeof given === "string") return fillName("taskRunName", given, run.parameters);
  return checkName("taskRunName", await given?.({ parameters: run.parameters }));
}

async function mayRetry(run: ActiveRun, task: AnyTask, tried: number, failed: State): Promise<boolean> {
  const { retryConditionFn } = task;
  if (tried > task.retries) return false;
  if (retryConditionFn === null) return true;
  const { view, engine } = run;
  if (!(view instanceof TaskRun)) return false;
  try {
    return await inFrame(run.hookFrame, retryConditionFn, task, view, failed);
  } catch (error) {
    engine.log.error("retryConditionFn failed, so the task is not retried", {
      run: run.record.id,
      error: redact(messageOf(error)),
    });
    return false;
  }
}

const MS_PER_SECOND = 1_000;

/** Without a delay the next attempt follows at once, and there is no waiting state in the history. */
async function retry(run: ActiveRun, task: AnyTask, tried: number, { state, thrown }: Ended): Promise<void> {
  const { clock, random } = run.engine;
  const timing = { delaysSeconds: task.retryDelaySeconds, jitterFactor: task.retryJitterFactor };
  const delay = retryDelaySeconds(timing, tried, random);
  if (delay > 0) {
    await enter(run, awaitingRetry(state, clock.now(), delay), thrown?.error);
    await run.sleep(delay * MS_PER_SECOND);
  }
  if (run.interruption !== null) return crash(run);
  await enter(run, Retrying(), delay > 0 ? undefined : thrown?.error);
}
