import { messageOf } from "../base/errors.ts";
import { redact } from "../base/redactor.ts";
import { addDetails, markStored } from "../states/state.ts";
import type { ActiveRun } from "./active-run.ts";
import type { Ended } from "./definition.ts";

/** Says in the final state where its result is kept; a task's transaction writes it when it commits. */
export function markKept(run: ActiveRun, { state }: Ended): void {
  const { results } = run;
  if (results === null || !state.isCompleted()) return;
  run.kept ??= results.record(state.peek());
  markStored(state, results.metadata(run.kept));
  if (results.key === null) return;
  const { expiresAtMs } = run.kept;
  const cacheExpiration = expiresAtMs === null ? null : new Date(expiresAtMs);
  addDetails(state, { cacheKey: results.key, cacheExpiration, refreshCache: results.refresh });
}

/** Keeps what a flow run gave. A value that cannot be kept stays in memory, and the log says so. */
export async function keepFlowResult(run: ActiveRun, ended: Ended): Promise<void> {
  const { results } = run;
  if (results === null || !ended.state.isCompleted()) return;
  const record = results.record(ended.state.peek());
  try {
    await results.store.write(results.storageKey, record);
  } catch (error) {
    run.engine.log.error("the result could not be kept", { run: run.record.id, error: redact(messageOf(error)) });
    return;
  }
  run.kept = record;
  markKept(run, ended);
}

/** Keeps what a run threw, or the data of a failure made by hand, under an id of its own, so that no lookup finds it. */
export async function keepError(run: ActiveRun, { state, thrown }: Ended): Promise<void> {
  if (run.results === null || !state.isFailed()) return;
  const value = thrown === null ? state.peek() : thrown.error;
  if (value === undefined && thrown === null) return;
  const results = run.results.anew();
  const record = results.record(value);
  try {
    await results.store.write(results.storageKey, record);
    markStored(state, results.metadata(record));
  } catch (error) {
    run.engine.log.warn("the error could not be kept", { run: run.record.id, error: redact(messageOf(error)) });
  }
}
