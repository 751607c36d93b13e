import { newId } from "../base/ids.ts";
import type { JsonObject } from "../base/json.ts";
import { maskWhile, redact } from "../base/redactor.ts";
import { UNTOUCHED } from "../orchestration/bookkeeping.ts";
import { awaitingRetry } from "../orchestration/decide.ts";
import { retryDelaySeconds } from "../orchestration/retry.ts";
import type { TaskRunRecord } from "../runs/flow-run.ts";
import { taskRunName } from "../runs/run-names.ts";
import { secretTexts } from "../runs/stored-parameters.ts";
import { Pending } from "../states/constructors.ts";
import type { State } from "../states/state.ts";
import { ActiveRun, checkBoundary, currentFrame, type Frame, inFrame } from "./active-run.ts";
import { processEnding, track } from "./active-runs.ts";
import { refuse } from "./attempt.ts";
import { watcher } from "./crash.ts";
import type { AnyTask, CallOptions, Ended, Participants, RunnableInfo } from "./definition.ts";
import { drive } from "./drive.ts";
import { endInterrupted, finish } from "./end.ts";
import type { EngineContext } from "./engine-context.ts";
import { enter } from "./enter.ts";

import { keepError, markKept } from "./kept-result.ts";
import { lineageOf, rememberOrigin } from "./lineage.ts";
import { pauseTaskRun, whileFlowPauses } from "./pausing.ts";

import { planResult } from "./result-plan.ts";
import { mayRetry } from "./retry-condition.ts";
import { checkName, fillName, namedParameters } from "./run-name.ts";
import type { SubmittedCall } from "./submit.ts";
import { supervise } from "./supervise.ts";
import { isThenable } from "./thenable.ts";
import { waitForCode } from "./user-code.ts";
import { currentTags, runTags, union } from "./tags.ts";
import { attemptTask } from "./task-attempt.ts";
import { awaitUpstreams } from "./upstreams-of-run.ts";

/** One call of a task. */
export interface TaskCall extends SubmittedCall {
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
  using _masked = call.args.length === 0 ? undefined : maskWhile(secretTexts(namedParameters(call.args)));
  const record = newTaskRun(call, caller);
  const run = new ActiveRun({
    engine: call.engine,
    subject: { kind: "task", object: call.task, record },
    participants: call.participants,
    caller,
    tracking: null,
    args: call.args,
  });
  call.onRecord?.(record);
  track(run, watcher);
  if (run.flow?.participants.terminal != null) run.flow.inside.watch(() => record.state);
  return await supervise(run, call.options.signal, () => live(run, call));
}

function newTaskRun({ engine, task, args, options, id, sources }: TaskCall, caller: Frame | null): TaskRunRecord {
  const flow = caller?.run.flow ?? null;
  const name = redact(task.name);
  return {
    kind: "task-run",
    id: id ?? newId(),
    name: flow === null ? name : taskRunName(name, engine.random),
    tags: runTags(union(union(task.tags, currentTags()), options.tags)),
    labels: NO_LABELS,
    state: Pending(),
    ...UNTOUCHED,
    createdMicros: engine.clock.nowMicros(),
    flowRunId: flow?.record.id ?? null,
    taskName: name,
    taskKey: name,
    dynamicKey: String(flow?.inside.nextKey(task.name) ?? 0),
    empiricalPolicy: retryPolicy(task),
    flowRunRunCount: flow?.record.runCount ?? 0,
    leaseId: engine.leaseId,
    taskInputs: lineageOf(args, options.waitFor, {
      flowRunId: flow?.record.id ?? null,
      ...(sources === undefined ? {} : { sources }),
      parentTaskRunId: caller?.run.subject.kind === "task" ? caller.run.record.id : null,
    }),
  };
}

async function live(run: ActiveRun, call: TaskCall): Promise<Ended> {
  const { task, options } = call;
  const pending = enter(run, run.record.state);
  if (pending !== undefined) await pending;
  if (run.interruption !== null) return endInterrupted(run);
  const upstream = awaitUpstreams(run, options.waitFor, task.skipOnUpstreamSkip);
  const early = upstream === null ? null : await upstream;
  if (early !== null) return early;
  using _slot = call.isSubmitted === true ? await slotFor(run) : undefined;
  const paused = whileFlowPauses(run);
  if (paused !== undefined) await paused;
  if (task.taskRunName !== null) {
    try {
      run.record.name = await inFrame(run.hookFrame, computeName, run, task);
    } catch (error) {
      return end(run, await refuse(run, error), undefined);
    }
  }
  const planned = planResult(run);
  run.results = planned instanceof Promise ? await planned : planned;
  let failures = 0;
  // Awaited here, because the slot is given back when this function ends.
  return await drive({
    run,
    attempt: () => attemptTask(run),
    retryOf: (failed) => {
      failures += 1;
      return retryOf(run, task, failures, failed);
    },
    showsWait: (waiting) => (waiting.startTime?.getTime() ?? 0) > run.engine.clock.now(),
    commit: async (to, error) => {
      const entered = enter(run, to, error);
      if (entered !== undefined) await entered;
      return to;
    },
    end: (ended, between) => end(run, ended, between),
    pause: (state) => pauseTaskRun(run, state),
  });
}

/** Only submitted runs wait for one, and only those of the flow itself: a task that waits for its own tasks has one. */
async function slotFor(run: ActiveRun): Promise<Disposable | undefined> {
  if (run.caller?.run.subject.kind !== "flow") return undefined;
  const limit = run.caller.run.subject.object.maxConcurrentTasks;
  return limit === null ? undefined : await run.caller.run.inside.slots(limit).acquire(run.signal);
}

async function end(run: ActiveRun, ended: Ended, between: (() => void | Promise<void>) | undefined): Promise<Ended> {
  if (run.results !== null) {
    markKept(run, ended);
    await keepError(run, ended);
  }
  await finish(run, ended, between);
  const { state, returned } = ended;
  if (state.isCompleted()) {
    const { id } = run.record;
    rememberOrigin(
      returned === null ? state.peek() : returned.value,
      { kind: "task", id },
      run.flow?.record.id ?? null,
    );
  }
  return ended;
}

async function computeName(run: ActiveRun, task: AnyTask): Promise<string> {
  const { taskRunName: given } = task;
  if (typeof given === "string") return fillName("taskRunName", given, run.parameters);
  const name = given?.({ parameters: run.parameters });
  return checkName("taskRunName", isThenable(name) ? await waitForCode(run, name) : name);
}

/** The engine itself decides about the retries of tasks. */
function retryOf(run: ActiveRun, task: AnyTask, failures: number, failed: State): State | null | Promise<State | null> {
  if (failures > task.retries) return null;
  const { clock, random } = run.engine;
  const waiting = (): State => {
    const timing = { delaysSeconds: task.retryDelaySeconds, jitterFactor: task.retryJitterFactor };
    return awaitingRetry(failed, clock.now(), retryDelaySeconds(timing, failures, random));
  };
  if (task.retryConditionFn === null) return waiting();
  return mayRetry(run, failed).then((may) => (may ? waiting() : null));
}
