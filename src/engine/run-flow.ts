import { newId } from "../base/ids.ts";
import { errorClass } from "../base/errors.ts";
import { maskWhile, redact } from "../base/redactor.ts";
import { advance, UNTOUCHED } from "../orchestration/bookkeeping.ts";
import { decide, type Decision } from "../orchestration/decide.ts";
import { stateFromThrown } from "../orchestration/final-state.ts";
import { retryDelaySeconds } from "../orchestration/retry.ts";
import type { FlowRunRecord, TaskRunRecord } from "../runs/flow-run.ts";
import { flowRunName, taskRunName } from "../runs/run-names.ts";
import { secretTexts, storedParameters } from "../runs/stored-parameters.ts";
import { Pending, Retrying, Running } from "../states/constructors.ts";
import { acceptState, type State } from "../states/state.ts";
import { ActiveRun, checkBoundary, currentFrame, type Frame, inFrame } from "./active-run.ts";
import { processEnding, track } from "./active-runs.ts";
import { attempt, crash, fail, logEnd, supervise } from "./attempt.ts";
import { watcher } from "./crash.ts";
import type { AnyFlow, CallOptions, Ended, Participants } from "./definition.ts";
import type { EngineContext } from "./engine-context.ts";
import { enter } from "./enter.ts";
import { checkName, fillName, namedParameters } from "./run-name.ts";
import { retryPolicy } from "./run-task.ts";
import { currentTags, runTags, union } from "./tags.ts";

/** One call of a flow. */
export interface FlowCall {
  readonly engine: EngineContext;
  readonly flow: AnyFlow;
  readonly participants: Participants;
  readonly args: readonly unknown[];
  readonly options: CallOptions;
}

/** Arguments that the flow's schema refuses. */
export class ParameterTypeError extends errorClass("invalid_parameters") {}

/** A state that the rules refuse. */
export class Abort extends errorClass("transition_refused") {}

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
  const { args, refusal } = call.flow.parameters === null ? { args: call.args, refusal: null } : await validated(call);
  using _masked = maskWhile(secretTexts(namedParameters(args)));
  const tracking = trackInParent(call, caller?.run.flow ?? null);
  const run = new ActiveRun({
    engine: call.engine,
    subject: { kind: "flow", object: call.flow, record: newFlowRun(call, caller, tracking, args) },
    participants: call.participants,
    caller,
    tracking,
    args,
  });
  track(run, watcher);
  return await supervise(run, call.options.signal, () => live(run, call.flow, refusal));
}

interface Checked {
  readonly args: readonly unknown[];
  readonly refusal: ParameterTypeError | null;
}

/** The one object that a flow with a schema takes; defaults filled in, types converted. */
async function validated({ flow, args }: FlowCall): Promise<Checked> {
  const parsed = await flow.parameters?.safeParseAsync(args.length === 0 ? {} : args[0]);
  if (parsed?.success === true) return { args: [parsed.data], refusal: null };
  const issues = parsed?.error.issues ?? [];
  const problems = redact(
    issues.map(({ path, message }) => (path.length === 0 ? message : `${path.join(".")}: ${message}`)).join("; "),
  );
  return { args, refusal: new ParameterTypeError({ flow: flow.name, problems }) };
}

/** In the parent flow run, a task run stands for the nested flow run. */
function trackInParent({ engine, flow }: FlowCall, parent: ActiveRun | null): TaskRunRecord | null {
  if (parent === null) return null;
  const state = Pending();
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
    dynamicKey: String(parent.nextKey(flow.name)),
    empiricalPolicy: { retries: 0, retry_delay: 0 },
    flowRunRunCount: parent.record.runCount,
    leaseId: engine.leaseId,
  };
  engine.runs.record({ run: tracking, state, follows: null, requests: [] });
  return tracking;
}

function newFlowRun(
  { engine, flow, options }: FlowCall,
  caller: Frame | null,
  tracking: TaskRunRecord | null,
  args: readonly unknown[],
): FlowRunRecord {
  return {
    kind: "flow-run",
    id: newId(),
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

async function live(run: ActiveRun, flow: AnyFlow, refusal: ParameterTypeError | null): Promise<Ended> {
  await enter(run, run.record.state);
  if (run.interruption !== null) return crash(run);
  if (refusal !== null) return fail(run, stateFromThrown(refusal, "Flow run"), refusal);
  if (flow.flowRunName !== null) {
    try {
      run.record.name = await inFrame(run.hookFrame, computeName, run, flow);
    } catch (error) {
      return fail(run, stateFromThrown(error, "Flow run"), error);
    }
  }
  await propose(run, flow, Running());
  for (;;) {
    const attempted = await attempt(run);
    const entered = await propose(run, flow, attempted.state, attempted.thrown?.error);
    if (entered === attempted.state) {
      logEnd(run);
      return attempted;
    }
    await propose(run, flow, Retrying());
  }
}

async function computeName(run: ActiveRun, flow: AnyFlow): Promise<string> {
  const { flowRunName: given } = flow;
  if (typeof given === "string") return fillName("flowRunName", given, run.parameters);
  return checkName("flowRunName", await given?.());
}

/**
 * Asks the rules for the state, waits as they say, and enters the state they give.
 *
 * @returns The state entered, which may be another one.
 * @throws transition_refused, or what interrupted the run while it waited
 */
async function propose(run: ActiveRun, flow: AnyFlow, to: State, error?: unknown): Promise<State> {
  const { clock, random } = run.engine;
  const timing = { delaysSeconds: flow.retryDelaySeconds, jitterFactor: flow.retryJitterFactor };
  for (;;) {
    const { runCount, state: from } = run.record;
    const decision = decide({
      from,
      to,
      nowMs: clock.now(),
      runCount,
      retries: flow.retries,
      retryDelaySeconds: () => retryDelaySeconds(timing, runCount, random),
    });
    if (decision.kind === "wait") {
      await run.sleep(decision.waitMs);
      if (run.interruption !== null) return crash(run);
    } else {
      const next = stateOf(decision);
      await enter(run, next, error);
      return next;
    }
  }
}

/** @throws transition_refused when the rules leave the run where it is */
function stateOf(decision: Exclude<Decision, { kind: "wait" }>): State {
  if (decision.kind === "accept") return decision.state;
  if (decision.kind === "reject" && decision.state !== null) return decision.state;
  throw new Abort({ reason: decision.reason });
}
