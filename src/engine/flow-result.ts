import type { ActiveRun } from "./active-run.ts";
import type { Ended } from "./definition.ts";

export const keepFlowResult = async (_run: ActiveRun, _ended: Ended): Promise<void> => undefined;
