import { redact } from "../base/redactor.ts";
import type { ActiveRun } from "./active-run.ts";
import type { Interruption } from "./interruption.ts";

/** Told when this process begins to have something that its end would cut off, and when it has nothing left. */
export interface ActivityWatcher {
  begin(): void;
  end(): void;
}

// Process-wide by nature: a signal or an exit ends all runs of the process, whatever hub they belong to.
const active = new Set<ActiveRun>();
/** Engines whose runs left something to send. */
const sending = new Set<ActiveRun["engine"]>();
let ending: Promise<void> | undefined;

const isQuiet = (): boolean => active.size === 0 && sending.size === 0;

/** Every run goes through here from before its first state until its hooks are done. */
export function track(run: ActiveRun, watcher: ActivityWatcher): void {
  if (isQuiet()) watcher.begin();
  active.add(run);
}

export function untrack(run: ActiveRun, watcher: ActivityWatcher): void {
  active.delete(run);
  if (isQuiet()) watcher.end();
  run.settle();
}

/** What the runs of this engine left to send counts like a run under way: the process ends with it, not before it. */
export function trackSending(engine: ActiveRun["engine"], isSending: boolean, watcher: ActivityWatcher): void {
  const wasQuiet = isQuiet();
  if (isSending) sending.add(engine);
  else sending.delete(engine);
  if (wasQuiet !== isQuiet()) watcher[wasQuiet ? "begin" : "end"]();
}

/** While the process is being ended: resolves if it goes on after all. */
export const processEnding = (): Promise<void> | undefined => ending;

export function setProcessEnding(goesOn: Promise<void> | undefined): void {
  ending = goesOn;
}

/** Runs that have not ended, innermost first. */
export const openRuns = (): ActiveRun[] =>
  [...active].filter((run) => !run.record.state.isFinal()).toSorted((a, b) => b.depth - a.depth);

/** All engines with a run under way, or with something to send. */
export const activeEngines = (): Set<ActiveRun["engine"]> =>
  new Set([...sending, ...[...active].map(({ engine }) => engine)]);

const isWithin = (run: ActiveRun, root: ActiveRun): boolean => {
  for (let at: ActiveRun | undefined = run; at !== undefined; at = at.caller?.run) if (at === root) return true;
  return false;
};

/** What is final stays, and only the log shows that something came after it. */
function isTooLate({ record: { id, state }, engine }: ActiveRun, { message }: Interruption): boolean {
  if (!state.isFinal()) return false;
  engine.log.debug("a run had ended before it was interrupted", {
    run: id,
    state: state.name,
    interruption: redact(message),
  });
  return true;
}

/** Ends these runs from outside, one after the other, each with its hooks. */
async function interruptInTurn(runs: readonly ActiveRun[], interruption: Interruption): Promise<void> {
  // First all of them, so that none starts anything new while another one ends.
  for (const run of runs) run.interruption ??= interruption;
  for (const run of runs) {
    if (isTooLate(run, interruption)) continue;
    run.interrupt(interruption);
    await run.settled();
  }
}

/** Ends every run of the process, innermost first, and waits for the hooks also of those that had ended just before. */
export async function interruptAll(interruption: Interruption): Promise<void> {
  const ended = [...active].filter((run) => isTooLate(run, interruption));
  await interruptInTurn(openRuns(), interruption);
  await Promise.all(ended.map((run) => run.settled()));
}

/** Lets the next interruption of this run, and of all runs started inside it, be this one. */
export function markTree(root: ActiveRun, interruption: Interruption): void {
  for (const run of openRuns()) if (isWithin(run, root)) run.interruption ??= interruption;
}

/** Ends the run and all runs started inside it, innermost first. */
export function interruptTree(root: ActiveRun, interruption: Interruption): Promise<void> {
  isTooLate(root, interruption);
  return interruptInTurn(
    openRuns().filter((run) => isWithin(run, root)),
    interruption,
  );
}

/** Ends the runs started inside this one. */
export const interruptInside = (root: ActiveRun, interruption: Interruption): Promise<void> =>
  interruptInTurn(
    openRuns().filter((run) => run !== root && isWithin(run, root)),
    interruption,
  );
