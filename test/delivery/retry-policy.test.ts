import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { RetryProfileName } from "../../src/channel/channel.ts";
import type { Outcome } from "../../src/channel/outcome.ts";
import { RETRY_PROFILES } from "../../src/channel/retry-profiles.ts";
import { type Attempt, canMove } from "../../src/delivery/delivery.ts";
import { decide, needsHistory } from "../../src/delivery/retry-policy.ts";
import { rateLimited, SERVER_ERROR } from "./rig.ts";

const NOW_MS = 1_767_225_600_000;

type Facts = Parameters<typeof decide>[0]["delivery"];
const aDelivery = (fields: Partial<Facts> = {}): Facts => ({
  attempts: 0,
  createdAtMs: NOW_MS,
  expiresAtMs: null,
  uncertain: false,
  providerId: null,
  payload: { title: "t", body: "b" },
  ...fields,
});

const input = (outcome: Outcome, fields: Partial<Parameters<typeof decide>[0]> = {}) => ({
  delivery: aDelivery(),
  outcome,
  profile: "chat" as const,
  history: [],
  startedAtMs: NOW_MS,
  nowMs: NOW_MS,
  random: () => 0.5,
  ...fields,
});

const IN_PART: Outcome = { kind: "delivered", providerId: "p-1", remaining: { targets: ["b"], afterMs: 60_000 } };
const GREYLISTED: Outcome = { kind: "retry", reason: "server", detail: "450", ambiguous: false, afterMs: 60_000 };

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

    expect(decide(input(cancelled))).toMatchObject({
      to: "queued",
      nextAttemptAtMs: NOW_MS,
      uncertain: true,
    });
  });

  it("queues what some targets refused for now, for those alone, without pausing the destination", () => {
    expect(decide(input(IN_PART, { profile: "email" }))).toEqual({
      to: "queued",
      reason: "partial",
      detail: "1 recipient was refused for now; the others have it",
      nextAttemptAtMs: NOW_MS + 60_500,
      pauseUntilMs: null,
      providerId: "p-1",
      uncertain: false,
      payload: { title: "t", body: "b", only: ["b"] },
    });
  });

  it("takes an empty rest for none", () => {
    const outcome: Outcome = { kind: "delivered", remaining: { targets: [], afterMs: 60_000 } };

    expect(decide(input(outcome))).toMatchObject({ to: "delivered", reason: null });
  });

  describe("about a delivery that has reached some of its targets", () => {
    const delivery = aDelivery({ attempts: 1, providerId: "p-1", payload: { body: "b", only: ["b", "c"] } });
    const about = (outcome: Outcome, fields: Partial<Parameters<typeof decide>[0]> = {}) =>
      decide(input(outcome, { profile: "email", delivery, ...fields }));

    it("pauses the destination only if the provider limits its rate", () => {
      expect(about(GREYLISTED)).toMatchObject({
        to: "queued",
        reason: "server",
        pauseUntilMs: null,
        providerId: "p-1",
      });
      expect(about(rateLimited(5_000))).toMatchObject({ to: "queued", pauseUntilMs: NOW_MS + 5_000 });
    });

    it("narrows to what is left, and keeps the rest as it is where nothing changed", () => {
      expect(about(IN_PART).payload).toEqual({ body: "b", only: ["b"] });
      expect(about(GREYLISTED)).not.toHaveProperty("payload");
    });

    it("is delivered once the last are refused for good, and says so", () => {
      const outcome: Outcome = { kind: "permanent", reason: "partial", detail: "b was refused: 550" };

      expect(about(outcome)).toMatchObject({ to: "delivered", reason: "partial", detail: "b was refused: 550" });
    });

    it.each<{ why: string; outcome: Outcome; fields: Partial<Parameters<typeof decide>[0]> }>([
      {
        why: "attempts-exhausted",
        outcome: GREYLISTED,
        fields: { delivery: { ...delivery, attempts: RETRY_PROFILES.email.maxAttempts - 1 } },
      },
      {
        why: "expired",
        outcome: GREYLISTED,
        fields: { delivery: { ...delivery, createdAtMs: NOW_MS - RETRY_PROFILES.email.maxAgeMs } },
      },
      { why: "expired", outcome: GREYLISTED, fields: { delivery: { ...delivery, expiresAtMs: NOW_MS + 60_000 } } },
      { why: "auth", outcome: { kind: "permanent", reason: "auth", detail: "535" }, fields: {} },
    ])("gives up as partial, and counts who was not reached ($why)", ({ why, outcome, fields }) => {
      const decision = about(outcome, fields);

      expect(decision).toMatchObject({ to: "dead", reason: "partial" });
      expect(decision.detail).toContain(`2 recipients not reached (${why}): `);
    });
  });

  it("always makes a move that a delivery may make, within the bounds of its profile", () => {
    const outcomes = fc.oneof(
      fc.constant<Outcome>({ kind: "delivered" }),
      fc.constant<Outcome>(IN_PART),
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
          const delivery = aDelivery({ attempts, createdAtMs: NOW_MS - ageMs, uncertain });
          const decision = decide(input(outcome, { profile, delivery, random: () => luck }));

          expect(canMove("settle", "sending", decision.to)).toBe(true);
          expect(decision.nextAttemptAtMs).toBeGreaterThanOrEqual(NOW_MS);
          expect(decision.nextAttemptAtMs).toBeLessThanOrEqual(NOW_MS + 27 * 3_600_000);
          expect(decision.uncertain || !uncertain).toBe(true);
          const isRetried = decision.to === "queued" && !(outcome.kind === "retry" && outcome.reason === "cancelled");
          expect(!isRetried || attempts + 1 < RETRY_PROFILES[profile].maxAttempts).toBe(true);
        },
      ),
    );
  });
});

describe("needsHistory", () => {
  const facts = (outcome: Outcome, attempts: number, ageMs = 0) =>
    input(outcome, { delivery: aDelivery({ attempts, createdAtMs: NOW_MS - ageMs }) });

  it("asks for nothing on the common paths", () => {
    expect(needsHistory(facts({ kind: "delivered" }, 3))).toBe(false);
    expect(needsHistory(facts({ kind: "delivered" }, 3, 1e9))).toBe(false);
    expect(needsHistory(facts(SERVER_ERROR, 0, 1e9))).toBe(false);
    expect(needsHistory(facts(SERVER_ERROR, 3))).toBe(false);
  });

  it("asks where earlier attempts decide", () => {
    expect(needsHistory(facts({ kind: "retry", reason: "dns", detail: "", ambiguous: false, maxAttempts: 3 }, 1))).toBe(
      true,
    );
    expect(needsHistory(facts(SERVER_ERROR, 1, 3_000_000))).toBe(true);
    expect(needsHistory(facts(IN_PART, 1, 3_000_000))).toBe(true);
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
    const delivery = aDelivery({ attempts: 1, createdAtMs: NOW_MS - 1e9 });

    expect(decide(input(SERVER_ERROR, { delivery, history: [attempt(NOW_MS - 1_000)] }))).toMatchObject({
      to: "queued",
    });
    expect(decide(input(SERVER_ERROR, { delivery, history: [attempt(NOW_MS - 1e9)] }))).toMatchObject({
      to: "dead",
      reason: "expired",
    });
  });
});
