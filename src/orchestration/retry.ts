import type { Random } from "../base/random.ts";
import type { State } from "../states/state.ts";

/** More entries than this in a list of delays are refused. Source: Prefect 3, TaskRunPolicy. */
export const MAX_RETRY_DELAYS = 50;

/** When each retry starts: seconds after the failure before it; the last entry repeats, an empty list means at once. */
export interface RetryTiming {
  readonly delaysSeconds: readonly number[];
  /** Null: no jitter. */
  readonly jitterFactor: number | null;
}

/**
 * Seconds to wait before retry number `retry`.
 *
 * @param retry 1 for the first.
 */
export function retryDelaySeconds(timing: RetryTiming, retry: number, random: Random): number {
  const { delaysSeconds, jitterFactor } = timing;
  const base = delaysSeconds[Math.min(retry, delaysSeconds.length) - 1] ?? 0;
  return jitterFactor === null ? base : jittered(base, jitterFactor, random);
}

/** From here on the lower bound is 0 in floating point. */
const NO_LOWER_BOUND = 50;

/**
 * Draws from an exponential distribution with mean `base`, clamped to `[base·c, base·(1 + factor)]`; `c` keeps the mean
 * near `base`.
 *
 * @see Prefect 3, utilities/math.py, clamped_poisson_interval
 */
export function jittered(base: number, factor: number, random: Random): number {
  if (base <= 0) return 0;
  const multiple = 1 + factor;
  const power = 2 ** multiple;
  const lowest = multiple >= NO_LOWER_BOUND ? 0 : Math.max(0, Math.log2(power / (power - 1)));
  const drawn = -Math.log(1 - random()) * base;
  return Math.min(Math.max(drawn, base * lowest), base * multiple);
}

/** True for the state with which a retry was decided: AwaitingRetry, or Retrying where there is no delay. */
export const isRetryDecision = (from: State | null, to: State): boolean =>
  to.isRetrying() || (from?.type === "RUNNING" && to.type === "RUNNING" && to.name === "Retrying");
