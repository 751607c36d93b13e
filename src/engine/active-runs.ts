import type { ActiveRun } from "./active-run.ts";
import type { Interruption } from "./interruption.ts";

/** Told when the first run of this process begins and when the last one has ended. */
export interface ActivityWatcher {
  begin(): void;
  end(): void;
}

// Process-wide by nature: a signal or an exit ends all runs of the process, whatever hub they belong to.
const active = new Set<ActiveRun>();

/** Every run goes through here from before its first state until its hooks are done. */
export function track(run: ActiveRun, watcher: ActivityWatcher): void {
  if (active.size === 0) watcher.begin();
  active.add(run);
}

export function untrack(run: ActiveRun, watcher: ActivityWatcher): void {
  active.delete(run);
  if (active.size === 0) watcher.end();
  run.settle();
}

/** Runs that have not ended, innermost first. */
export const openRuns = (): ActiveRun[] =>
  [...active].filter((run) => !run.record.state.isFinal()).toSorted((a, b) => b.depth - a.depth);

/** All engines with a run under way. */
export const activeEngines = (): Set<ActiveRun["engine"]> => new Set([...active].map((run) => run.engine));

const isWithin = (run: ActiveRun, root: ActiveRun): boolean => {
  for (let at: ActiveRun | undefined = run; at !== undefined; at = at.caller?.run) if (at === root) return true;
  return false;
};

/** Ends these runs from outside, one after the other, each with its hooks. */
async function interruptInTurn(runs: readonly ActiveRun[], interruption: Interruption): Promise<void> {
  // First all of them, so that none starts anything new while another one ends.
  for (const run of runs) run.interruption ??= interruption;
  for (const run of runs) {
    if (run.record.state.isFinal()) continue;
    run.interrupt(interruption);
    await run.settled();
  }
}

/** Ends every run of the process, innermost first. */
export const interruptAll = (interruption: Interruption): Promise<void> => interruptInTurn(openRuns(), interruption);

/** Ends the run and all runs started inside it, innermost first. */
export const interruptTree = (root: ActiveRun, interruption: Interruption): Promise<void> =>
  interruptInTurn(
    openRuns().filter((run) => isWithin(run, root)),
    interruption,
  );

/** Ends the runs started inside this one. */
export const interruptInside = (root: ActiveRun, interruption: Interruption): Promise<void> =>
  interruptInTurn(
    openRuns().filter((run) => run !== root && isWithin(run, root)),
    interruption,
  );
