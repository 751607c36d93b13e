import { LONGEST_OPENING_MS, openUntilMs } from "./breaker.ts";
import type { DestinationHealth } from "./delivery.ts";

/** How often a disabled destination is tried, with one delivery. */
export const TEST_EVERY_MS = LONGEST_OPENING_MS;

/**
 * What may be sent to a destination: everything, one delivery as a test, nothing before an instant, or nothing at all
 * because it is disabled.
 */
export type Gate =
  | { readonly kind: "all" | "one" }
  | { readonly kind: "wait"; readonly untilMs: number }
  | { readonly kind: "none"; readonly why: string };

export const ALL: Gate = { kind: "all" };

export function gateOf(health: DestinationHealth | null, nowMs: number): Gate {
  if (health === null) return ALL;
  const untilMs = openUntilMs(health, nowMs);
  if (untilMs !== null) return { kind: "wait", untilMs };
  const { disabledReason, breaker, probeAtMs } = health;
  if (disabledReason === null) return breaker === "closed" ? ALL : { kind: "one" };
  const leftMs = (probeAtMs ?? 0) - nowMs;
  return leftMs > 0 && leftMs <= TEST_EVERY_MS ? { kind: "none", why: disabledReason } : { kind: "one" };
}

/** The health of a destination whose block was saved anew since it was disabled: it is used again. */
export function withRevision(health: DestinationHealth | null, revision: number | null): DestinationHealth | null {
  if (health === null || health.disabledReason === null || revision === null) return health;
  const { memory } = health;
  if (memory.disabledRevision === null || memory.disabledRevision === revision) return health;
  return usedAgain(health);
}

/** The health of a disabled destination that a person wants to be used again. */
export const usedAgain = (health: DestinationHealth): DestinationHealth => ({
  ...health,
  probeAtMs: null,
  consecutiveRefusals: 0,
  disabledReason: null,
  memory: { ...health.memory, disabledRevision: null, lastRefusedId: null },
});
