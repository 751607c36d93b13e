import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { RetryProfileName } from "../../src/channel/channel.ts";
import type { Outcome } from "../../src/channel/outcome.ts";
import { RETRY_PROFILES } from "../../src/channel/retry-profiles.ts";
import { type Attempt, canMove } from "../../src/delivery/delivery.ts";
import { decide, needsHistory } from "../../src/delivery/retry-policy.ts";
import { rateLimited, SERVER_ERROR } from "./rig.ts";

const NOW_MS = 1_767_225_600_000;

const input = (outcome: Outcome, fields: Partial<Parameters<typeof decide>[0]> = {}) => ({
  delivery: { attempts: 0, createdAtMs: NOW_MS, expiresAtMs: null, uncertain: false },
  outcome,
  profile: "chat" as const,
  history: [],
  startedAtMs: NOW_MS,
  nowMs: NOW_MS,
  random: () => 0.5,
  ...fields,
});

describe("decide", () => {
  it("pauses the destination exactly as long as the provider asks, and wakes its deliveries a little later", () => {
    expect(decide(input(rateLimited(30_000)))).toMatchObject({
      to: "queued",
      pauseUntilMs: NOW_MS + 30_000,
      nextAttemptAtMs: NOW_MS + 30_500,
    });
  });

  it("leaves a provider alone for five seconds when it limits without saying for how long", () => {
    const decision = decide(
      input({ kind: "retry", reason: "rate-limited", detail: "429", ambiguous: false }, { random: () => 0 }),
    );

    expect(decision).toMatchObject({ to: "queued", pauseUntilMs: NOW_MS + 5_000, nextAttemptAtMs: NOW_MS + 5_000 });
  });

  it("takes a wait of more than an hour for a used-up quota, and waits a day at most", () => {
    expect(decide(input(rateLimited(2 * 3_600_000)))).toMatchObject({
      to: "queued",
      reason: "quota",
      pauseUntilMs: NOW_MS + 2 * 3_600_000,
    });
    expect(decide(input(rateLimited(1e12)))).toMatchObject({
      to: "queued",
      reason: "quota",
      pauseUntilMs: NOW_MS + 24 * 3_600_000,
    });
  });

  it("does not pause a destination that merely failed", () => {
    expect(decide(input(SERVER_ERROR))).toMatchObject({ to: "queued", pauseUntilMs: null });
  });

  it("keeps what the provider said about a delivery that arrived", () => {
    expect(decide(input({ kind: "delivered", providerId: "ts-1" }))).toMatchObject({
      to: "delivered",
      providerId: "ts-1",
      reason: null,
      detail: null,
    });
  });

  it("continues at once in the next process when this one ends", () => {
    const cancelled: Outcome = { kind: "retry", reason: "cancelled", detail: "ending", ambiguous: true };

    expect(decide(input(cancelled, { profile: "sms" }))).toMatchObject({
      to: "queued",
      nextAttemptAtMs: NOW_MS,
      uncertain: true,
    });
  });

  it("always makes a move that a delivery may make, within the bounds of its profile", () => {
    const outcomes = fc.oneof(
      fc.constant<Outcome>({ kind: "delivered" }),
      fc.constant<Outcome>({ kind: "permanent", reason: "gone", detail: "" }),
      fc.record({
        kind: fc.constant("retry" as const),
        reason: fc.constantFrom("server", "timeout", "rate-limited", "dns", "cancelled"),
        detail: fc.constant(""),
        ambiguous: fc.boolean(),
        afterMs: fc.integer({ min: 0, max: 1e9 }),
      }) as fc.Arbitrary<Outcome>,
      fc.constant(SERVER_ERROR),
    );
    const profiles = fc.constantFrom<RetryProfileName>("chat", "page", "email", "sms", "webhook");
    fc.assert(
      fc.property(
        outcomes,
        profiles,
        fc.nat(30),
        fc.nat(1e9),
        fc.boolean(),
        fc.double({ min: 0, max: 0.999, noNaN: true }),
        (outcome, profile, attempts, ageMs, uncertain, luck) => {
          const delivery = { attempts, createdAtMs: NOW_MS - ageMs, expiresAtMs: null, uncertain };
          const decision = decide(input(outcome, { profile, delivery, random: () => luck }));

          expect(canMove("sending", decision.to)).toBe(true);
          expect(decision.nextAttemptAtMs).toBeGreaterThanOrEqual(NOW_MS);
          expect(decision.nextAttemptAtMs).toBeLessThanOrEqual(NOW_MS + 27 * 3_600_000);
          expect(decision.uncertain || !uncertain).toBe(true);
          const isRetried = decision.to === "queued" && outcome.kind === "retry" && outcome.reason !== "cancelled";
          expect(!isRetried || attempts + 1 < RETRY_PROFILES[profile].maxAttempts).toBe(true);
        },
      ),
    );
  });
});

describe("needsHistory", () => {
  const facts = (outcome: Outcome, attempts: number, ageMs = 0) =>
    input(outcome, { delivery: { attempts, createdAtMs: NOW_MS - ageMs, expiresAtMs: null, uncertain: false } });

  it("asks for nothing on the common paths", () => {
    expect(needsHistory(facts({ kind: "delivered" }, 3))).toBe(false);
    expect(needsHistory(facts(SERVER_ERROR, 0, 1e9))).toBe(false);
    expect(needsHistory(facts(SERVER_ERROR, 3))).toBe(false);
  });

  it("asks where earlier attempts decide", () => {
    expect(needsHistory(facts({ kind: "retry", reason: "dns", detail: "", ambiguous: false, maxAttempts: 3 }, 1))).toBe(
      true,
    );
    expect(needsHistory(facts(SERVER_ERROR, 1, 3_000_000))).toBe(true);
  });

  it("lets a replayed delivery start its age anew", () => {
    const attempt = (startedAtMs: number): Attempt => ({
      deliveryId: "d",
      number: 1,
      startedAtMs,
      durationMs: 1,
      outcome: SERVER_ERROR,
      status: 500,
    });
    const delivery = { attempts: 1, createdAtMs: NOW_MS - 1e9, expiresAtMs: null, uncertain: false };

    expect(decide(input(SERVER_ERROR, { delivery, history: [attempt(NOW_MS - 1_000)] }))).toMatchObject({
      to: "queued",
    });
    expect(decide(input(SERVER_ERROR, { delivery, history: [attempt(NOW_MS - 1e9)] }))).toMatchObject({
      to: "dead",
      reason: "expired",
    });
  });
});
