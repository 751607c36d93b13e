import { errorClass } from "../base/errors.ts";
import { newId } from "../base/ids.ts";
import { maskWhile, redact } from "../base/redactor.ts";
import { advance, UNTOUCHED } from "../orchestration/bookkeeping.ts";
import { decide, type Decision } from "../orchestration/decide.ts";
import { readPolicy } from "../orchestration/policy.ts";
import { retryDelaySeconds } from "../orchestration/retry.ts";
import type { FlowRunRecord, TaskRunRecord } from "../runs/flow-run.ts";
import { flowRunName, taskRunName } from "../runs/run-names.ts";
import { secretTexts, storedParameters } from "../runs/stored-parameters.ts";
import { Pending } from "../states/constructors.ts";
import { acceptState, type State } from "../states/state.ts";
import { ActiveRun, checkBoundary, currentFrame, type Frame, inFrame } from "./active-run.ts";
import { interruptInside, processEnding, track } from "./active-runs.ts";
import { attempt, refuse } from "./attempt.ts";
import { controlled } from "./controlled.ts";
import { watcher } from "./crash.ts";
import type { AnyFlow, CallOptions, Ended, Participants } from "./definition.ts";
import { drive } from "./drive.ts";
import { endInterrupted, logEnd } from "./end.ts";
import type { EngineContext } from "./engine-context.ts";
import { followEnded } from "./ended-by-others.ts";
import { adopt, enter } from "./enter.ts";
import { keepError, keepFlowResult } from "./kept-result.ts";
import { offerFinal } from "./handlers.ts";
import { interruptedByCancel } from "./interruption.ts";
import { Abort } from "./leaving.ts";
import { lineageOf, rememberOrigin } from "./lineage.ts";
import { movedTo } from "./moved.ts";

import { pauseUntilResumed } from "./pausing.ts";

import { planResult } from "./result-plan.ts";
import { mayRetry } from "./retry-condition.ts";
import { checkName, fillName, namedParameters } from "./run-name.ts";
import { retryPolicy } from "./run-task.ts";
import type { SubmittedCall } from "./submit.ts";
import { supervise } from "./supervise.ts";
import { isThenable } from "./thenable.ts";
import { waitForCode } from "./user-code.ts";
import { currentTags, runTags, union } from "./tags.ts";
import { endWithout, resolveFor } from "./upstreams-of-run.ts";

/** One call of a flow. */
export interface FlowCall extends SubmittedCall {
  readonly engine: EngineContext;
  readonly flow: AnyFlow;
  readonly participants: Participants;
  readonly args: readonly unknown[];
  readonly options: CallOptions;
}

/** Arguments that the flow's schema refuses. */
export class ParameterTypeError extends errorClass("invalid_parameters") {}

/** How often a run may be moved by others while it proposes one state, before that counts as a defect. */
const MOST_MOVES = 10;

const NO_LABELS: Readonly<Record<string, string>> = {};

/**
 * Runs a flow once, retries included.
 *
 * @throws run_over, or what interrupted the run or the runs around it. A failure of the flow is returned, not thrown.
 */
export async function runFlow(call: FlowCall): Promise<Ended> {
  const caller = currentFrame() ?? null;
  if (caller === null) await processEnding();
  else checkBoundary(caller);
  const parent = caller?.run.flow ?? null;
  const name = parent?.inside.nextCall(call.flow.name);
  const before = name === undefined ? undefined : parent?.inside.endedChild(name);
  if (before?.isKept === true) return { state: before.state, returned: null, thrown: null };
  const upstream = await resolveFor(call.args, call.options, caller);
  const ready = upstream.ended === null ? await checked(call, upstream.args) : { args: call.args, refusal: null };
  using _masked = maskWhile(secretTexts(namedParameters(ready.args)));
  const id = call.id ?? newId();
  const tracking = trackInParent(call, parent, id);
  const record = newFlowRun({ ...call, id }, caller, tracking, ready.args);
  const run = new ActiveRun({
    engine: call.engine,
    subject: { kind: "flow", object: call.flow, record },
    participants: call.participants,
    caller,
    tracking,
    args: ready.args,
  });
  call.onRecord?.(record);
  track(run, watcher);
  if (parent?.participants.terminal != null) parent.inside.watch(() => record.state);
  using _watched = call.engine.control?.add(controlled(run, record));
  const ended = await supervise(run, call.options.signal, () => live(run, call.flow, upstream.ended ?? ready.refusal));
  if (parent !== null && ended.state.isCompleted())
    rememberOrigin(ended.returned?.value, { kind: "flow", id: record.id }, parent.record.id);
  if (name !== undefined) {
    const isKept = ended.state.isCompleted() && run.kept !== null;
    parent?.inside.keepChild(name, { state: ended.state, isKept });
  }
  return ended;
}

