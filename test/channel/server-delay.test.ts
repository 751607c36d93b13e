import { describe, expect, it } from "vitest";
import type { Outcome } from "../../src/channel/outcome.ts";
import { parseRetryAfter, withServerDelay } from "../../src/channel/server-delay.ts";

const NOW = Date.UTC(2026, 0, 1);
const RETRY: Outcome = { kind: "retry", reason: "rate-limited", detail: "HTTP 429", ambiguous: false };
const delayed = (status: number, retryAfter?: string, outcome: Outcome = RETRY) =>
  withServerDelay(outcome, { status, headers: retryAfter === undefined ? {} : { "retry-after": retryAfter } }, NOW);

describe("server delay", () => {
  it.each([
    { value: "30", ms: 30_000 },
    { value: " 30 ", ms: 30_000 },
    { value: "1.337", ms: 1_337 },
    { value: "0", ms: 0 },
    { value: "-5", ms: 0 },
    { value: "Thu, 01 Jan 2026 00:00:10 GMT", ms: 10_000 },
    { value: "Wed, 31 Dec 2025 23:00:00 GMT", ms: 0 },
    { value: "soon", ms: undefined },
    { value: "", ms: undefined },
    { value: "2026-01-01", ms: undefined },
    { value: "Infinity", ms: undefined },
  ])("reads Retry-After $value", ({ value, ms }) => {
    expect(parseRetryAfter(value, NOW)).toBe(ms);
  });

  it("honours the server's delay up to one hour exactly", () => {
    expect(delayed(429, "3600")).toMatchObject({ reason: "rate-limited", afterMs: 3_600_000 });
    expect(delayed(503, "120")).toMatchObject({ afterMs: 120_000 });
  });

  it("waits at least 5 s after a 429 that does not say how long", () => {
    expect(delayed(429)).toMatchObject({ afterMs: 5_000 });
    expect(delayed(429, "nonsense")).toMatchObject({ afterMs: 5_000 });
    expect(delayed(503)).not.toHaveProperty("afterMs");
  });

  it("takes a longer wait for a quota, at most one day", () => {
    expect(delayed(429, "3601")).toMatchObject({ reason: "quota", afterMs: 3_601_000 });
    expect(delayed(429, "999999999")).toMatchObject({ reason: "quota", afterMs: 86_400_000 });
  });

  it("keeps the delay that the channel read itself, and touches no other outcome", () => {
    expect(delayed(429, "30", { ...RETRY, afterMs: 7 })).toMatchObject({ afterMs: 7 });
    expect(delayed(200, "30", { kind: "delivered" })).toEqual({ kind: "delivered" });
  });
});
