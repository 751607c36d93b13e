import { isKillPoint, type KillPoint } from "../base/kill-points.ts";

/** `<point>#<hit>`: where a process that takes part in `bellhop prove` ends itself. */
export const KILL_AT_VARIABLE = "BELLHOP_PROVE_KILL_AT";

/** What such a process is to do, as JSON. */
export const WORKER_VARIABLE = "BELLHOP_PROVE_WORKER";

export interface KillAt {
  readonly point: KillPoint;
  readonly hit: number;
}

/** Null when there is none, or none that can be read. Only processes started by `bellhop prove` ask. */
export function readKillAt(env: NodeJS.ProcessEnv): KillAt | null {
  const [point = "", hit = "1"] = (env[KILL_AT_VARIABLE] ?? "").split("#");
  const count = Number(hit);
  return isKillPoint(point) && Number.isInteger(count) && count > 0 ? { point, hit: count } : null;
}

/** Undefined in a process that a person started. */
export const readWorkerPlan = (env: NodeJS.ProcessEnv): string | undefined => env[WORKER_VARIABLE];
