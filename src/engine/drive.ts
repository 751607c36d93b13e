import { Retrying, Running } from "../states/constructors.ts";
import type { State } from "../states/state.ts";
import { type ActiveRun, inFrame } from "./active-run.ts";
import { countFrom } from "./attempt.ts";
import type { Ended } from "./definition.ts";
import { endInterrupted } from "./end.ts";
import { offer, type Offered } from "./handlers.ts";
import { othersTurn } from "./turns.ts";
import { waitForCode } from "./user-code.ts";

/** An attempt that has ended, and what becomes of the work it did. */
export interface Attempted extends Ended {
  /** The work counts; called between the storing of the final state and its hooks. Absent: there is nothing to settle. */
  readonly keep?: () => void | Promise<void>;
  /**
   * The work does not count. `isFinal` false: another attempt follows, so nothing around it is touched. Does nothing
   * once this or `keep` was called.
   */
  readonly drop?: (isFinal: boolean) => void | Promise<void>;
}

/** What differs between flows and tasks on their way from Pending to the end. */
export interface Course {
  readonly run: ActiveRun;
  /** Calls the body once. */
  readonly attempt: () => Promise<Attempted>;
  /** The waiting state of the next attempt, when this failure is not the last word. */
  readonly retryOf: (failed: State) => State | null | Promise<State | null>;
  /** Stores a state that is not final. @returns the state stored, which may be another one */
  readonly commit: (to: State, error?: unknown) => Promise<State>;
  /** Whether the waiting state goes into the history; without a delay that of a task does not. */
  readonly showsWait: (waiting: State) => boolean;
  /** Stores the last state, settles the attempt in between, and says how the run ended. */
  readonly end: (ended: Ended, between: (() => void | Promise<void>) | undefined) => Promise<Ended>;
  /** Waits until the paused run is resumed. */
  readonly pause: (paused: State) => Promise<void>;
}

interface Proposed {
  readonly state: State;
  /** What handlers are told the state before it was. */
  readonly from: State;
  readonly attempted: Attempted | null;
  /** What was thrown before this retry, when its failure was not stored. */
  readonly cause?: unknown;
  /** The body is called again without a new state: the signal LOOP. */
  readonly isAgain?: boolean;
}

/**
 * Takes a run from its first state to its end: proposes a state, lets the handlers have their say, and does what the
 * state asks for.
 *
 * @throws what interrupted the run
 * @see Prefect 3, flow_engine.py and task_engine.py; Prefect 1, engine/runner.py
 */
export async function drive(course: Course): Promise<Ended> {
  const { run } = course;
  const before = run.record.state;
  let proposed: Proposed = { state: Running(), from: before, attempted: null };
  try {
    for (;;) {
      const { attempted } = proposed;
      const offered = run.handlers.length === 0 ? KEPT(proposed.state) : await judged(run, proposed);
      if (offered.state.isLooped()) {
        await givenUp(run, attempted);
        const { count } = run.loop ?? { count: 1 };
        run.loop = { count: count + 1, result: offered.state.peek() };
        proposed = { state: Running(), from: before, attempted: null, isAgain: true };
        continue;
      }
      const next = await retried(course, proposed, offered);
      if (next.kind === "retry") {
        proposed = next.proposed;
        continue;
      }
      if (isEnd(next.state, attempted)) return await ended(course, next.state, attempted);
      const isAgain = proposed.isAgain === true && next.state.isRunning();
      const stored = isAgain ? next.state : await course.commit(next.state, proposed.cause);
      if (isEnd(stored, attempted)) return await ended(course, stored, attempted);
      if (attempted !== null) await givenUp(run, attempted);
      proposed = await follow(course, stored);
    }
  } catch (error) {
    // Interrupted, or not stored: nobody else settles what the attempt did.
    await proposed.attempted?.drop?.(true);
    throw error;
  }
}

/** Another attempt follows. In between others get their turn, so that a run which is tried for ever can be ended. */
async function givenUp(run: ActiveRun, attempted: Attempted | null): Promise<void> {
  await attempted?.drop?.(false);
  await othersTurn();
  if (run.interruption !== null) await endInterrupted(run);
}