const checked = (call: FlowCall, args: readonly unknown[]): Promise<Checked> | Checked =>
  call.flow.parameters === null ? { args, refusal: null } : validated(call, args);

interface Checked {
  readonly args: readonly unknown[];
  readonly refusal: ParameterTypeError | null;
}

/** The one object that a flow with a schema takes; defaults filled in, types converted. */
async function validated({ flow }: FlowCall, args: readonly unknown[]): Promise<Checked> {
  const parsed = await flow.parameters?.safeParseAsync(args.length === 0 ? {} : args[0]);
  if (parsed?.success === true) return { args: [parsed.data], refusal: null };
  const issues = parsed?.error.issues ?? [];
  const problems = redact(
    issues.map(({ path, message }) => (path.length === 0 ? message : `${path.join(".")}: ${message}`)).join("; "),
  );
  return { args, refusal: new ParameterTypeError({ flow: flow.name, problems }) };
}

/** In the parent flow run, a task run stands for the nested flow run. */
function trackInParent(
  { engine, flow, args, options }: FlowCall,
  parent: ActiveRun | null,
  childFlowRunId: string,
): TaskRunRecord | null {
  if (parent === null) return null;
  const state = Pending({ stateDetails: { childFlowRunId } });
  const id = newId();
  const name = redact(flow.name);
  acceptState(state, { timestampMicros: engine.clock.nowMicros(), flowRunId: parent.record.id, taskRunId: id });
  const tracking: TaskRunRecord = {
    kind: "task-run",
    id,
    name: taskRunName(name, engine.random),
    tags: runTags(currentTags()),
    labels: NO_LABELS,
    state,
    ...advance(UNTOUCHED, null, state),
    createdMicros: state.timestampMicros,
    flowRunId: parent.record.id,
    taskName: name,
    taskKey: name,
    dynamicKey: String(parent.inside.nextKey(flow.name)),
    empiricalPolicy: { retries: 0, retry_delay: 0 },
    flowRunRunCount: parent.record.runCount,
    leaseId: engine.leaseId,
    taskInputs: lineageOf(args, options.waitFor, { flowRunId: parent.record.id }),
  };
  engine.runs.record({ run: tracking, state, follows: null, requests: [] });
  return tracking;
}

function newFlowRun(
  { engine, flow, options, id }: FlowCall,
  caller: Frame | null,
  tracking: TaskRunRecord | null,
  args: readonly unknown[],
): FlowRunRecord {
  return {
    kind: "flow-run",
    id: id ?? newId(),
    name: flowRunName(engine.random),
    tags: runTags(union(union(flow.tags, currentTags()), options.tags)),
    labels: NO_LABELS,
    state: Pending(),
    ...UNTOUCHED,
    createdMicros: engine.clock.nowMicros(),
    flowName: redact(flow.name),
    flowVersion: flow.version,
    parameters: storedParameters(namedParameters(args)),
    parentTaskRunId: tracking?.id ?? null,
    parentFlowRunId: caller?.run.flow?.record.id ?? null,
    empiricalPolicy: retryPolicy(flow),
    leaseId: engine.leaseId,
  };
}

async function live(run: ActiveRun, flow: AnyFlow, refusal: ParameterTypeError | State | null): Promise<Ended> {
  await enter(run, run.record.state);
  if (run.interruption !== null) return endInterrupted(run);
  if (refusal instanceof ParameterTypeError) return end(run, flow, await refuse(run, refusal), undefined);
  if (refusal !== null) return endWithout(run, refusal);
  if (flow.flowRunName !== null) {
    try {
      run.record.name = await inFrame(run.hookFrame, computeName, run, flow);
    } catch (error) {
      return end(run, flow, await refuse(run, error), undefined);
    }
  }
  run.results = await planResult(run);
  return drive({
    run,
    attempt: () => attempt(run),
    retryOf: (failed) => retryOf(run, flow, failed),
    showsWait: () => true,
    commit: (to, error) => propose(run, flow, to, error),
    end: (ended) => end(run, flow, ended, undefined),
    pause: (state) => pauseUntilResumed(run, state),
  });
}

