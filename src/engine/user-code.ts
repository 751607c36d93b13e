import type { ActiveRun } from "./active-run.ts";
import { endInterrupted } from "./end.ts";

/**
 * Waits for code that belongs to the run and is not its body, such as a state handler. When the run is interrupted
 * first, it ends, and what the code gives is ignored.
 *
 * @throws what the code throws, or what interrupted the run
 */
export async function waitForCode<T>(run: ActiveRun, pending: PromiseLike<T>): Promise<T> {
  const { signal } = run;
  const interrupted = Promise.withResolvers<never>();
  const onAbort = (): void => interrupted.reject(signal.reason);
  signal.addEventListener("abort", onAbort, { once: true });
  if (signal.aborted) onAbort();
  try {
    return await Promise.race([pending, interrupted.promise]);
  } catch (error) {
    if (run.interruption !== null) return await endInterrupted(run);
    throw error;
  } finally {
    signal.removeEventListener("abort", onAbort);
  }
}
