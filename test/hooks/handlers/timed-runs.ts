import { ManualClock } from "../../support/manual-clock.ts";
import { openRuns } from "../../support/runs.ts";

/** Turns of the event loop given to the store before time goes on. */
const TURNS = 20;

/** A hub with a clock of its own, on which runs go to their end however long they wait. */
export async function openTimedRuns() {
  const clock = new ManualClock();
  const test = await openRuns({}, { clock, random: () => 0.5 });
  /** Runs to the end; time goes from timer to timer. */
  const done = async <T>(fn: () => Promise<T>): Promise<T> => {
    let isDone = false;
    const promise = test.within(fn);
    const over = (): void => void (isDone = true);
    promise.then(over, over);
    for (;;) {
      await clock.settle(TURNS);
      if (isDone) return promise;
      const waitMs = clock.nextDueMs;
      if (waitMs !== null) await clock.advance(waitMs);
    }
  };
  return { ...test, clock, done };
}

export type TimedRuns = Awaited<ReturnType<typeof openTimedRuns>>;

export const boom = (): never => {
  throw new Error("oops!");
};