/** Stores the final state; the flow's own handler of it has the last word. */
async function end(run: ActiveRun, flow: AnyFlow, ended: Ended, _between: undefined): Promise<Ended> {
  const final = await terminal(run, flow, ended);
  if (run.results !== null) {
    await keepFlowResult(run, final);
    await keepError(run, final);
  }
  const entered =
    run.record.state === final.state ? final.state : await propose(run, flow, final.state, final.thrown?.error);
  logEnd(run);
  return entered === final.state ? final : { state: entered, returned: null, thrown: null };
}

async function terminal(run: ActiveRun, flow: AnyFlow, ended: Ended): Promise<Ended> {
  const handler = run.participants.terminal;
  if (handler === null) return ended;
  const children = (): readonly State[] => run.insideIfAny?.states() ?? [];
  const pending = inFrame(run.hookFrame, offerFinal, handler, flow, ended.state, children, run);
  const offered = pending instanceof Promise ? await waitForCode(run, pending) : pending;
  return offered.state === ended.state ? ended : { state: offered.state, returned: null, thrown: null };
}

/** The rules decide about the retries of flows: what they would make of this failure. */
function retryOf(run: ActiveRun, flow: AnyFlow, failed: State): State | null | Promise<State | null> {
  const decision = ask(run, flow, failed);
  const waiting = decision.kind === "reject" && decision.state?.isScheduled() === true ? decision.state : null;
  if (waiting === null || flow.retryConditionFn === null) return waiting;
  return mayRetry(run, failed).then((may) => (may ? waiting : null));
}

async function computeName(run: ActiveRun, flow: AnyFlow): Promise<string> {
  const { flowRunName: given } = flow;
  if (typeof given === "string") return fillName("flowRunName", given, run.parameters);
  const name = given?.();
  return checkName("flowRunName", isThenable(name) ? await waitForCode(run, name) : name);
}

function ask({ record, waitedFor, engine: { clock, random } }: ActiveRun, flow: AnyFlow, to: State): Decision {
  if (record.kind !== "flow-run") throw new Error("only flow runs are asked about");
  const timing = { delaysSeconds: flow.retryDelaySeconds, jitterFactor: flow.retryJitterFactor };
  const { runCount, state: from } = record;
  const waitedUntilMs = from.id === waitedFor ? from.stateDetails.scheduledTime?.getTime() : undefined;
  return decide({
    from,
    to,
    nowMs: Math.max(clock.now(), waitedUntilMs ?? 0),
    runCount,
    retries: flow.retries,
    retryDelaySeconds: () => retryDelaySeconds(timing, runCount, random),
    policy: readPolicy(record.empiricalPolicy),
    isSubflow: record.parentTaskRunId !== null,
  });
}

/**
 * Asks the rules for the state, waits as they say, and enters the state they give. When somebody else moved the run in
 * the meantime, the rules are asked again from there.
 *
 * @returns The state entered, which may be another one.
 * @throws transition_refused, or what interrupted the run while it waited
 */
async function propose(run: ActiveRun, flow: AnyFlow, to: State, error?: unknown): Promise<State> {
  for (let moves = 0; ;) {
    if (run.interruption !== null && !run.record.state.isFinal()) return endInterrupted(run);
    // A failure comes here only when it is the last one: handlers and retries have had their say.
    const decision = to.isFailed() ? lastWord(run, flow, to) : ask(run, flow, to);
    if (decision.kind === "wait") {
      await run.sleep(decision.waitMs);
      continue;
    }
    const next = stateOf(decision);
    try {
      await enter(run, next, error);
      return next;
    } catch (failure) {
      const moved = movedTo(failure);
      const interruption = moved === null ? await followEnded(run, failure) : null;
      if (moved?.isCancelling() === true || interruption !== null) {
        // What is inside it; it is not waited for here, where it ends itself.
        run.interrupt(interruption ?? interruptedByCancel());
        if (run.interruption !== null) await interruptInside(run, run.interruption);
        return endInterrupted(run);
      }
      moves += 1;
      if (moved === null || moves > MOST_MOVES) throw failure;
      await adopt(run, moved);
    }
  }
}

const lastWord = (run: ActiveRun, flow: AnyFlow, to: State): Decision => {
  const decision = ask(run, flow, to);
  return decision.kind === "reject" && decision.state?.isScheduled() === true
    ? { kind: "accept", state: to }
    : decision;
};

/** @throws transition_refused when the rules leave the run where it is */
function stateOf(decision: Exclude<Decision, { kind: "wait" }>): State {
  if (decision.kind === "accept") return decision.state;
  if (decision.kind === "reject" && decision.state !== null) return decision.state;
  throw new Abort({ reason: decision.reason });
}
