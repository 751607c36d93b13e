import type { RateLimit } from "../channel/channel.ts";

/** What a destination may be sent now, in this process. Unit: messages. Time is monotonic milliseconds. */
export interface TokenBucket {
  /** Whole messages that may go now. */
  available(nowMs: number): number;
  take(nowMs: number): void;
  /** Milliseconds until one may go; 0 when one may go now. */
  waitMs(nowMs: number): number;
}

/** A bucket that starts full: `capacity` at once, then `refillPerSecond`. */
export function createTokenBucket({ capacity, refillPerSecond }: RateLimit): TokenBucket {
  // Below one, nothing would ever be let through.
  const size = Math.max(1, capacity);
  let tokens = size;
  let countedAtMs: number | undefined;

  const refill = (nowMs: number): void => {
    if (countedAtMs !== undefined)
      tokens = Math.min(size, tokens + (Math.max(0, nowMs - countedAtMs) * refillPerSecond) / 1_000);
    countedAtMs = nowMs;
  };

  return {
    available(nowMs) {
      refill(nowMs);
      // Sums of fractions may end a hair below the whole number that they stand for.
      return Math.floor(tokens + 1e-9);
    },
    take(nowMs) {
      refill(nowMs);
      tokens -= 1;
    },
    waitMs(nowMs) {
      refill(nowMs);
      return tokens >= 1 - 1e-9 ? 0 : Math.ceil(((1 - tokens) * 1_000) / refillPerSecond);
    },
  };
}
