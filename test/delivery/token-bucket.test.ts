import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createTokenBucket } from "../../src/delivery/token-bucket.ts";

describe("token bucket", () => {
  it("never lets more through than capacity plus refill, however the calls are spread", () => {
    const rates = fc.record({
      capacity: fc.integer({ min: 1, max: 20 }),
      refillPerSecond: fc.double({ min: 0.01, max: 50, noNaN: true }),
    });
    fc.assert(
      fc.property(rates, fc.array(fc.integer({ min: 0, max: 2_000 }), { maxLength: 100 }), (rate, gaps) => {
        const bucket = createTokenBucket(rate);
        let nowMs = 0;
        let taken = 0;
        for (const gap of gaps) {
          nowMs += gap;
          if (bucket.available(nowMs) > 0) {
            bucket.take(nowMs);
            taken += 1;
          }
        }
        expect(taken).toBeLessThanOrEqual(rate.capacity + (nowMs / 1_000) * rate.refillPerSecond + 1e-6);
      }),
    );
  });

  it("has a message free after the wait it names, and not a millisecond before", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 5 }), fc.integer({ min: 1, max: 100 }), (capacity, refillPerSecond) => {
        const bucket = createTokenBucket({ capacity, refillPerSecond });
        for (let n = 0; n < capacity; n += 1) bucket.take(0);
        const waitMs = bucket.waitMs(0);

        expect(bucket.available(waitMs - 1)).toBe(0);
        expect(bucket.available(waitMs)).toBe(1);
      }),
    );
  });
});
