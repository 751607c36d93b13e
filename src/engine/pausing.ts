import type { State } from "../states/state.ts";
import type { ActiveRun } from "./active-run.ts";

/** Waits while the flow run around a task run is paused; undefined when it is not. */
export const whileFlowPauses = (_run: ActiveRun): Promise<void> | undefined => undefined;
/** Waits until the task run, which paused itself and its flow run, is resumed. */
export const pauseTaskRun = async (_run: ActiveRun, _paused: State): Promise<void> => undefined;
/** Waits until the flow run is resumed. */
export const pauseUntilResumed = async (_run: ActiveRun, _paused: State): Promise<void> => undefined;
