import type { Clock } from "../base/clock.ts";
import { messageOf } from "../base/errors.ts";
import type { Logger } from "../base/logger.ts";
import { redact } from "../base/redactor.ts";
import type { FlowRunRecord } from "../runs/flow-run.ts";
import type { CurrentState, RunStore } from "../runs/run-store.ts";
import type { State } from "../states/state.ts";
import { isBeingTakenOver } from "./move-flow-run.ts";

/** How often a process looks whether somebody moved one of its flow runs, milliseconds. */
const LOOK_EVERY_MS = 250;

/** A flow run that this process executes, as far as others can move it. Each call is made once per stored state. */
export interface ControlledRun {
  readonly id: string;
  /** The state this process last gave the run, or took over. */
  readonly state: State;
  /** Somebody asked for its end: it cleans up and becomes Cancelled. */
  onCancelling(stored: FlowRunRecord): void;
  /** Somebody paused or suspended it: it stops at its next boundary. */
  onSuspended(stored: FlowRunRecord): void;
  /** The pause it waits in is over. */
  onResumed(stored: FlowRunRecord): void;
  /** Somebody else ended it; nothing it does from now on counts. */
  onEnded?(stored: FlowRunRecord): void;
}

export interface ControlParts {
  readonly runs: Pick<RunStore, "version" | "listCurrentStates" | "readFlowRun">;
  readonly clock: Clock;
  readonly log: Logger;
  /** Default 250 ms. */
  readonly everyMs?: number;
}

/**
 * Watches the store for what others do to the flow runs of this process. Looks only while there are any, reads only
 * after somebody else has committed, and never holds the process open.
 */
export interface RunControl extends Disposable {
  /** Watches the run until the result is disposed. */
  add(run: ControlledRun): Disposable;
  /** Looks now: code of this process has moved a run. */
  look(): Promise<void>;
}

type Call = "onCancelling" | "onSuspended" | "onResumed" | "onEnded";

/** What a state that somebody else stored asks of the process that runs it; null: nothing. */
function callFor(run: ControlledRun, stored: FlowRunRecord): Call | null {
  const { state } = stored;
  // What is older than ours was seen, or is about to be replaced; then the store refuses ours and the engine decides again.
  if (run.state.isFinal() || state.timestampMicros <= run.state.timestampMicros || state.id === run.state.id)
    return null;
  if (state.isFinal()) return "onEnded";
  if (state.isCancelling()) return "onCancelling";
  if (state.isPaused()) return "onSuspended";
  return state.isRunning() && run.state.isPaused() ? "onResumed" : null;
}

export function openControl({ runs, clock, log, everyMs = LOOK_EVERY_MS }: ControlParts): RunControl {
  const watched = new Map<string, ControlledRun>();
  /** The last stored state of each run that was acted on, so that it is acted on once. */
  const seen = new Map<string, string>();
  let timer: Disposable | undefined;
  let version: number | null = null;
  let looking: Promise<void> = Promise.resolve();

  const moved = (current: CurrentState): boolean => {
    const run = watched.get(current.flowRunId);
    if (run === undefined || isBeingTakenOver(current.stateId)) return false;
    return current.stateId !== run.state.id && seen.get(run.id) !== current.stateId;
  };
  const tell = async ({ flowRunId }: CurrentState): Promise<void> => {
    const stored = await runs.readFlowRun(flowRunId);
    const run = watched.get(flowRunId);
    const call = run === undefined || stored === null ? null : callFor(run, stored);
    if (run === undefined || stored === null || call === null) return;
    seen.set(flowRunId, stored.state.id);
    run[call]?.(stored);
  };
  const lookOnce = async (): Promise<void> => {
    if (watched.size === 0) return;
    const states = await runs.listCurrentStates([...watched.keys()]);
    for (const current of states) if (moved(current)) await tell(current);
  };
  const look = (): Promise<void> => {
    looking = looking.then(lookOnce).catch((error: unknown) => {
      // Asked again at the next turn, whatever the version says then.
      version = null;
      log.warn("what others did to the runs of this process could not be read", { error: redact(messageOf(error)) });
    });
    return looking;
  };
  const turn = (): void => {
    timer = undefined;
    let now: number | null = null;
    try {
      now = runs.version();
    } catch (error) {
      log.warn("the store does not say whether it changed", { error: redact(messageOf(error)) });
    }
    const isSame = now !== null && now === version;
    version = now;
    if (!isSame) void look();
    arm();
  };
  const arm = (): void => {
    if (timer === undefined && watched.size > 0) timer = clock.timer(everyMs, turn, { keepAlive: false });
  };

  return {
    look,
    add: (run) => {
      // Whatever was committed before counts as not yet seen.
      if (watched.size === 0) version = null;
      watched.set(run.id, run);
      arm();
      return {
        [Symbol.dispose]: () => {
          watched.delete(run.id);
          seen.delete(run.id);
          if (watched.size > 0) return;
          timer?.[Symbol.dispose]();
          timer = undefined;
        },
      };
    },
    [Symbol.dispose]: () => {
      watched.clear();
      timer?.[Symbol.dispose]();
      timer = undefined;
    },
  };
}
