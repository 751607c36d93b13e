import type { Random } from "../base/random.ts";
import type { RetryProfileName } from "./channel.ts";

const SECOND_MS = 1_000;
const MINUTE_MS = 60 * SECOND_MS;
const HOUR_MS = 60 * MINUTE_MS;

interface ProfileBounds {
  /** Attempts in all, the first included. */
  readonly maxAttempts: number;
  /** A message older than this is no longer sent: late news about a failed run is noise. */
  readonly maxAgeMs: number;
}

/** Full jitter over an exponentially growing interval. */
interface ExponentialProfile extends ProfileBounds {
  readonly baseMs: number;
  readonly capMs: number;
}

/** Fixed waits; the first entry belongs to the first attempt. */
interface ScheduledProfile extends ProfileBounds {
  readonly scheduleMs: readonly number[];
  /** Each wait varies by this share up and down. */
  readonly jitter: number;
}

export type RetryProfile = ExponentialProfile | ScheduledProfile;

/** Schedule of `webhook`. Source: Standard Webhooks specification, "Deliverability and reliability". */
const WEBHOOK_SCHEDULE_MS = [
  0,
  5 * SECOND_MS,
  5 * MINUTE_MS,
  30 * MINUTE_MS,
  2 * HOUR_MS,
  5 * HOUR_MS,
  10 * HOUR_MS,
  14 * HOUR_MS,
  20 * HOUR_MS,
  24 * HOUR_MS,
];

/** How long each kind of channel keeps trying. Age decides more often than the number of attempts. */
export const RETRY_PROFILES: Readonly<Record<RetryProfileName, RetryProfile>> = {
  chat: { baseMs: 2 * SECOND_MS, capMs: 5 * MINUTE_MS, maxAttempts: 8, maxAgeMs: HOUR_MS },
  page: { baseMs: SECOND_MS, capMs: 2 * MINUTE_MS, maxAttempts: 20, maxAgeMs: 24 * HOUR_MS },
  email: { baseMs: 5 * SECOND_MS, capMs: 15 * MINUTE_MS, maxAttempts: 10, maxAgeMs: 6 * HOUR_MS },
  sms: { baseMs: 5 * SECOND_MS, capMs: 5 * MINUTE_MS, maxAttempts: 4, maxAgeMs: 30 * MINUTE_MS },
  // The schedule adds up to 75.6 hours, 83.2 with all jitter upwards: the last attempt still fits.
  webhook: {
    scheduleMs: WEBHOOK_SCHEDULE_MS,
    jitter: 0.1,
    maxAttempts: WEBHOOK_SCHEDULE_MS.length,
    maxAgeMs: 84 * HOUR_MS,
  },
};

/** Spread added after a delay that the server gave, so that a fleet does not wake at once. */
const WAKE_SPREAD_MS = 1_000;

/**
 * Wait before the next attempt: jitter of the profile, at least what the server asked for.
 *
 * @param attempt Attempts made so far; 1 after the first.
 * @param context.afterMs Delay that the server asked for, milliseconds.
 * @returns Whole milliseconds. Whether another attempt is due at all is decided by `maxAttempts` and `maxAgeMs`.
 * @see AWS Architecture Blog, "Exponential Backoff And Jitter" ("full jitter" variant).
 */
export function nextDelayMs(
  profile: RetryProfile,
  attempt: number,
  context: { readonly random: Random; readonly afterMs?: number },
): number {
  const own =
    "scheduleMs" in profile
      ? scheduledDelayMs(profile, attempt, context.random)
      : jitteredDelayMs(profile, attempt, context.random);
  if (context.afterMs === undefined) return Math.floor(own);
  return Math.floor(Math.max(own, context.afterMs) + context.random() * WAKE_SPREAD_MS);
}

function jitteredDelayMs({ baseMs, capMs }: ExponentialProfile, attempt: number, random: Random): number {
  return random() * Math.min(capMs, baseMs * 2 ** attempt);
}

function scheduledDelayMs({ scheduleMs, jitter }: ScheduledProfile, attempt: number, random: Random): number {
  const planned = scheduleMs[Math.min(attempt, scheduleMs.length - 1)] ?? 0;
  return planned * (1 + jitter * (2 * random() - 1));
}
