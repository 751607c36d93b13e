import { messageOf } from "../base/errors.ts";
import { redact } from "../base/redactor.ts";
import { describe } from "../orchestration/final-state.ts";
import type { RunChange } from "../runs/run-store.ts";
import type { ActiveRun } from "./active-run.ts";
import {
  activeEngines,
  type ActivityWatcher,
  interruptAll,
  markTree,
  openRuns,
  processEnding,
  setProcessEnding,
  trackSending,
} from "./active-runs.ts";
import { endedByState } from "./end.ts";
import { mirror, prepare } from "./enter.ts";
import {
  type Interruption,
  interruptedByCancelSignal,
  interruptedByProcessExit,
  interruptedBySignal,
  interruptedByUncaught,
} from "./interruption.ts";

/** Requests to stop. SIGBREAK is Windows' Ctrl+Break; SIGHUP is what a closed terminal sends, on Windows as well. */
const STOP_SIGNALS: readonly NodeJS.Signals[] =
  process.platform === "win32" ? ["SIGINT", "SIGTERM", "SIGBREAK", "SIGHUP"] : ["SIGINT", "SIGTERM", "SIGHUP"];

/**
 * The process ends now and nothing can wait any more: writes Crashed for every run under way, with the deliveries that
 * those states owe, and whatever the store still holds back. Functions cannot run; `throw new SystemExit()` is the way
 * to stop that runs `onCrashed`.
 */
function crashNow(how: string): void {
  const interruption = interruptedByProcessExit(how);
  const runs = openRuns();
  for (const engine of activeEngines()) {
    const changes = runs.filter((run) => run.engine === engine).flatMap((run) => crashChanges(run, interruption));
    try {
      engine.runs.commitSync(changes);
    } catch (error) {
      engine.log.error("runs could not be stored at exit", { runs: changes.length, error: redact(messageOf(error)) });
    }
  }
}

const onExit = (code: number): void => crashNow(`exited with code ${code}`);

/** Nothing is left that could wake the process, so no body under way can ever settle. */
const onIdle = (): void => crashNow("had nothing left to wait for");

function crashChanges(run: ActiveRun, interruption: Interruption): RunChange[] {
  run.interruption ??= interruption;
  const state = endedByState(run, run.interruption);
  const { change } = prepare(run, state, run.interruption.error);
  return run.tracking === null ? [change] : [{ ...change, mirrored: mirror(run, run.tracking, state) }];
}

interface Ending {
  /** Ends every run with its hooks; the outermost callers get the error once `hold` resolves. */
  readonly interrupt: (hold: Promise<void>) => Promise<void>;
  /** False: somebody else listens too, and decides what happens next. */
  readonly isOurs: () => boolean;
  /** Ends the process. */
  readonly end: () => void;
}

/**
 * Ends every run with its hooks, stores everything, sends what is due, and then ends the process. Callers get the error
 * only when the process goes on, because what they do with it could end the process in another way.
 */
async function endAllRuns({ interrupt, isOurs, end }: Ending): Promise<void> {
  // What Node would do next is the same with or without this error: end, for the reason that came first.
  const later: unknown[] = [];
  const onLater = (error: unknown): void => void later.push(error);
  process.on("uncaughtException", onLater);
  const { promise: hold, resolve: release } = Promise.withResolvers<void>();
  setProcessEnding(hold);
  const engines = activeEngines();
  // When nothing is left that could wake the process, a hook that is still out can never settle.
  const { promise: idle, resolve: onIdleNow } = Promise.withResolvers<unknown>();
  process.once("beforeExit", onIdleNow);
  await Promise.race([interrupt(hold), idle]);
  process.off("beforeExit", onIdleNow);
  await eachOf(engines, "runs could not be stored", (engine) => engine.runs.flush());
  if (isOurs()) {
    await eachOf(engines, "messages could not be sent", (engine) => engine.finish?.());
    process.off("uncaughtException", onLater);
    return end();
  }
  process.off("uncaughtException", onLater);
  setProcessEnding(undefined);
  if (isWatching) startListening();
  release();
  if (later.length > 0) throwUncaught(later[0]);
}

