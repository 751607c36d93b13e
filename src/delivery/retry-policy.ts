import type { Random } from "../base/random.ts";
import type { OnAmbiguous, RetryProfileName } from "../channel/channel.ts";
import type { Outcome } from "../channel/outcome.ts";
import { nextDelayMs, RETRY_PROFILES } from "../channel/retry-profiles.ts";
import type { Attempt, Delivery, Settlement } from "./delivery.ts";
import { asFailure, type Failure, givenUp, refusedNow } from "./partial.ts";
import { type Degrade, degradedTo, narrowedTo, targetsLeft } from "./payload.ts";

type RetryOutcome = Extract<Failure, { kind: "retry" }>;

const SECOND_MS = 1_000;
const HOUR_MS = 3_600_000;

/** A provider that limits us without saying for how long is left alone for at least this. */
const RATE_LIMIT_FLOOR_MS = 5 * SECOND_MS;

/** Waits up to this are an ordinary rate limit; a longer one means that a quota is used up. */
const LONGEST_RATE_LIMIT_MS = HOUR_MS;
const LONGEST_QUOTA_MS = 24 * HOUR_MS;

export interface Decision extends Omit<Settlement, "attempt"> {
  /** The whole destination waits until then; null when it need not. */
  readonly pauseUntilMs: number | null;
}

export interface DecisionInput {
  readonly delivery: Pick<
    Delivery,
    "attempts" | "createdAtMs" | "expiresAtMs" | "uncertain" | "providerId" | "payload"
  >;
  readonly outcome: Outcome;
  readonly profile: RetryProfileName;
  /** Default: {@link ambiguityRule} of the profile. */
  readonly onAmbiguous?: OnAmbiguous | undefined;
  /** It was sent plainer or shorter than it was made; further attempts begin so. */
  readonly degraded?: Degrade | undefined;
  /** Earlier attempts since the delivery was queued or replayed, oldest first. Asked for by {@link needsHistory}. */
  readonly history: readonly Attempt[];
  /** When the attempt began. */
  readonly startedAtMs: number;
  readonly nowMs: number;
  readonly random: Random;
}

/**
 * Whether the earlier attempts can change the decision. They are rarely needed, and reading them costs a query for
 * each failed attempt.
 */
export function needsHistory({
  delivery,
  outcome,
  profile,
  nowMs,
}: Omit<DecisionInput, "history" | "random">): boolean {
  const failure = asFailure(outcome);
  if (failure?.kind !== "retry" || delivery.attempts === 0) return false;
  const { maxAgeMs } = RETRY_PROFILES[profile];
  // Half of the age: the next delay is not known yet, and no delay of a profile is longer than that.
  return failure.maxAttempts !== undefined || nowMs - delivery.createdAtMs > maxAgeMs / 2;
}

/** A text message costs money and wakes people: one that may have arrived is not sent again without being asked. */
export const ambiguityRule = (profile: RetryProfileName): OnAmbiguous => (profile === "sms" ? "park" : "retry");

/** Where an attempt leaves its delivery: delivered, queued for another attempt, or dead with the reason. */
export function decide(input: DecisionInput): Decision {
  const { delivery, outcome, nowMs } = input;
  const uncertain = delivery.uncertain || (outcome.kind === "retry" && outcome.ambiguous);
  // An earlier attempt may have been accepted for others.
  const providerId = (outcome.kind === "delivered" ? outcome.providerId : undefined) ?? delivery.providerId;
  const refused = refusedNow(outcome);
  const left = refused ?? targetsLeft(delivery.payload);
  const payload = payloadAfter(input, refused);
  const ended = {
    nextAttemptAtMs: nowMs,
    providerId,
    uncertain,
    pauseUntilMs: null,
    ...(payload === delivery.payload ? {} : { payload }),
  };
  const failure = asFailure(outcome);
  if (failure === null) return { ...ended, to: "delivered", reason: null, detail: null };
  const { kind, reason, detail } = failure;
  // Who takes the message has it; that nobody else ever will is a remark on it, as it is after the first attempt.
  if (kind === "permanent" && reason === "partial" && left !== null)
    return { ...ended, to: "delivered", reason, detail };
  if (kind === "permanent") return { ...ended, ...givenUp(reason, detail, left) };
  const rule = input.onAmbiguous ?? ambiguityRule(input.profile);
  if (failure.ambiguous && rule === "park") {
    return {
      ...ended,
      ...givenUp(reason, `${detail} (may have arrived; it is not sent again without being asked)`, left),
    };
  }
  if (failure.ambiguous && rule === "assume-delivered")
    return { ...ended, to: "delivered", reason, detail: `${detail} (taken for delivered)` };
  // The process is ending: the next one continues at once.
  if (reason === "cancelled") return { ...ended, to: "queued", reason, detail };
  return { ...ended, ...decideRetry(input, failure, left) };
}

