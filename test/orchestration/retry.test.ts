import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { isRetryDecision, jittered, retryDelaySeconds } from "../../src/orchestration/retry.ts";
import { AwaitingRetry, Pending, Retrying, Running } from "../../src/states/constructors.ts";

const never = (): number => {
  throw new Error("no random number is needed");
};

describe("the delay before a retry", () => {
  it("takes the entries of a list in turn and repeats the last one", () => {
    const timing = { delaysSeconds: [1, 0.25, 4], jitterFactor: null };

    expect([1, 2, 3, 4, 9].map((retry) => retryDelaySeconds(timing, retry, never))).toEqual([1, 0.25, 4, 4, 4]);
  });

  it("is none without a list", () => {
    expect(retryDelaySeconds({ delaysSeconds: [], jitterFactor: 0.5 }, 1, never)).toBe(0);
  });

  it("stays none with jitter", () => {
    expect(jittered(0, 2, never)).toBe(0);
  });

  it("with jitter stays between its bounds for every draw", () => {
    const numbers = fc.record({
      base: fc.double({ min: 0.001, max: 10_000, noNaN: true }),
      factor: fc.double({ min: 0, max: 100, noNaN: true }),
      draw: fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
    });
    fc.assert(
      fc.property(numbers, ({ base, factor, draw }) => {
        const delay = jittered(base, factor, () => draw);

        expect(delay).toBeGreaterThanOrEqual(0);
        expect(delay).toBeLessThanOrEqual(base * (1 + factor));
      }),
    );
  });

  it("is the base itself with a jitter of zero", () => {
    for (const draw of [0, 0.5, 0.999]) expect(jittered(3, 0, () => draw)).toBe(3);
  });

  it("with jitter keeps its mean near the base", () => {
    const draws = Array.from({ length: 10_000 }, (_, index) => (index + 0.5) / 10_000);

    const mean = draws.reduce((sum, draw) => sum + jittered(10, 1, () => draw), 0) / draws.length;

    expect(mean).toBeGreaterThan(9);
    expect(mean).toBeLessThan(11);
  });
});

describe("a retry decision", () => {
  it("is AwaitingRetry, or Retrying straight from running, and nothing else", () => {
    expect(isRetryDecision(Running(), AwaitingRetry())).toBe(true);
    expect(isRetryDecision(Running(), Retrying())).toBe(true);
    expect(isRetryDecision(AwaitingRetry(), Retrying())).toBe(false);
    expect(isRetryDecision(Pending(), Running())).toBe(false);
  });
});
