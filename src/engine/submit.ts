import { type Clock, systemClock } from "../base/clock.ts";
import { newId } from "../base/ids.ts";
import type { RunRecord } from "../runs/flow-run.ts";
import { Pending } from "../states/constructors.ts";
import { checkBoundary, currentFrame } from "./active-run.ts";
import type { Ended } from "./definition.ts";
import type { EngineContext } from "./engine-context.ts";
import { Future } from "./future.ts";
import { type FutureList, futureList } from "./future-list.ts";
import { expandMap, type Mapping } from "./map.ts";

/** What a submitted run is told when it starts. */
export interface Started {
  readonly engine: EngineContext;
  readonly id: string;
  /** Gets the record as soon as there is one. */
  readonly onRecord: (record: RunRecord) => void;
}

export interface Submission {
  readonly kind: "task" | "flow";
  /** Of the object; the run's own name is not known before it starts. */
  readonly name: string;
  /** Opens the hub; asked only outside of any run. */
  readonly open: () => Promise<EngineContext>;
  readonly start: (started: Started) => Promise<Ended>;
}

/**
 * Starts a run and gives its future at once. The flow run around it does not end before it.
 *
 * @throws run_over, or what interrupted the runs around
 */
export function submit({ kind, name, open, start }: Submission): Future {
  const frame = currentFrame();
  if (frame !== undefined) checkBoundary(frame);
  const around = frame?.run;
  const id = newId();
  let record: RunRecord | null = null;
  const pending = Pending();
  const onRecord = (made: RunRecord): void => void (record = made);
  const begin = async (): Promise<Ended> => start({ engine: around?.engine ?? (await open()), id, onRecord });
  const ended = begin();
  around?.flow?.inside.opened(ended);
  const clock: Clock = around?.engine.clock ?? systemClock;
  const stateNow = () => record?.state ?? pending;
  const trackingTaskRunId = (): string | null => (record?.kind === "flow-run" ? record.parentTaskRunId : null);
  return new Future({ id, kind, name: () => record?.name ?? name, trackingTaskRunId, ended, stateNow, clock });
}

/**
 * Starts one run for each item of the lists among the arguments.
 *
 * @throws as {@link submit}, and for arguments that cannot be taken apart
 */
export function mapRuns(
  args: readonly unknown[],
  {
    skips,
    one,
  }: { readonly skips: boolean; readonly one: (args: readonly unknown[], sources: readonly unknown[]) => Future },
): FutureList | Promise<FutureList> {
  const frame = currentFrame();
  if (frame !== undefined) checkBoundary(frame);
  const around = frame?.run;
  const signal = around === undefined ? {} : { signal: () => around.signal };
  const mapping = expandMap(args, { allowSkip: skips, ...signal });
  const list = ({ calls, sources }: Mapping): FutureList => futureList(calls.map((call) => one(call, sources)));
  return mapping instanceof Promise ? mapping.then(list) : list(mapping);
}

/** How a submitted run differs from a called one. */
export interface SubmittedCall {
  readonly id?: string;
  readonly onRecord?: (record: RunRecord) => void;
  readonly isSubmitted?: boolean;
  /** What `map` took the arguments from. */
  readonly sources?: readonly unknown[];
}