function payloadAfter({ delivery, degraded }: DecisionInput, refused: readonly string[] | null): Delivery["payload"] {
  const narrowed = refused === null ? delivery.payload : narrowedTo(delivery.payload, refused);
  return degraded === undefined || narrowed["degrade"] === degraded ? narrowed : degradedTo(narrowed, degraded);
}

type RetryDecision = Pick<Decision, "to" | "nextAttemptAtMs" | "reason" | "detail" | "pauseUntilMs">;

/** @param left Targets that still lack the message, when others have it. */
function decideRetry(input: DecisionInput, outcome: RetryOutcome, left: readonly string[] | null): RetryDecision {
  const { delivery, nowMs, random } = input;
  const profile = RETRY_PROFILES[input.profile];
  const attempts = delivery.attempts + 1;
  const asked = serverDelayMs(outcome);
  const isQuota = asked !== undefined && asked > LONGEST_RATE_LIMIT_MS;
  const delayMs = nextDelayMs(profile, attempts, { random, ...(asked === undefined ? {} : { afterMs: asked }) });
  const nextAttemptAtMs = nowMs + delayMs;
  // A wait for some of the targets holds up nobody who takes messages.
  const isForAll = left === null || outcome.reason === "rate-limited";
  const pauseUntilMs = asked === undefined || !isForAll ? null : nowMs + asked;
  const dead = (reason: RetryDecision["reason"], detail: string): RetryDecision => ({
    ...givenUp(reason, detail, left),
    nextAttemptAtMs: nowMs,
    pauseUntilMs,
  });

  if (outcome.maxAttempts !== undefined && attemptsFor(outcome, input.history) >= outcome.maxAttempts) {
    return dead(outcome.reason, outcome.detail);
  }
  if (attempts >= profile.maxAttempts)
    return dead("attempts-exhausted", `${attempts} attempts; the last one: ${outcome.detail}`);
  if (delivery.expiresAtMs !== null && nextAttemptAtMs >= delivery.expiresAtMs) {
    return dead("expired", `no attempt left before it expires; the last one: ${outcome.detail}`);
  }
  // A wait that the provider asked for is kept, however long: giving up would lose the message for obeying.
  if ((outcome.afterMs === undefined || !isForAll) && nextAttemptAtMs - firstAttemptMs(input) > profile.maxAgeMs) {
    return dead("expired", `tried for too long; the last attempt: ${outcome.detail}`);
  }
  return {
    to: "queued",
    nextAttemptAtMs,
    reason: isQuota && isForAll ? "quota" : outcome.reason,
    detail: outcome.detail,
    pauseUntilMs,
  };
}

function serverDelayMs({ reason, afterMs }: RetryOutcome): number | undefined {
  if (afterMs !== undefined) return Math.min(Math.max(0, afterMs), LONGEST_QUOTA_MS);
  return reason === "rate-limited" ? RATE_LIMIT_FLOOR_MS : undefined;
}

/** This attempt and the earlier ones that ended for the same reason. */
const attemptsFor = (outcome: RetryOutcome, history: readonly Attempt[]): number =>
  1 + history.filter((attempt) => attempt.outcome.kind === "retry" && attempt.outcome.reason === outcome.reason).length;

/**
 * Age counts from the first attempt, not from creation: a delivery that waited for a process to start, or was replayed
 * by a person, gets its full chance.
 */
const firstAttemptMs = ({ delivery, history, startedAtMs }: DecisionInput): number =>
  delivery.attempts === 0 ? startedAtMs : (history[0]?.startedAtMs ?? delivery.createdAtMs);
