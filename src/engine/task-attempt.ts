import type { ActiveRun } from "./active-run.ts";
import { attempt } from "./attempt.ts";
import type { AnyTask } from "./definition.ts";
import type { Attempted } from "./drive.ts";

export const attemptTask = (run: ActiveRun, _task: AnyTask): Promise<Attempted> => attempt(run);
