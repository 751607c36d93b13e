import type { Random } from "../base/random.ts";
import { CodedTypeError } from "../states/coded-type-error.ts";
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

/**
 * Delays that double: `factor`, `2·factor`, `4·factor`, … seconds, one for each retry, at most 50.
 *
 * @param factor Seconds before the first retry.
 * @returns A value for `retryDelaySeconds`.
 * @throws invalid_definition
 * @example task({ retries: 4, retryDelaySeconds: exponentialBackoff(10) }, load) // 10, 20, 40, 80 seconds
 * @see Prefect 3, prefect.tasks.exponential_backoff
 */
export function exponentialBackoff(factor: number): (retries: number) => number[] {
  if (!(Number.isFinite(factor) && factor >= 0)) {
    throw new CodedTypeError("invalid_definition", {
      option: "exponentialBackoff",
      problem: "the factor must be 0 or more",
    });
  }
  return (retries) => Array.from({ length: Math.min(retries, MAX_RETRY_DELAYS) }, (_, index) => factor * 2 ** index);
}
