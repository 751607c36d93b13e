import { messageOf } from "../base/errors.ts";
import { redact } from "../base/redactor.ts";
import { describe } from "../orchestration/final-state.ts";
import { Crashed } from "../states/constructors.ts";
import { keepThrown, type State } from "../states/state.ts";
import type { RunChange } from "../runs/run-store.ts";
import type { ActiveRun } from "./active-run.ts";
import { activeEngines, type ActivityWatcher, interruptAll, openRuns } from "./active-runs.ts";
import { mirror, prepare } from "./enter.ts";
import {
  type Interruption,
  interruptedByProcessExit,
  interruptedBySignal,
  interruptedByUncaught,
} from "./interruption.ts";

/** Requests to stop. SIGBREAK is Windows' Ctrl+Break; SIGHUP is what a closed terminal sends, on Windows as well. */
const STOP_SIGNALS: readonly NodeJS.Signals[] =
  process.platform === "win32" ? ["SIGINT", "SIGTERM", "SIGBREAK", "SIGHUP"] : ["SIGINT", "SIGTERM", "SIGHUP"];

/** The Crashed state of a run that was ended from outside. */
export function crashedState(run: ActiveRun, { error, message }: Interruption): State {
  const state = Crashed({ message: `${run.subject.kind === "flow" ? "Flow run" : "Task run"} ${message}` });
  keepThrown(state, error);
  return state;
}

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
  const state = crashedState(run, run.interruption);
  const { change } = prepare(run, state, run.interruption.error);
  return run.tracking === null ? [change] : [mirror(run, run.tracking, state), change];
}

/**
 * Ends every run with its hooks, stores everything, and then does `finish`. Callers get the error only when `finish`
 * lets them, because what they do with it could end the process in another way.
 */
async function endAllRuns(
  why: (hold: Promise<void>) => Interruption,
  finish: (release: () => void) => void,
): Promise<void> {
  const engines = activeEngines();
  const { promise: hold, resolve: release } = Promise.withResolvers<void>();
  await interruptAll(why(hold));
  for (const engine of engines) {
    try {
      await engine.runs.flush();
    } catch (error) {
      engine.log.error("runs could not be stored", { error: redact(messageOf(error)) });
    }
  }
  finish(release);
}

function onSignal(signal: NodeJS.Signals): void {
  // Off at once, so that a second signal ends the process without waiting for anybody's hooks.
  stopListening();
  const finish = (release: () => void): void => {
    // Whoever listens as well has taken over what the signal does.
    if (process.listenerCount(signal) > 0) release();
    else process.kill(process.pid, signal);
  };
  void endAllRuns((hold) => interruptedBySignal(signal, hold), finish);
}

function onUncaught(error: unknown): void {
  // Another listener means that the program goes on, and so do its runs.
  if (process.listenerCount("uncaughtException") > 1) return;
  stopListening();
  const finish = (release: () => void): void =>
    // Without a listener Node prints it and exits, as it would have done.
    process.nextTick(() => {
      release();
      throw error;
    });
  void endAllRuns((hold) => interruptedByUncaught(error, describe(error), hold), finish);
}

function stopListening(): void {
  process.off("uncaughtException", onUncaught);
  for (const signal of STOP_SIGNALS) process.off(signal, onSignal);
}

/** Listens to the end of the process, but only while runs are active. */
export const watcher: ActivityWatcher = {
  begin: () => {
    // Before the listeners that close the store, which are older.
    process.prependListener("exit", onExit);
    process.prependListener("beforeExit", onIdle);
    process.on("uncaughtException", onUncaught);
    for (const signal of STOP_SIGNALS) process.on(signal, onSignal);
  },
  end: () => {
    process.off("exit", onExit);
    process.off("beforeExit", onIdle);
    stopListening();
  },
};