async function eachOf(
  engines: ReadonlySet<ActiveRun["engine"]>,
  problem: string,
  work: (engine: ActiveRun["engine"]) => Promise<void> | undefined,
): Promise<void> {
  const guarded = async (engine: ActiveRun["engine"]): Promise<void> => {
    try {
      await work(engine);
    } catch (error) {
      engine.log.error(problem, { error: redact(messageOf(error)) });
    }
  };
  await Promise.all([...engines].map(guarded));
}

/** Without a listener Node prints it, below the line that throws, and exits. */
function throwUncaught(error: unknown): void {
  process.nextTick(() => {
    throw error; // The program's own error, thrown again now that its runs are stored.
  });
}

/** Runs that somebody has cancelled, of which this process need not have heard yet. */
async function cancelledRuns(): Promise<ActiveRun[]> {
  const cancelled: ActiveRun[] = [];
  await eachOf(activeEngines(), "what others did to the runs could not be read", async (engine) => {
    const runs = openRuns().filter((run) => run.engine === engine && run.record.kind === "flow-run");
    if (runs.length === 0) return;
    const states = await engine.runs.listCurrentStates(runs.map(({ record }) => record.id));
    const ids = new Set(states.filter(({ stateType }) => stateType === "CANCELLING").map(({ flowRunId }) => flowRunId));
    cancelled.push(...runs.filter(({ record }) => ids.has(record.id)));
  });
  return cancelled;
}

/** A signal that follows a cancellation is how it was meant; without one it is a crash. */
async function interruptBySignal(signal: NodeJS.Signals, hold: Promise<void>): Promise<void> {
  for (const run of await cancelledRuns()) markTree(run, interruptedByCancelSignal(signal, hold));
  await interruptAll(interruptedBySignal(signal, hold));
}

function onSignal(signal: NodeJS.Signals): void {
  // Off at once, so that a second signal ends the process without waiting for anybody's hooks.
  stopListening();
  void endAllRuns({
    interrupt: (hold) => interruptBySignal(signal, hold),
    isOurs: () => process.listenerCount(signal) === 0,
    end: () => process.kill(process.pid, signal),
  });
}

function onUncaught(error: unknown): void {
  // Another listener means that the program goes on, and so do its runs.
  if (process.listenerCount("uncaughtException") > 1) return;
  stopListening();
  void endAllRuns({
    interrupt: (hold) => interruptAll(interruptedByUncaught(error, describe(error), hold)),
    isOurs: () => true,
    end: () => throwUncaught(error),
  });
}

let isWatching = false;

function startListening(): void {
  stopListening();
  process.on("uncaughtException", onUncaught);
  for (const signal of STOP_SIGNALS) process.on(signal, onSignal);
}

function stopListening(): void {
  process.off("uncaughtException", onUncaught);
  for (const signal of STOP_SIGNALS) process.off(signal, onSignal);
}

/** Listens to the end of the process, but only while there is something that it would cut off. */
export const watcher: ActivityWatcher = {
  begin: () => {
    isWatching = true;
    // Before the listeners that close the store, which are older.
    process.prependListener("exit", onExit);
    process.prependListener("beforeExit", onIdle);
    if (processEnding() === undefined) startListening();
  },
  end: () => {
    isWatching = false;
    process.off("exit", onExit);
    process.off("beforeExit", onIdle);
    process.off("uncaughtException", onUncaught);
    // A signal that came while the last state was written is told when the loop next polls, and must find its listener
    // there. This may be called out of a poll, and then the first of two turns ends before the next one.
    setImmediate(() => setImmediate(() => isWatching || stopListening()).unref()).unref();
  },
};

/** Says whether runs of this engine left something to send, now or later. */
export const tellSending = (engine: ActiveRun["engine"], isSending: boolean): void =>
  trackSending(engine, isSending, watcher);
