import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { RetryProfileName } from "../../src/channel/channel.ts";
import { nextDelayMs, RETRY_PROFILES } from "../../src/channel/retry-profiles.ts";

const NAMES = Object.keys(RETRY_PROFILES) as RetryProfileName[];
const almostOne = () => 1 - Number.EPSILON;

describe("retry profiles", () => {
  it("stays between nothing and the cap, whatever chance and attempt", () => {
    fc.assert(
      fc.property(
        fc.constantFrom("chat", "page", "email", "sms"),
        fc.integer({ min: 1, max: 100 }),
        fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
        (name, attempt, chance) => {
          const profile = RETRY_PROFILES[name as RetryProfileName];
          const delay = nextDelayMs(profile, attempt, { random: () => chance });
          expect(Number.isInteger(delay)).toBe(true);
          expect(delay).toBeGreaterThanOrEqual(0);
          expect(delay).toBeLessThanOrEqual("capMs" in profile ? profile.capMs : 0);
        },
      ),
    );
  });

  it("never wakes before the server allows, and at most one second after both delays", () => {
    fc.assert(
      fc.property(
        fc.constantFrom(...NAMES),
        fc.integer({ min: 1, max: 12 }),
        fc.integer({ min: 0, max: 86_400_000 }),
        fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
        (name, attempt, afterMs, chance) => {
          const random = () => chance;
          const own = nextDelayMs(RETRY_PROFILES[name], attempt, { random });
          const delay = nextDelayMs(RETRY_PROFILES[name], attempt, { random, afterMs });
          expect(delay).toBeGreaterThanOrEqual(Math.max(afterMs, own));
          expect(delay).toBeLessThanOrEqual(Math.max(own + 1, afterMs) + 1_000);
        },
      ),
    );
  });

  it("doubles the interval with every attempt until the cap", () => {
    const upper = (attempt: number) => nextDelayMs(RETRY_PROFILES.chat, attempt, { random: almostOne });

    expect([1, 2, 3, 4].map(upper)).toEqual([3_999, 7_999, 15_999, 31_999]);
    expect(upper(20)).toBe(299_999);
  });

  it("follows the webhook schedule within a tenth, and repeats its last wait", () => {
    const at = (attempt: number, chance: number) =>
      nextDelayMs(RETRY_PROFILES.webhook, attempt, { random: () => chance });

    expect(at(1, 0.5)).toBe(5_000);
    expect(at(1, 0)).toBe(4_500);
    expect(at(2, almostOne())).toBe(329_999);
    expect(at(9, 0.5)).toBe(86_400_000);
    expect(at(40, 0.5)).toBe(86_400_000);
  });

  it("leaves room for the last attempt of the webhook schedule within its age limit", () => {
    const { maxAttempts, maxAgeMs } = RETRY_PROFILES.webhook;
    const waits = Array.from({ length: maxAttempts - 1 }, (_, index) =>
      nextDelayMs(RETRY_PROFILES.webhook, index + 1, { random: almostOne }),
    );

    expect(waits.reduce((sum, wait) => sum + wait, 0)).toBeLessThan(maxAgeMs);
  });
});