const KEPT = (state: State): Offered => ({ kind: "state", state });

/** What the handlers make of the state proposed. */
async function judged(run: ActiveRun, { state, from }: Proposed): Promise<Offered> {
  const pending = inFrame(run.hookFrame, offer, run.handlers, run.subject.object, from, state, run);
  const offered = pending instanceof Promise ? await waitForCode(run, pending) : pending;
  if (offered.kind === "signal") countFrom(run, offered.signal);
  return offered;
}

type Next = { readonly kind: "go"; readonly state: State } | { readonly kind: "retry"; readonly proposed: Proposed };

/** A failure that is not the last word stays tentative: it is not stored, and the run waits for its next attempt. */
async function retried(course: Course, proposed: Proposed, offered: Offered): Promise<Next> {
  const { state } = offered;
  if (!state.isFailed() || offered.kind === "failed") return { kind: "go", state };
  const waiting = await course.retryOf(state);
  if (waiting === null) return { kind: "go", state };
  const { run } = course;
  const again = await judged(run, { state: waiting, from: state, attempted: proposed.attempted });
  if (!again.state.isScheduled()) return { kind: "go", state: again.state };
  await proposed.attempted?.drop?.(false);
  const cause = proposed.attempted?.thrown?.error;
  const isShown = course.showsWait(again.state);
  const planned = overAtMs(run, again.state);
  const stored = isShown ? await course.commit(again.state, cause) : again.state;
  if (!stored.isScheduled()) return { kind: "go", state: stored };
  await waitFor(run, stored, dueMs(stored) === dueMs(again.state) ? planned : overAtMs(run, stored));
  const attempted = null;
  return {
    kind: "retry",
    proposed: { state: Retrying(), from: stored, attempted, cause: isShown ? undefined : cause },
  };
}

/** Final, or a state that the body returned by hand and in which a run may be left. */
const isEnd = (state: State, attempted: Attempted | null): boolean =>
  state.isFinal() ||
  state.isCancelling() ||
  (state.isPaused() && attempted?.state === state && attempted.returned !== null);

async function ended(course: Course, state: State, attempted: Attempted | null): Promise<Ended> {
  const own: Ended = attempted?.state === state ? attempted : { state, returned: null, thrown: null };
  const counts = state.isCompleted() || (own.returned !== null && !state.isCrashed());
  const between = attempted === null ? undefined : counts ? attempted.keep : () => attempted.drop?.(true);
  return course.end(own, between);
}

/** Does what the stored state asks for. */
async function follow(course: Course, stored: State): Promise<Proposed> {
  const { run } = course;
  if (stored.isScheduled()) {
    await waitFor(run, stored, overAtMs(run, stored));
    return { state: Retrying(), from: stored, attempted: null };
  }
  if (stored.isPaused()) {
    await course.pause(stored);
    if (run.interruption !== null) return endInterrupted(run);
    run.resumed = true;
    // Whoever resumed a flow run has stored that it runs.
    const isStored = run.record.state.isRunning();
    return { state: isStored ? run.record.state : Running(), from: stored, attempted: null, isAgain: isStored };
  }
  const attempted = await course.attempt();
  return { state: attempted.state, from: run.record.state, attempted };
}

const dueMs = (waiting: State): number => waiting.stateDetails.scheduledTime?.getTime() ?? 0;

/** When the wait for it is over, on the monotonic clock: that of the wall may be set while the state is stored. */
const overAtMs = ({ engine: { clock } }: ActiveRun, waiting: State): number =>
  clock.monotonic() + dueMs(waiting) - clock.now();

async function waitFor(run: ActiveRun, waiting: State, untilMs: number): Promise<void> {
  const waitMs = untilMs - run.engine.clock.monotonic();
  if (waitMs > 0) await run.sleep(Math.ceil(waitMs));
  else await othersTurn();
  if (run.interruption !== null) await endInterrupted(run);
  run.waitedFor = waiting.id;
}
